//! Group commit: one thread owns the connection that writes, and one commit carries everything that was waiting for it.

use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use shouyin_core::ports::StoreError;

use super::error::DbError;
use super::job::{Job, Reply};
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
pub(super) fn batch(conn: &Connection, first: Job, mut next: impl FnMut() -> Option<Job>) {
    let begun = execute(conn, "begin immediate");
    let mut replies: Vec<Reply> = Vec::new();
    let mut waiting = Some(first);
    while let Some(job) = waiting {
        replies.push(job(begun.clone().map(|()| conn)));
        if begun.is_ok() && conn.is_autocommit() {
            // SQLite has rolled back the whole transaction, with what the requests before had done.
            let lost = "the transaction was rolled back because of another request in it";
            return answer(replies, &Err(StoreError::Unavailable(lost.into())));
        }
        waiting = if replies.len() < MAX_BATCH {
            next()
        } else {
            None
        };
    }
    answer(replies, &begun.and_then(|()| commit(conn)));
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

fn answer(replies: Vec<Reply>, committed: &Result<(), StoreError>) {
    for reply in replies {
        reply(committed.clone());
    }
}
