//! The memory store: the same rules as a database, deterministic and without threads, for the simulation and for tests.

mod data;
mod faults;
mod task;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::StoredEvent;
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::incident::Incident;
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{BoxFuture, Decide, Load, PaymentFilter, PaymentKey, Store, StoreError};
use shouyin_core::session::Session;
use shouyin_core::task::{Lease, Task};

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
        self.lock().events.clone()
    }

    /// Every task in the order of keys: for checkers.
    pub fn all_tasks(&self) -> Vec<Task> {
        self.lock().tasks.values().cloned().collect()
    }

    /// Every notification of every merchant, oldest first: for checkers.
    pub fn all_notifications(&self) -> Vec<NotificationRecord> {
        self.lock().notifications.clone()
    }

    /// Every incident of every merchant, oldest first: for checkers.
    pub fn all_incidents(&self) -> Vec<Incident> {
        self.lock().incidents.clone()
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
        let before = loaded.payment.clone();
        let changes = crate::panic::contain(|| Ok::<_, StoreError>(decide(loaded)))?;
        if changes.is_empty() {
            return Ok(());
        }
        data.check(before.as_ref(), &changes)?;
        self.commit(&mut data, |data| data.apply(changes))
    }

    fn claim_now(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let mut data = self.lock();
        let due = task::due(&data.tasks, now, limit);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        self.commit(&mut data, |data| {
            task::lease(&mut data.tasks, &due, lease_until, lease)
        })
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

/// The newest `limit` of rows that are stored oldest first.
fn newest<T: Clone>(rows: &[T], is_wanted: impl Fn(&T) -> bool, limit: u32) -> Vec<T> {
    rows.iter()
        .rev()
        .filter(|row| is_wanted(row))
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .cloned()
        .collect()
}

impl Store for MemoryStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.transact_now(&load, decide) })
    }

    fn claim_tasks(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>> {
        Box::pin(async move { self.claim_now(now, lease_until, lease, limit) })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async { Ok(self.lock().tasks.values().map(|task| task.due_at).min()) })
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        Box::pin(async move { Ok(self.lock().payment(&key).cloned()) })
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        Box::pin(async move { Ok(self.lock().page(&mchid, &filter)) })
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            let first = data.events.partition_point(|stored| stored.seq <= after);
            Ok(data
                .events
                .iter()
                .skip(first)
                .filter(|stored| stored.event.mchid == mchid)
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .cloned()
                .collect())
        })
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        Box::pin(async move { Ok(newest(&self.lock().incidents, |i| i.mchid == mchid, limit)) })
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        Box::pin(async move {
            let data = self.lock();
            Ok(newest(&data.notifications, |n| n.mchid == mchid, limit))
        })
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.put_session_now(session) })
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let found = newest(&self.lock().sessions, |s| s.token_hash == token_hash, 1);
            Ok(found.into_iter().next())
        })
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        Box::pin(async move {
            let is_wanted = |s: &Session| s.appid == appid && s.code_hash == code_hash;
            let found = newest(&self.lock().sessions, is_wanted, 1);
            Ok(found.into_iter().next())
        })
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        Box::pin(async move { self.delete_ended_sessions_now(now) })
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.put_api_key_now(key) })
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        Box::pin(async move { Ok(self.lock().api_keys.get(&hash).cloned()) })
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { self.commit(&mut self.lock(), |_| ()) })
    }
}
