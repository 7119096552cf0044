//! Threads with connections that can only read. In WAL mode they see the last commit and never wait for the writer.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use shouyin_core::ports::StoreError;

use super::job::run_in_savepoint;
use super::queue::{Message, Queue};

/// Starts a thread for each connection; all serve one queue.
pub(super) fn start(connections: Vec<Connection>) -> std::io::Result<(Queue, Vec<JoinHandle<()>>)> {
    let (queue, receiver) = Queue::new();
    let receiver = Arc::new(Mutex::new(receiver));
    let threads = connections
        .into_iter()
        .map(|conn| {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name("sqlite-reader".into())
                .spawn(move || run(&conn, &receiver))
        })
        .collect::<Result<_, _>>()?;
    Ok((queue, threads))
}

fn run(conn: &Connection, receiver: &Mutex<Receiver<Message>>) {
    loop {
        // Released at the end of the statement: the others wait for messages, not for our work.
        let message = receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(Message::Job(mut job)) = message else {
            return;
        };
        // A savepoint of its own: all statements of one question see the same commit.
        let ended = run_in_savepoint(conn, &mut *job);
        job.answer(ended.map(|_| ()).map_err(StoreError::from));
    }
}
