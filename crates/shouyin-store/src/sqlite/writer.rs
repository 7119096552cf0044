//! Group commit: one thread owns the connection that writes, and one commit carries everything that was waiting for it.

use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use shouyin_core::ports::StoreError;

use super::error::DbError;
use super::job::{Job, run_in_savepoint};
use super::queue::{Message, Queue};

/// At most this many requests share one commit.
const MAX_BATCH: usize = 512;

/// Starts the thread. It sleeps while nothing is waiting.
pub(super) fn start(conn: Connection) -> std::io::Result<(Queue, JoinHandle<()>)> {
    let (queue, receiver) = Queue::new();
    let thread = thread::Builder::new()
        .name("sqlite-writer".into())
        .spawn(move || run(&conn, &receiver))?;
    Ok((queue, thread))
}

fn run(conn: &Connection, receiver: &Receiver<Message>) {
    let mut is_stopping = false;
    while !is_stopping {
        let Ok(Message::Job(first)) = receiver.recv() else {
            break;
        };
        batch(conn, first, || match receiver.try_recv() {
            Ok(Message::Job(job)) => Some(job),
            Ok(Message::Stop) => {
                is_stopping = true;
                None
            }
            Err(_) => None,
        });
    }
    while let Ok(message) = receiver.try_recv() {
        if let Message::Job(job) = message {
            batch(conn, job, || None);
        }
    }
    // Not needed for safety, only for a small file beside the database at rest.
    let checkpoint = conn.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()));
    if let Err(error) = checkpoint {
        tracing::warn!(%error, "The write-ahead log was kept: it could not be copied into the database file");
    }
}

/// Runs `first` and whatever `next` gives meanwhile in one transaction, then answers everybody.
pub(super) fn batch(
    conn: &Connection,
    first: Box<dyn Job>,
    mut next: impl FnMut() -> Option<Box<dyn Job>>,
) {
    let mut batch = Batch::default();
    let mut state = begin(conn);
    let mut waiting = Some(first);
    while let Some(job) = waiting {
        match state {
            Ok(()) => state = batch.add(conn, job),
            Err(_) => batch.refused.push(job),
        }
        let is_full = batch.done.len() + batch.refused.len() >= MAX_BATCH;
        waiting = if is_full { None } else { next() };
    }
    let committed = state.and_then(|()| commit(conn));
    for job in batch.done.into_iter().chain(batch.refused) {
        job.answer(committed.clone());
    }
}

/// The requests of one transaction. A savepoint for each would cost a quarter of all the work, to undo what hardly ever
/// fails. So there are none, until a request fails: then the transaction starts again with those that went well before,
/// and whatever comes after gets its savepoint.
#[derive(Default)]
struct Batch {
    done: Vec<Box<dyn Job>>,
    refused: Vec<Box<dyn Job>>,
    has_savepoints: bool,
}

impl Batch {
    /// An error means that the transaction is gone.
    fn add(&mut self, conn: &Connection, mut job: Box<dyn Job>) -> Result<(), StoreError> {
        let is_ok = if self.has_savepoints {
            match run_in_savepoint(conn, &mut *job) {
                Ok(is_ok) => is_ok,
                Err(error) => {
                    self.refused.push(job);
                    return give_up(conn, &StoreError::from(error));
                }
            }
        } else {
            job.run(conn)
        };
        if is_ok {
            self.done.push(job);
            return Ok(());
        }
        self.refused.push(job);
        if !self.has_savepoints {
            self.has_savepoints = true;
            return self.start_again(conn);
        }
        if conn.is_autocommit() {
            let cause = StoreError::Unavailable("SQLite rolled it back".into());
            return give_up(conn, &cause);
        }
        Ok(())
    }

    /// Nobody else writes, so the same requests do the same again.
    fn start_again(&mut self, conn: &Connection) -> Result<(), StoreError> {
        begin(conn)?;
        if self.done.iter_mut().all(|job| job.run(conn)) {
            return Ok(());
        }
        let cause = StoreError::Unavailable("a request failed that went well before".into());
        give_up(conn, &cause)
    }
}

/// Starts a transaction, on the ruins of another one if need be.
fn begin(conn: &Connection) -> Result<(), StoreError> {
    if !conn.is_autocommit() {
        execute(conn, "rollback")?;
    }
    execute(conn, "begin immediate")
}

fn give_up(conn: &Connection, cause: &StoreError) -> Result<(), StoreError> {
    if !conn.is_autocommit() {
        execute(conn, "rollback")?;
    }
    Err(StoreError::Unavailable(format!(
        "the transaction shared with other requests is gone: {cause}"
    )))
}

fn commit(conn: &Connection) -> Result<(), StoreError> {
    let committed = execute(conn, "commit");
    if committed.is_err() && !conn.is_autocommit() {
        execute(conn, "rollback")?;
    }
    // Whatever went wrong while committing, the answer is: nothing was saved.
    committed.map_err(|error| StoreError::Unavailable(error.to_string()))
}

fn execute(conn: &Connection, sql: &str) -> Result<(), StoreError> {
    conn.prepare_cached(sql)
        .and_then(|mut statement| statement.execute([]))
        .map(|_| ())
        .map_err(|error| DbError::from(error).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::job::{Answer, job};
    use crate::sqlite::open;

    type Work = fn(&Connection) -> Result<i64, DbError>;

    /// Counts up in the table `probe`; returns the count.
    fn count(conn: &Connection) -> Result<i64, DbError> {
        let sql = "update probe set count = count + 1 returning count";
        Ok(conn.query_row(sql, [], |row| row.get(0))?)
    }

    /// Counts up twice, then hits a unique key.
    fn conflict(conn: &Connection) -> Result<i64, DbError> {
        count(conn)?;
        count(conn)?;
        conn.execute("insert into probe (id, count) values (1, 0)", [])?;
        count(conn)
    }

    fn break_off(conn: &Connection) -> Result<i64, DbError> {
        count(conn)?;
        panic!("this panic is part of a test");
    }

    /// What a failing disk does: SQLite takes the whole transaction back.
    fn lose_transaction(conn: &Connection) -> Result<i64, DbError> {
        conn.execute_batch("rollback")?;
        Err(StoreError::Unavailable("disk".into()).into())
    }

    /// Makes the commit itself fail.
    fn spoil_commit(conn: &Connection) -> Result<i64, DbError> {
        conn.execute_batch(
            "pragma defer_foreign_keys = on;
             insert into attempt (mchid, out_trade_no, payment_id, position, route, payer, amount_fen, description, expires_at, state,
                    created_at, last_sent_at, sends)
             values ('1', 'number', 'none', 0, 'v3', 'payer', 1, '', 0, 'open', 0, 0, 0)",
        )?;
        count(conn)
    }

    /// Runs all of `works` in one batch. Returns their answers and what the table says afterwards.
    fn run(conn: &Connection, works: &[Work]) -> (Vec<Result<i64, StoreError>>, i64) {
        let (jobs, mut answers): (Vec<Box<dyn Job>>, Vec<Answer<i64>>) =
            works.iter().map(|work| job(*work)).unzip();
        let mut jobs = jobs.into_iter();
        let first = jobs.next().unwrap();
        batch(conn, first, || jobs.next());
        assert!(conn.is_autocommit(), "no transaction is left open");
        let answers = answers.iter_mut().map(|a| a.try_recv().unwrap()).collect();
        let sql = "select count from probe";
        let stored = conn.query_row(sql, [], |row| row.get(0)).unwrap();
        (answers, stored)
    }

    fn kinds(answers: &[Result<i64, StoreError>]) -> String {
        let kind = |answer: &Result<i64, StoreError>| match answer {
            Ok(count) => count.to_string(),
            Err(StoreError::Conflict(_)) => "conflict".into(),
            Err(StoreError::Unavailable(_)) => "unavailable".into(),
            Err(StoreError::Corrupt(_)) => "corrupt".into(),
        };
        answers.iter().map(kind).collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    fn check(works: &[Work], expected: &str, expected_count: i64) {
        let conn = open::memory().unwrap();
        let (answers, stored) = run(&conn, works);
        assert_eq!(
            (kinds(&answers).as_str(), stored),
            (expected, expected_count)
        );
        // Whatever happened, the next batch is served.
        let (answers, stored) = run(&conn, &[count]);
        assert_eq!(answers, [Ok(stored)]);
        assert_eq!(stored, expected_count + 1);
    }

    #[test]
    fn a_batch_is_committed_together() {
        check(&[count, count, count], "1 2 3", 3);
    }

    #[test]
    fn who_fails_fails_alone() {
        check(&[conflict], "conflict", 0);
        check(&[count, conflict, count], "1 conflict 2", 2);
        check(
            &[conflict, count, break_off, count],
            "conflict 1 corrupt 2",
            2,
        );
        check(
            &[count, count, break_off, conflict, count, conflict, count],
            "1 2 corrupt conflict 3 conflict 4",
            4,
        );
    }

    #[test]
    fn a_lost_transaction_is_started_again() {
        check(&[count, lose_transaction, count], "1 unavailable 2", 2);
    }

    #[test]
    fn a_transaction_lost_twice_is_given_up() {
        check(
            &[count, lose_transaction, count, lose_transaction, count],
            "unavailable unavailable unavailable unavailable unavailable",
            0,
        );
    }

    #[test]
    fn a_failed_commit_is_told_to_everybody() {
        check(
            &[count, spoil_commit, count],
            "unavailable unavailable unavailable",
            0,
        );
        check(&[conflict, spoil_commit], "conflict unavailable", 0);
    }

    #[test]
    fn a_batch_is_bounded() {
        let conn = open::memory().unwrap();
        let mut taken = 0;
        batch(&conn, job(count).0, || {
            taken += 1;
            Some(job(count).0)
        });
        assert_eq!(taken + 1, MAX_BATCH);
    }
}
