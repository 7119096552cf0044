//! One request to a thread that owns a connection.

use rusqlite::Connection;
use shouyin_core::ports::StoreError;
use tokio::sync::oneshot;

use super::error::DbError;

/// A request. It may have to run again in another transaction, if the first one was rolled back because of a neighbour.
pub(super) trait Job: Send {
    /// Runs in the open transaction and keeps the result; false if that is an error.
    fn run(&mut self, conn: &Connection) -> bool;

    /// Answers the caller: the result, if what it rests on is committed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// Where the answer arrives.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, StoreError>>;

/// Packs `work` for another thread. Running it again in the same state must do the same.
pub(super) fn job<T: Send + 'static>(
    work: impl FnMut(&Connection) -> Result<T, DbError> + Send + 'static,
) -> (Box<dyn Job>, Answer<T>) {
    let (sender, answer) = oneshot::channel();
    let result = None;
    let request = Request {
        work,
        result,
        sender,
    };
    (Box::new(request), answer)
}

struct Request<T, W> {
    work: W,
    result: Option<Result<T, StoreError>>,
    sender: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W> Job for Request<T, W>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, DbError> + Send,
{
    fn run(&mut self, conn: &Connection) -> bool {
        let result = crate::panic::contain(|| (self.work)(conn));
        let is_ok = result.is_ok();
        self.result = Some(result.map_err(StoreError::from));
        is_ok
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match self.result {
            Some(Err(error)) => Err(error),
            Some(Ok(value)) => committed.map(|()| value),
            None => committed.and(Err(StoreError::Unavailable(
                "the request was not run".into(),
            ))),
        };
        // A caller who went away needs no answer; the work is done all the same.
        drop(self.sender.send(answer));
    }
}

/// Runs a job so that an error undoes what it did and nothing else. Outside a transaction this is one of its own.
pub(super) fn run_in_savepoint(conn: &Connection, job: &mut dyn Job) -> Result<bool, DbError> {
    conn.prepare_cached("savepoint request")?.execute([])?;
    let is_ok = job.run(conn);
    // After some errors, a full disk for example, SQLite has rolled back the whole transaction itself.
    if !is_ok && conn.is_autocommit() {
        return Ok(false);
    }
    if !is_ok {
        conn.prepare_cached("rollback to request")?.execute([])?;
    }
    conn.prepare_cached("release request")?.execute([])?;
    Ok(is_ok)
}
