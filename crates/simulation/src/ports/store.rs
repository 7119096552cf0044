//! The database: rows in memory that survive crashes, with a place to wait before every call and a place to die around
//! every commit.

use std::sync::Arc;

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
use shouyin_store::{CommitFaults, MemoryStore};

use crate::choice::Fault;
use crate::hub::{Boot, Commit, CommitNote, Hub, Side};

/// The store as one life of a server sees it.
#[derive(Debug)]
pub struct SimulatedStore {
    hub: Arc<Hub>,
    rows: MemoryStore,
    boot: Boot,
}

impl SimulatedStore {
    pub(crate) fn new(hub: &Arc<Hub>, rows: &MemoryStore, boot: Boot) -> Self {
        let door = Door {
            hub: Arc::clone(hub),
            boot,
        };
        Self {
            hub: Arc::clone(hub),
            rows: rows.with_faults(Arc::new(door)),
            boot,
        }
    }

    /// Waits until the world lets this call happen.
    async fn wait(&self) {
        self.hub.pause().await;
    }

    /// A process that died in its commit must not run on until the world has buried it.
    async fn alive<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if self.hub.lock().doomed == Some(self.boot) {
            self.hub.never().await;
        }
        result
    }
}

/// Stands around every commit of one life of a server.
#[derive(Debug)]
pub(crate) struct Door {
    hub: Arc<Hub>,
    boot: Boot,
}

impl Door {
    fn ordered(&self, number: u64, side: Side) -> bool {
        let mut inner = self.hub.lock();
        let is_next = inner.armed.front() == Some(&(number, side));
        if is_next {
            inner.armed.pop_front();
            inner.doomed = Some(self.boot);
        }
        is_next
    }
}

fn died() -> StoreError {
    StoreError::Unavailable("the process died".to_owned())
}

impl CommitFaults for Door {
    fn before_commit(&self, number: u64) -> Result<(), StoreError> {
        if self.ordered(number, Side::Before) {
            self.hub.say(format_args!("crash before commit {number}"));
            return Err(died());
        }
        let fault = self.hub.lock().choice.pick(&Fault::OF_A_COMMIT);
        match fault {
            Some(Fault::StoreUnavailable) => {
                self.hub.say(format_args!("database unavailable"));
                Err(StoreError::Unavailable("simulated".to_owned()))
            }
            Some(Fault::CrashBeforeCommit) => {
                self.hub.lock().doomed = Some(self.boot);
                self.hub.say(format_args!("crash before commit {number}"));
                Err(died())
            }
            Some(Fault::CrashAfterCommit) => {
                // The other side of this commit finds it in front of its orders.
                self.hub.lock().armed.push_front((number, Side::After));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn after_commit(&self, number: u64) -> Result<(), StoreError> {
        {
            let mut inner = self.hub.lock();
            let commit = Commit {
                note: std::mem::take(&mut inner.note),
                process: inner.current.0,
            };
            inner.commits.push(commit);
        }
        if self.ordered(number, Side::After) {
            self.hub.say(format_args!("crash after commit {number}"));
            return Err(died());
        }
        Ok(())
    }
}

/// The decision, with a note of what it wanted for the checkers.
fn noted(hub: &Arc<Hub>, decide: Decide) -> Decide {
    let hub = Arc::clone(hub);
    Box::new(move |loaded| {
        let changes = decide(loaded);
        hub.lock().note = CommitNote {
            payment: changes.payment.as_ref().map(|payment| payment.id.clone()),
            events: changes.events.len(),
        };
        changes
    })
}

impl Store for SimulatedStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.wait().await;
            let decide = noted(&self.hub, decide);
            let result = self.rows.transact(load, decide).await;
            self.alive(result).await
        })
    }

    fn claim_tasks(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>> {
        Box::pin(async move {
            self.wait().await;
            self.hub.lock().note = CommitNote::default();
            let result = self.rows.claim_tasks(now, lease_until, lease, limit).await;
            self.alive(result).await
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.rows.next_due()
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        Box::pin(async move {
            self.wait().await;
            self.rows.payment(key).await
        })
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        self.rows.payments(mchid, filter)
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.rows.events(mchid, after, limit)
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        self.rows.incidents(mchid, limit)
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        self.rows.notifications(mchid, limit)
    }

    // Sessions, API keys and readiness belong to the HTTP layer, which is not part of this simulation.

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.put_session(session)
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.rows.session(token_hash)
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.rows.session_by_code(appid, code_hash)
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.rows.delete_ended_sessions(now)
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.put_api_key(key)
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        self.rows.api_key(hash)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.ping()
    }
}
