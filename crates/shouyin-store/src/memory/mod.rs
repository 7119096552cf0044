//! The memory store: the same rules as a database, deterministic and without threads, for the simulation and for tests.

mod data;
mod event;
mod faults;
mod ledger;
mod reconciliation;
mod refund;
mod store;
mod task;
mod webhook;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::StoredEvent;
use shouyin_core::incident::Incident;
use shouyin_core::ledger::Posting;
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{Decide, Load, StoreError};
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task};
use shouyin_core::webhook::model::{Delivery, DeliveryAttempt, Endpoint};

use self::data::Data;
pub use self::faults::CommitFaults;

/// Rows in memory. A clone is another door to the same rows, as a second process has to a database; the rows live as
/// long as one clone does, so they survive the "crash" of a simulated server.
///
/// Every future is ready at its first poll.
#[derive(Clone, Default)]
pub struct MemoryStore {
    data: Arc<Mutex<Data>>,
    faults: Option<Arc<dyn CommitFaults>>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MemoryStore").field(&*self.lock()).finish()
    }
}

impl MemoryStore {
    /// A store without rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another door to the same rows, whose commits `faults` may let go wrong.
    #[must_use]
    pub fn with_faults(&self, faults: Arc<dyn CommitFaults>) -> Self {
        Self {
            data: Arc::clone(&self.data),
            faults: Some(faults),
        }
    }

    /// How many commits changed something, through any door.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// Every payment of every merchant, oldest first: for checkers.
    pub fn all_payments(&self) -> Vec<Payment> {
        self.lock().payments.values().cloned().collect()
    }

    /// Every event of every merchant in the order of commits: for checkers.
    pub fn all_events(&self) -> Vec<StoredEvent> {
        self.lock().events.stored.clone()
    }

    /// Every task in the order of keys: for checkers.
    pub fn all_tasks(&self) -> Vec<Task> {
        self.lock().tasks.all().cloned().collect()
    }

    /// Every notification of every merchant, oldest first: for checkers.
    pub fn all_notifications(&self) -> Vec<NotificationRecord> {
        self.lock().notifications.clone()
    }

    /// Every incident of every merchant, oldest first: for checkers.
    pub fn all_incidents(&self) -> Vec<Incident> {
        self.lock().incidents.clone()
    }

    /// Every posting of every merchant, oldest first: for checkers.
    pub fn all_postings(&self) -> Vec<Posting> {
        self.lock().ledger.postings.clone()
    }

    /// Every webhook endpoint of every merchant, oldest first: for checkers.
    pub fn all_endpoints(&self) -> Vec<Endpoint> {
        self.lock().webhooks.endpoints.clone()
    }

    /// Every delivery, by endpoint and then in the order of events: for checkers.
    pub fn all_deliveries(&self) -> Vec<Delivery> {
        self.lock().webhooks.deliveries.values().cloned().collect()
    }

    /// The log of every delivery, by endpoint and then in the order of events, each oldest line first: for checkers.
    pub fn all_delivery_attempts(&self) -> Vec<DeliveryAttempt> {
        self.lock()
            .webhooks
            .log
            .values()
            .flatten()
            .cloned()
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Data> {
        // Nothing panics between the first and the last change of a commit, so a poisoned lock hides no half of one.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The only place where rows change.
    fn commit<T>(
        &self,
        data: &mut Data,
        change: impl FnOnce(&mut Data) -> T,
    ) -> Result<T, StoreError> {
        let number = data.commits + 1;
        if let Some(faults) = &self.faults {
            faults.before_commit(number)?;
        }
        let answer = change(data);
        data.commits = number;
        if let Some(faults) = &self.faults {
            faults.after_commit(number)?;
        }
        Ok(answer)
    }

    fn transact_now(&self, load: &Load, decide: Decide) -> Result<(), StoreError> {
        let mut data = self.lock();
        let loaded = data.load(load);
        let changes = crate::panic::contain(|| Ok::<_, StoreError>(decide(loaded)))?;
        if changes.is_empty() {
            return Ok(());
        }
        // What was loaded is still there: nobody else has the lock.
        let before = load.payment.as_ref().and_then(|key| data.payment(key));
        data.check(before, &changes)?;
        self.commit(&mut data, |data| data.apply(changes))
    }

    fn claim_now(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let mut data = self.lock();
        let due = data.tasks.due(lane, now, limit);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.commit(&mut data, |data| data.tasks.lease(&due, lease_until, lease))
    }

    fn put_session_now(&self, session: Session) -> Result<(), StoreError> {
        let mut data = self.lock();
        let taken = |known: &Session| known.token_hash == session.token_hash;
        if data.sessions.iter().any(taken) {
            return Err(StoreError::Conflict("session token exists".into()));
        }
        self.commit(&mut data, |data| data.sessions.push(session))
    }

    fn delete_ended_sessions_now(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut data = self.lock();
        let ended = data.sessions.iter().filter(|s| !s.is_valid(now)).count();
        if ended > 0 {
            self.commit(&mut data, |data| data.sessions.retain(|s| s.is_valid(now)))?;
        }
        Ok(u64::try_from(ended).unwrap_or(u64::MAX))
    }

    fn put_api_key_now(&self, key: ApiKey) -> Result<(), StoreError> {
        let mut data = self.lock();
        let created_at = match data.api_keys.get(&key.hash) {
            Some(known) if known.mchid != key.mchid => {
                return Err(StoreError::Conflict(
                    "API key of another merchant exists".into(),
                ));
            }
            Some(known) => known.created_at,
            None => key.created_at,
        };
        let key = ApiKey { created_at, ..key };
        self.commit(&mut data, |data| {
            data.api_keys.insert(key.hash.clone(), key);
        })
    }
}
