//! A database that can go away, and a process that stops dead around a commit.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, StoredEvent};
use shouyin_core::id::{Appid, EndpointId, EventId, Mchid, PaymentId};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting};
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{
    BoxFuture, Decide, DeliveryFilter, DifferenceFilter, Load, PaymentFilter, PaymentKey,
    RefundFilter, Store, StoreError,
};
use shouyin_core::reconciliation::model::{Difference, Reconciliation};
use shouyin_core::refund::Refund;
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task};
use shouyin_core::time::BillDate;
use shouyin_core::webhook::model::{Delivery, DeliveryAttempt, Endpoint};

/// Where a process stops dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freeze {
    BeforeCommit,
    AfterCommit,
}

#[derive(Debug, Default)]
struct State {
    down: bool,
    /// At which commit from now, counted from 1.
    freeze: Option<(Freeze, u32)>,
    frozen: bool,
}

/// The switches of a [`GatedStore`].
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<State>);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_down(&self, down: bool) {
        self.lock().down = down;
    }

    pub(crate) fn freeze(&self, freeze: Freeze, nth: u32) {
        self.lock().freeze = Some((freeze, nth));
    }

    /// True once the process has stopped dead.
    pub(crate) fn is_frozen(&self) -> bool {
        self.lock().frozen
    }

    /// A new process knows nothing of how the old one died.
    pub(crate) fn reset(&self) {
        let mut state = self.lock();
        state.freeze = None;
        state.frozen = false;
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.lock().down {
            Err(StoreError::Unavailable(
                "the database does not answer".into(),
            ))
        } else {
            Ok(())
        }
    }

    /// Whether this commit is the one around which the process stops.
    fn counted(&self) -> Option<Freeze> {
        let mut state = self.lock();
        let (freeze, nth) = state.freeze?;
        if nth > 1 {
            state.freeze = Some((freeze, nth - 1));
            return None;
        }
        state.freeze = None;
        Some(freeze)
    }

    async fn stop_dead(&self) {
        self.lock().frozen = true;
        std::future::pending::<()>().await;
    }
}

/// A store behind a [`Gate`].
pub(crate) struct GatedStore {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) gate: Arc<Gate>,
}

/// Passes a request on while the gate is open.
macro_rules! pass {
    ($self:ident.$method:ident($($argument:ident),*)) => {
        Box::pin(async move {
            $self.gate.check()?;
            $self.inner.$method($($argument),*).await
        })
    };
}

impl Store for GatedStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.gate.check()?;
            let freeze = self.gate.counted();
            if freeze == Some(Freeze::BeforeCommit) {
                self.gate.stop_dead().await;
            }
            let result = self.inner.transact(load, decide).await;
            if freeze == Some(Freeze::AfterCommit) {
                self.gate.stop_dead().await;
            }
            result
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
        pass!(self.claim_tasks(lane, now, lease_until, lease, limit))
    }

    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        pass!(self.next_due(lane))
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        pass!(self.payment(key))
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        pass!(self.payments(mchid, filter))
    }

    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>> {
        pass!(self.refunds(mchid, filter))
    }

    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>> {
        pass!(self.balance(mchid))
    }

    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        pass!(self.postings(mchid, payment_id))
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        pass!(self.events(mchid, after, limit))
    }

    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>> {
        pass!(self.event(mchid, id))
    }

    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>> {
        pass!(self.endpoints(mchid))
    }

    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>> {
        pass!(self.endpoint(id))
    }

    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>> {
        pass!(self.due_deliveries(id, now, limit))
    }

    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        pass!(self.deliveries(mchid, id, filter))
    }

    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>> {
        pass!(self.delivery_attempts(mchid, id, event_id))
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        pass!(self.incidents(mchid, limit))
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        pass!(self.notifications(mchid, limit))
    }

    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        pass!(self.reconciliation(mchid, date))
    }

    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>> {
        pass!(self.reconciliations(mchid, before, limit))
    }

    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>> {
        pass!(self.differences(mchid, filter))
    }

    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        pass!(self.unbilled(mchid, from, until))
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        pass!(self.put_session(session))
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        pass!(self.session(token_hash))
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        pass!(self.session_by_code(appid, code_hash))
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        pass!(self.delete_ended_sessions(now))
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        pass!(self.put_api_key(key))
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        pass!(self.api_key(hash))
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        pass!(self.ping())
    }
}
