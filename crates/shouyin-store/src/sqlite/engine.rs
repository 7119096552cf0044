//! Where statements run: on threads of their own, or at once on the caller's.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use shouyin_core::ports::StoreError;

use super::error::DbError;
use super::job::{Answer, job};
use super::open::{self, OpenError};
use super::queue::{self, Queue};
use super::{readers, writer};

/// The most reader threads; fewer on small machines.
const MAX_READERS: usize = 8;

pub(super) enum Engine {
    Threads(Threads),
    Inline(Mutex<Connection>),
}

pub(super) struct Threads {
    writer: Queue,
    /// None in memory, where only one connection can see the database.
    readers: Option<Queue>,
    running: Mutex<Option<Running>>,
}

struct Running {
    writer: JoinHandle<()>,
    readers: Vec<JoinHandle<()>>,
    /// Released last.
    lock: Option<File>,
}

impl Engine {
    pub(super) fn file(path: &Path) -> Result<Self, OpenError> {
        let opened = open::file(path)?;
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let connections = (0..cores.clamp(2, MAX_READERS))
            .map(|_| open::reader(path))
            .collect::<Result<_, _>>()?;
        let no_thread = |error: std::io::Error| OpenError::Failed {
            path: path.into(),
            reason: format!("no thread can be started: {error}"),
        };
        let (writer, writer_thread) = writer::start(opened.conn).map_err(no_thread)?;
        let (readers, reader_threads) = readers::start(connections).map_err(no_thread)?;
        Ok(Self::Threads(Threads {
            writer,
            readers: Some(readers),
            running: Mutex::new(Some(Running {
                writer: writer_thread,
                readers: reader_threads,
                lock: Some(opened.lock),
            })),
        }))
    }

    pub(super) fn memory() -> Result<Self, OpenError> {
        let (writer, thread) =
            writer::start(open::memory()?).map_err(|error| OpenError::Failed {
                path: ":memory:".into(),
                reason: format!("no thread can be started: {error}"),
            })?;
        Ok(Self::Threads(Threads {
            writer,
            readers: None,
            running: Mutex::new(Some(Running {
                writer: thread,
                readers: Vec::new(),
                lock: None,
            })),
        }))
    }

    pub(super) fn inline() -> Result<Self, OpenError> {
        Ok(Self::Inline(Mutex::new(open::memory()?)))
    }

    /// Runs `work` inside a transaction that may write; returns when it is committed.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (job, answer) = job(work);
        match self {
            Self::Threads(threads) => threads.writer.send(job)?,
            Self::Inline(conn) => {
                let conn = conn.lock().unwrap_or_else(PoisonError::into_inner);
                writer::batch(&conn, job, || None);
            }
        }
        receive(answer).await
    }

    /// Runs `work` on what is committed.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, DbError> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Self::Threads(Threads {
            readers: Some(readers),
            ..
        }) = self
        {
            let (job, answer) = job(work);
            readers.send(job)?;
            return receive(answer).await;
        }
        self.write(work).await
    }

    /// Lets everything that is waiting finish, and ends the threads. Does nothing the second time.
    pub(super) fn close(&self) -> Result<(), StoreError> {
        let Self::Threads(threads) = self else {
            return Ok(());
        };
        let running = threads
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match running {
            Some(running) => threads.stop(running),
            None => Ok(()),
        }
    }
}

impl Threads {
    /// Readers first: the last connection to close is then the writer's, which tidies up the write-ahead log.
    fn stop(&self, running: Running) -> Result<(), StoreError> {
        for _ in &running.readers {
            if let Some(readers) = &self.readers {
                readers.stop_one();
            }
        }
        let mut ended: Vec<_> = running.readers.into_iter().map(JoinHandle::join).collect();
        self.writer.stop_one();
        ended.push(running.writer.join());
        drop(running.lock);
        if ended.iter().all(Result::is_ok) {
            Ok(())
        } else {
            Err(StoreError::Unavailable(
                "a database thread had ended by a panic".into(),
            ))
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "The database was not closed in an orderly way");
        }
    }
}

async fn receive<T>(answer: Answer<T>) -> Result<T, StoreError> {
    match answer.await {
        Ok(result) => result,
        Err(_) => Err(queue::closed()),
    }
}
