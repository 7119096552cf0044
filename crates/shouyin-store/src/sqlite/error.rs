//! What SQLite reports, in the words of the port.

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE};
use shouyin_core::ports::StoreError;

/// An error inside this module, where SQLite's own errors travel with `?`.
#[derive(Debug)]
pub(super) enum DbError {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for DbError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for DbError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<DbError> for StoreError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::Store(error) => error,
            DbError::Sqlite(rusqlite::Error::SqliteFailure(failure, message)) => {
                let text = message.unwrap_or_else(|| failure.to_string());
                from_failure(failure, text)
            }
            DbError::Sqlite(other) => StoreError::Unavailable(other.to_string()),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the codes are SQLite's: one that is new to us makes the database unavailable, never the data wrong"
)]
fn from_failure(failure: rusqlite::ffi::Error, text: String) -> StoreError {
    match failure.code {
        ErrorCode::ConstraintViolation => match failure.extended_code {
            SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY => StoreError::Conflict(text),
            // Core never makes such a row: a bug, and trying again does not help.
            _ => StoreError::Corrupt(format!("refused by a rule of the database: {text}")),
        },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            StoreError::Corrupt(format!("the database file is damaged: {text}"))
        }
        ErrorCode::DiskFull => {
            StoreError::Unavailable(format!("the disk is full or the file may not grow: {text}"))
        }
        ErrorCode::ReadOnly => {
            StoreError::Unavailable(format!("the database file cannot be written: {text}"))
        }
        ErrorCode::SystemIoFailure => {
            StoreError::Unavailable(format!("the disk reports an error: {text}"))
        }
        _ => StoreError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(extended_code: std::ffi::c_int, expected: &StoreError) {
        let failure = rusqlite::ffi::Error::new(extended_code);
        let error = rusqlite::Error::SqliteFailure(failure, Some("why".into()));
        assert_eq!(StoreError::from(DbError::from(error)), *expected);
    }

    #[test]
    fn each_failure_says_what_the_caller_can_do() {
        use rusqlite::ffi;
        let conflict = StoreError::Conflict("why".into());
        check(ffi::SQLITE_CONSTRAINT_UNIQUE, &conflict);
        check(ffi::SQLITE_CONSTRAINT_PRIMARYKEY, &conflict);
        let rule = StoreError::Corrupt("refused by a rule of the database: why".into());
        check(ffi::SQLITE_CONSTRAINT_CHECK, &rule);
        let damaged = StoreError::Corrupt("the database file is damaged: why".into());
        check(ffi::SQLITE_CORRUPT, &damaged);
        for (code, text) in [
            (
                ffi::SQLITE_FULL,
                "the disk is full or the file may not grow: why",
            ),
            (
                ffi::SQLITE_READONLY,
                "the database file cannot be written: why",
            ),
            (ffi::SQLITE_IOERR_FSYNC, "the disk reports an error: why"),
            (ffi::SQLITE_BUSY, "why"),
        ] {
            check(code, &StoreError::Unavailable(text.into()));
        }
    }
}
