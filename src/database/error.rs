//! How the database fails, as ways out for the caller.

/// What went wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// It does not answer, is locked, or its disk is full: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// Such a row exists already.
    #[error("such a row exists already")]
    Duplicate,
    /// The setting names no database we know.
    #[error("the database address must begin with sqlite: or postgres://")]
    Address,
    /// Settings of the connections contradict each other.
    #[error("{0}")]
    Limits(&'static str),
    /// A statement is wrong or a row is not as expected: a fault of ours.
    #[error("the database refused a statement: {0}")]
    Fault(String),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(db) if db.is_unique_violation() => Self::Duplicate,
            sqlx::Error::Database(db) if is_passing(db.code().as_deref(), db.message()) => {
                Self::Unavailable(db.message().to_owned())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_) => Self::Unavailable(error.to_string()),
            _ => Self::Fault(error.to_string()),
        }
    }
}

/// SQLite's busy (5), locked (6), I/O (10) and full (13); PostgreSQL's connection (08), resource
/// (53), operator (57, statement_timeout among them) and serialization (40) classes, and what
/// lock_timeout (55P03) and idle_in_transaction_timeout (25P03) end.
fn is_passing(code: Option<&str>, message: &str) -> bool {
    let Some(code) = code else { return false };
    let sqlite = code
        .parse::<u32>()
        .is_ok_and(|n| matches!(n & 0xff, 5 | 6 | 10 | 13));
    let postgres = code.len() == 5
        && (["08", "53", "57", "40"].contains(&&code[..2]) || ["55P03", "25P03"].contains(&code));
    (sqlite && code.len() < 5) || postgres || message.contains("database is locked")
}
