//! The command line: reads it and runs the program it names.

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    match longshore::app::run(longshore::app::Cli::parse()) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("longshore: {error:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
