//! The database: rows that survive crashes, with a place to wait before every call and a place to die around every commit.

use std::sync::{Arc, Mutex, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, StoredEvent};
use shouyin_core::id::{Appid, EndpointId, EventId, Mchid, PaymentId};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting};
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{
    BoxFuture, Changes, Decide, DeliveryFilter, DifferenceFilter, Load, PaymentFilter, PaymentKey,
    RefundFilter, Store, StoreError,
};
use shouyin_core::reconciliation::model::{Difference, Reconciliation};
use shouyin_core::refund::Refund;
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task};
use shouyin_core::time::BillDate;
use shouyin_core::webhook::model::DeliveryAttempt;
use shouyin_core::webhook::{Delivery, Endpoint};

use crate::choice::Fault;
use crate::hub::{Boot, Commit, CommitNote, Hub, Side};
use crate::marks::Mark;
use crate::rows::{Rows, now};

/// The store as one life of a server sees it.
#[derive(Debug)]
pub struct SimulatedStore {
    hub: Arc<Hub>,
    rows: Rows,
    boot: Boot,
}

/// What became of a decision before it reached the database.
#[derive(Debug, Default)]
enum Fate {
    /// It wanted nothing, or was not asked.
    #[default]
    Nothing,
    /// It is to be committed.
    Saved(Box<CommitNote>),
    /// The commit failed: nothing is saved.
    Failed(StoreError),
}

fn died() -> StoreError {
    StoreError::Unavailable("the process died".to_owned())
}

impl SimulatedStore {
    pub(crate) fn new(hub: &Arc<Hub>, rows: &Rows, boot: Boot) -> Self {
        Self {
            hub: Arc::clone(hub),
            rows: rows.clone(),
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

    fn transact_now(&self, load: Load, decide: Decide) -> Result<(), StoreError> {
        let fate = Arc::new(Mutex::new(Fate::default()));
        let slot = Arc::clone(&fate);
        let door = Door {
            hub: Arc::clone(&self.hub),
            boot: self.boot,
        };
        let next = self.rows.commits() + 1;
        let guarded: Decide = Box::new(move |loaded| {
            let changes = decide(loaded);
            if changes.is_empty() {
                return changes;
            }
            let (fate, changes) = match door.before(next) {
                Ok(()) => (Fate::Saved(Box::new(note(&changes))), changes),
                Err(error) => (Fate::Failed(error), Changes::default()),
            };
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = fate;
            changes
        });
        let result = now(self.rows.store().transact(load, guarded));
        let fate = std::mem::take(&mut *fate.lock().unwrap_or_else(PoisonError::into_inner));
        match (fate, result) {
            (Fate::Failed(error), _) => Err(error),
            (Fate::Saved(note), Ok(())) => self.door().after(&self.rows, next, *note),
            (Fate::Saved(_) | Fate::Nothing, result) => {
                if let Err(StoreError::Conflict(_)) = &result {
                    self.hub.mark(Mark::Conflict);
                }
                result
            }
        }
    }

    fn claim_now(
        &self,
        lane: Lane,
        now_is: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> Result<Vec<Task>, StoreError> {
        let due = now(self.rows.store().next_due(lane))?;
        if due.is_none_or(|due| due > now_is) {
            return Ok(Vec::new());
        }
        let next = self.rows.commits() + 1;
        self.door().before(next)?;
        let claimed = now(self
            .rows
            .store()
            .claim_tasks(lane, now_is, lease_until, lease, limit));
        match claimed {
            Ok(tasks) if tasks.is_empty() => Ok(tasks),
            Ok(tasks) => {
                self.door().after(&self.rows, next, CommitNote::default())?;
                Ok(tasks)
            }
            Err(error) => Err(error),
        }
    }

    fn door(&self) -> Door {
        Door {
            hub: Arc::clone(&self.hub),
            boot: self.boot,
        }
    }
}

/// What the checkers want to know of a commit.
fn note(changes: &Changes) -> CommitNote {
    CommitNote {
        payment: changes.payment.as_ref().map(|payment| payment.id.clone()),
        events: changes.events.len(),
        postings: changes.postings.len(),
        endpoints: !changes.endpoints.is_empty(),
        deliveries: changes.deliveries.clone(),
        incidents: changes.incidents.iter().map(|found| found.kind).collect(),
        differences: changes
            .differences
            .iter()
            .map(|found| found.state)
            .collect(),
    }
}

/// Stands around every commit of one life of a server.
#[derive(Debug)]
struct Door {
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

    fn before(&self, number: u64) -> Result<(), StoreError> {
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

    fn after(&self, rows: &Rows, number: u64, note: CommitNote) -> Result<(), StoreError> {
        rows.committed();
        {
            let mut inner = self.hub.lock();
            let process = inner.current.0;
            inner.commits.push(Commit { note, process });
        }
        if self.ordered(number, Side::After) {
            self.hub.say(format_args!("crash after commit {number}"));
            return Err(died());
        }
        Ok(())
    }
}

/// A read that the product may have to wait for.
macro_rules! waiting {
    ($self:ident, $call:expr) => {
        Box::pin(async move {
            $self.wait().await;
            now($call)
        })
    };
}

impl Store for SimulatedStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.wait().await;
            let result = self.transact_now(load, decide);
            self.alive(result).await
        })
    }

    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>> {
        Box::pin(async move {
            self.wait().await;
            let result = self.claim_now(lane, now, lease_until, lease, limit);
            self.alive(result).await
        })
    }

    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.rows.store().next_due(lane)
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        waiting!(self, self.rows.store().payment(key))
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        waiting!(self, self.rows.store().payments(mchid, filter))
    }

    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>> {
        waiting!(self, self.rows.store().refunds(mchid, filter))
    }

    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>> {
        waiting!(self, self.rows.store().balance(mchid))
    }

    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        waiting!(self, self.rows.store().postings(mchid, payment_id))
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        waiting!(self, self.rows.store().events(mchid, after, limit))
    }

    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>> {
        waiting!(self, self.rows.store().event(mchid, id))
    }

    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>> {
        waiting!(self, self.rows.store().endpoints(mchid))
    }

    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>> {
        waiting!(self, self.rows.store().endpoint(id))
    }

    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>> {
        Box::pin(async move {
            self.wait().await;
            crate::rows::now(self.rows.store().due_deliveries(id, now, limit))
        })
    }

    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        waiting!(self, self.rows.store().deliveries(mchid, id, filter))
    }

    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>> {
        waiting!(
            self,
            self.rows.store().delivery_attempts(mchid, id, event_id)
        )
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        waiting!(self, self.rows.store().incidents(mchid, limit))
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        waiting!(self, self.rows.store().notifications(mchid, limit))
    }

    // Sessions, API keys and readiness belong to the HTTP layer, which is not part of this simulation.

    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        waiting!(self, self.rows.store().reconciliation(mchid, date))
    }

    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>> {
        waiting!(
            self,
            self.rows.store().reconciliations(mchid, before, limit)
        )
    }

    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>> {
        waiting!(self, self.rows.store().differences(mchid, filter))
    }

    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        waiting!(self, self.rows.store().unbilled(mchid, from, until))
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.store().put_session(session)
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.rows.store().session(token_hash)
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.rows.store().session_by_code(appid, code_hash)
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.rows.store().delete_ended_sessions(now)
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.store().put_api_key(key)
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        self.rows.store().api_key(hash)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.rows.store().ping()
    }
}
