//! The compose file, as far as it can be checked without running it.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;

use super::read;

const COMPOSE: &str = "docker-compose.yml";

/// The names at this depth of a block that begins with `block:` at the top.
fn names_in(block: &str) -> BTreeSet<String> {
    let text = read(COMPOSE);
    let within = text
        .lines()
        .skip_while(|line| *line != format!("{block}:"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let name = Regex::new("^  ([a-z0-9-]+):").unwrap();
    within
        .filter_map(|line| Some(name.captures(line)?[1].to_owned()))
        .collect()
}

#[test]
fn it_is_yaml() {
    let text = read(COMPOSE);
    assert!(!text.contains('\t'), "tabs");
    // Where Python has a parser, it decides; the shape below is looked at everywhere.
    let script = "import sys\ntry:\n    import yaml\nexcept ImportError:\n    sys.exit(77)\n\
         yaml.safe_load(open(sys.argv[1]))";
    let parsed = Command::new("python3")
        .args(["-c", script, COMPOSE])
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&parsed.stderr);
    let fits = matches!(parsed.status.code(), Some(0 | 77));
    assert!(fits, "{complaint}");
    for line in text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let indent = line.len() - line.trim_start().len();
        assert_eq!(indent % 2, 0, "{line}");
    }
}

#[test]
fn what_it_names_is_there() {
    let services = names_in("services");
    for wanted in [
        "longshore-1",
        "longshore-2",
        "worker",
        "proxy",
        "postgres",
        "redis",
        "store",
    ] {
        assert!(services.contains(wanted), "{services:?}");
    }
    let text = read(COMPOSE);
    let waits = Regex::new(r"(?m)^ +([a-z0-9-]+):\n +condition: ").unwrap();
    for wait in waits.captures_iter(&text) {
        assert!(services.contains(&wait[1]), "{}", &wait[1]);
    }
    let volumes = names_in("volumes");
    let mounts = Regex::new(r"(?m)^      - ([a-z]+):/").unwrap();
    let mounted: BTreeSet<String> = mounts
        .captures_iter(&text)
        .map(|mount| mount[1].to_owned())
        .collect();
    assert_eq!(volumes, mounted);
    let example = read(".env.example");
    let taken = Regex::new(r"\$\{([A-Z_]+)").unwrap();
    for name in taken.captures_iter(&text) {
        let line = format!("\n{}=", &name[1]);
        assert!(example.contains(&line), ".env.example lacks {}", &name[1]);
    }
}

#[test]
fn no_secret_is_committed() {
    let secret = Regex::new(r"(?m)^\s*[A-Z_]*(PASSWORD|SECRET|SECRET_KEY|MASTER_KEY)[:=](.*)$");
    let secret = secret.unwrap();
    for (file, given) in [(COMPOSE, true), (".env.example", false)] {
        for found in secret.captures_iter(&read(file)) {
            let value = found[2].trim();
            let fits = value.is_empty() || (given && value.starts_with("${"));
            assert!(fits, "{file}: {}", &found[0]);
        }
    }
    assert!(read(".gitignore").lines().any(|line| line == "/.env"));
}

#[test]
fn the_image_gets_what_the_build_reads() {
    let dockerfile = read("Dockerfile");
    let ignored = read(".dockerignore");
    for copied in ["Cargo.toml", "Cargo.lock", "src", "web", "LICENSE"] {
        assert!(dockerfile.contains(copied), "{copied}");
        let kept = format!("!{copied}");
        assert!(ignored.lines().any(|line| line == kept), "{copied}");
    }
    assert!(dockerfile.contains("--locked"));
    assert!(dockerfile.contains("\nUSER longshore\n"));
}
