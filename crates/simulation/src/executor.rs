//! An executor for one thread that never decides anything: it polls exactly the future it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::hub::{Boot, Hub, Left, ProcessId};
use crate::work::Done;

/// A future that belongs to one life of a server.
pub(crate) type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

struct Process {
    boot: Boot,
    work: Work,
}

/// The parked futures.
#[derive(Default)]
pub(crate) struct Executor {
    parked: BTreeMap<ProcessId, Process>,
    /// Those that wait for a lock inside the product instead of for the world, and since when.
    blocked: BTreeMap<ProcessId, i64>,
    last: ProcessId,
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executor({} parked)", self.parked.len())
    }
}

impl Executor {
    /// Parks new work. It does not run before it is polled.
    pub(crate) fn spawn(&mut self, boot: Boot, work: Work) -> ProcessId {
        self.last += 1;
        self.parked.insert(self.last, Process { boot, work });
        self.last
    }

    /// Lets one future run until it waits. Its result, if it came to an end, and what it left at the ports.
    pub(crate) fn poll(&mut self, hub: &Hub, id: ProcessId) -> (Option<Done>, Left) {
        let Some(process) = self.parked.get_mut(&id) else {
            return (None, Left::default());
        };
        hub.lock().current = (id, process.boot);
        let polled = process
            .work
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let (left, is_waiting) = hub.lock().leave(id);
        match polled {
            Poll::Ready(done) => {
                self.blocked.remove(&id);
                self.parked.remove(&id);
                (Some(done), left)
            }
            Poll::Pending => {
                if is_waiting {
                    self.blocked.remove(&id);
                } else {
                    self.blocked.entry(id).or_insert_with(|| hub.now_ms());
                }
                (None, left)
            }
        }
    }

    /// Whether anybody waits for a lock inside the product.
    pub(crate) fn is_any_blocked(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Those that may go on now that another one has run: they wait for a lock inside the product.
    pub(crate) fn blocked(&self) -> Vec<ProcessId> {
        self.blocked.keys().copied().collect()
    }

    /// Since when the longest of them waits.
    pub(crate) fn blocked_since(&self) -> Option<i64> {
        self.blocked.values().copied().min()
    }

    /// Drops everything that belongs to this life.
    pub(crate) fn kill(&mut self, hub: &Hub, boot: Boot) -> usize {
        let before = self.parked.len();
        self.parked.retain(|_, process| process.boot != boot);
        let parked = &self.parked;
        self.blocked.retain(|id, _| parked.contains_key(id));
        hub.forget(|id| !parked.contains_key(&id));
        before - self.parked.len()
    }

    /// Whether this one has not come to its end.
    pub(crate) fn is_parked(&self, id: ProcessId) -> bool {
        self.parked.contains_key(&id)
    }

    /// How many futures are parked.
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }
}
