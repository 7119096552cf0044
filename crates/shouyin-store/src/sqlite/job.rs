//! One request to a thread that owns a connection.

use rusqlite::Connection;
use shouyin_core::ports::StoreError;
use tokio::sync::oneshot;

use super::error::DbError;

/// A request. Given a connection with an open transaction it runs inside a savepoint of its own; given an error it answers
/// that error. Either way it returns how to answer once the fate of the transaction is known.
pub(super) type Job = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Reply + Send>;

/// Answers a request: with its own result if the commit went well.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Where the answer arrives.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// Packs `work` for another thread.
pub(super) fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Result<T, DbError> + Send + 'static,
) -> (Job, Answer<T>) {
    let (sender, answer) = oneshot::channel();
    let job: Job = Box::new(move |conn| {
        let result = conn.and_then(|conn| in_savepoint(conn, work).map_err(StoreError::from));
        Box::new(move |committed| {
            let result = result.and_then(|value| committed.map(|()| value));
            // A caller who went away needs no answer; the work is done all the same.
            drop(sender.send(result));
        })
    });
    (job, answer)
}

/// Runs `work` so that an error or a panic undoes what it did and nothing else. Outside a transaction this is one of its own.
fn in_savepoint<T>(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    conn.prepare_cached("savepoint request")?.execute([])?;
    let result = crate::panic::contain(|| work(conn)).and_then(|value| {
        conn.prepare_cached("release request")?.execute([])?;
        Ok(value)
    });
    if result.is_err() {
        undo(conn)?;
    }
    result
}

fn undo(conn: &Connection) -> Result<(), DbError> {
    // After some errors, a full disk for example, SQLite has rolled back the whole transaction itself.
    if conn.is_autocommit() {
        return Ok(());
    }
    let undone = conn
        .prepare_cached("rollback to request")
        .and_then(|mut statement| statement.execute([]))
        .and_then(|_| conn.prepare_cached("release request"))
        .and_then(|mut statement| statement.execute([]));
    if undone.is_err() {
        // Half a request must not be committed: give up everything that was to be committed with it.
        conn.execute_batch("rollback")?;
    }
    Ok(())
}
