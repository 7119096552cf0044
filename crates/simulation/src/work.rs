//! What servers are asked to do, as work for the executor, and what came of it.

use shouyin_core::id::{IdempotencyKey, Mchid};
use shouyin_core::ports::{Ports, StoreError};
use shouyin_core::task::{Lane, Task, TaskKey};
use shouyin_core::{reconciliation, worker};

use crate::doors::{Ask, Door, Receipt, Reply};
use crate::executor::Work;
use crate::network::Letter;
use crate::server::LANES;

/// How many tasks one round of the worker takes.
const CLAIM_LIMIT: u32 = 16;

/// Which call of a client.
pub(crate) type CallId = u64;

/// Work that came to an end.
#[derive(Debug)]
pub(crate) enum Done {
    /// A client's call.
    Call { call: CallId, reply: Box<Reply> },
    /// A notification: what WeChat gets for it.
    Notification {
        letter: Box<Letter>,
        receipt: Box<Receipt>,
    },
    /// A round of the worker has its tasks.
    Claimed {
        server: usize,
        lane: usize,
        tasks: Result<Vec<Task>, StoreError>,
    },
    /// A server has started.
    Started {
        server: usize,
        result: Result<(), StoreError>,
    },
    /// One task was run.
    Ran {
        key: Box<TaskKey>,
        result: Result<(), StoreError>,
    },
}

/// A client's call as work for the executor.
pub(crate) fn serve(door: Door, call: CallId, ask: Ask, key: IdempotencyKey) -> Work {
    Box::pin(async move {
        let reply = Box::new(door.ask(ask, key).await);
        Done::Call { call, reply }
    })
}

/// A notification as work for the executor.
pub(crate) fn receive(door: Door, letter: Letter) -> Work {
    Box::pin(async move {
        let receipt = Box::new(door.receive(&letter).await);
        let letter = Box::new(letter);
        Done::Notification { letter, receipt }
    })
}

/// A round of the worker: ask for due tasks.
pub(crate) fn claim(ports: Ports, server: usize, lane: usize) -> Work {
    Box::pin(async move {
        let which = LANES.get(lane).copied().unwrap_or(Lane::Money);
        let tasks = worker::claim(&ports, which, CLAIM_LIMIT).await;
        Done::Claimed {
            server,
            lane,
            tasks,
        }
    })
}

/// A server sees to it that a merchant's bills are owed.
pub(crate) fn owe_bills(ports: Ports, server: usize, mchid: Mchid) -> Work {
    Box::pin(async move {
        let result = reconciliation::service::start(&ports, &mchid).await;
        Done::Started { server, result }
    })
}

/// One claimed task.
pub(crate) fn run_task(ports: Ports, task: Task) -> Work {
    Box::pin(async move {
        let key = Box::new(task.key.clone());
        let result = worker::run_task(&ports, task).await;
        Done::Ran { key, result }
    })
}
