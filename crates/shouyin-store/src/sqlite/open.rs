//! Opening a database file: lock, settings, migrations. Every refusal is one line that says what to do.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// How long a statement waits for a lock. Only tools that look into the file from outside can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// More than the number of different statements in this module.
const STATEMENTS: usize = 192;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another Shouyin process: stop that one first, or use another file", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file or its directory cannot be written.
    #[error("{} cannot be written: {reason}", path.display())]
    NotWritable {
        /// The database, or the file beside it.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A newer version of Shouyin has changed the tables.
    #[error("{} has schema version {found}, this version of Shouyin knows {known}: use the newer version again", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// In the file.
        found: i64,
        /// The newest of this program.
        known: i64,
    },
    /// Anything else.
    #[error("{} cannot be opened as a database: {reason}", path.display())]
    Failed {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
}

/// A locked file and its writing connection, ready for use.
pub(super) struct Opened {
    pub(super) conn: Connection,
    pub(super) lock: File,
}

pub(super) fn file(path: &Path) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    // Before SQLite would create it for everybody to read: openids are personal data.
    writable(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn =
        Connection::open_with_flags(path, flags).map_err(|error| failed(path, &error))?;
    settings(&conn, "full").map_err(|error| failed(path, &error))?;
    migrate(&mut conn, path)?;
    Ok(Opened { conn, lock })
}

pub(super) fn memory() -> Result<Connection, OpenError> {
    let path = Path::new(":memory:");
    let mut conn = Connection::open_in_memory().map_err(|error| failed(path, &error))?;
    settings(&conn, "off").map_err(|error| failed(path, &error))?;
    migrate(&mut conn, path)?;
    Ok(conn)
}

pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(BUSY_TIMEOUT)?;
        prepared(&conn)?;
        conn.pragma_update(None, "query_only", true)?;
        Ok(conn)
    };
    open().map_err(|error| failed(path, &error))
}

fn settings(conn: &Connection, synchronous: &str) -> rusqlite::Result<()> {
    conn.busy_timeout(BUSY_TIMEOUT)?;
    prepared(conn)?;
    conn.query_row("pragma journal_mode = wal", [], |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", synchronous)?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "temp_store", "memory")?;
    // 64 MiB of pages in memory; the log is copied into the file about every 32 MiB instead of every 4, in fewer waits.
    conn.pragma_update(None, "cache_size", -65_536)?;
    conn.query_row("pragma wal_autocheckpoint = 8192", [], |_| Ok(()))?;
    Ok(())
}

/// Lets statements be prepared once and for all. Without the planner's stability guarantee SQLite would prepare many of them
/// anew for each set of parameters, a fifth of all the work, although there is one good plan for each.
fn prepared(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// `path` with something appended to its name, as SQLite names its own files beside it.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The operating system releases the lock when the process ends, however it ends. It is on a file of its own, because
/// closing a second handle of the database file would release SQLite's locks.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = beside(path, "-lock");
    let file = writable(&lock_path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(error)) => Err(OpenError::NotWritable {
            path: lock_path,
            reason: error.to_string(),
        }),
    }
}

fn writable(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| OpenError::NotWritable {
        path: path.into(),
        reason: error.to_string(),
    })
}

fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let runner = embedded::migrations::runner();
    let versions = runner.get_migrations().iter();
    let known = versions.map(|m| i64::from(m.version())).max().unwrap_or(0);
    let found = schema_version(conn).map_err(|error| failed(path, &error))?;
    if found > known {
        return Err(OpenError::NewerSchema {
            path: path.into(),
            found,
            known,
        });
    }
    runner.run(conn).map_err(|error| OpenError::Failed {
        path: path.into(),
        reason: error.to_string(),
    })?;
    Ok(())
}

/// 0 for a database without tables of ours.
fn schema_version(conn: &Connection) -> rusqlite::Result<i64> {
    let has_history: bool = conn.query_row(
        "select exists (select 1 from sqlite_schema where type = 'table' and name = 'refinery_schema_history')",
        [],
        |row| row.get(0),
    )?;
    if !has_history {
        return Ok(0);
    }
    let sql = "select coalesce(max(version), 0) from refinery_schema_history";
    conn.query_row(sql, [], |row| row.get(0))
}

fn failed(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, reason) = (path.to_path_buf(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly | ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            OpenError::NotWritable { path, reason }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OpenError::InUse { path },
        Some(_) | None => OpenError::Failed { path, reason },
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_prepared_once_whatever_its_parameters_are() {
        let conn = memory().unwrap();
        let sql = "select out_trade_no from attempt where payment_id = ?1 order by position";
        for id in ["pay_1", "pay_2", "pay_3"] {
            // Taken out of the cache each time, as everywhere in this module.
            let mut statement = conn.prepare_cached(sql).unwrap();
            assert!(!statement.exists([id]).unwrap());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
