//! A store that tells: every event is logged once, when it is committed, whichever way the news came in.

use std::sync::{Arc, Mutex, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, EventType, StoredEvent};
use shouyin_core::id::{Appid, EndpointId, EventId, Mchid, PaymentId};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting};
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::{Payment, PaymentState};
use shouyin_core::ports::{
    BoxFuture, Changes, Decide, DeliveryFilter, DifferenceFilter, Load, PaymentFilter, PaymentKey,
    RefundFilter, Store, StoreError,
};
use shouyin_core::reconciliation::model::{Difference, Reconciliation};
use shouyin_core::refund::Refund;
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task};
use shouyin_core::time::BillDate;
use shouyin_core::webhook::{Delivery, Endpoint, model::DeliveryAttempt};
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::journal::Journal;

/// Passes everything on to the store behind it.
pub(crate) struct ObservedStore {
    inner: Arc<dyn Store>,
    journal: Option<Arc<Journal>>,
    /// There are new events, so perhaps webhooks to send: looked for at once instead of at the next round.
    news: Arc<Notify>,
}

impl ObservedStore {
    pub(crate) fn new(
        inner: Arc<dyn Store>,
        journal: Option<Arc<Journal>>,
        news: Arc<Notify>,
    ) -> Self {
        Self {
            inner,
            journal,
            news,
        }
    }

    fn tell(&self, told: &Told) {
        for event in &told.events {
            log(event, told.payment.as_ref());
        }
        for incident in &told.incidents {
            warn!(
                payment.id = ?incident.payment_id, out_trade_no = ?incident.out_trade_no, bill_date = ?incident.bill_date,
                incident = incident.kind.as_str(), detail = incident.detail,
                "Incident: WeChat's word contradicts our record"
            );
        }
        if let Some(journal) = &self.journal {
            journal.committed(told);
        }
        if !told.events.is_empty() {
            self.news.notify_one();
        }
    }
}

/// What is told of a commit; all of it small beside the commit itself.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    pub(crate) payment: Option<Payment>,
    pub(crate) incidents: Vec<Incident>,
    /// Whether a notification was kept in the same transaction.
    pub(crate) with_notification: bool,
}

impl Told {
    /// Nothing, for the many commits without events.
    fn of(changes: &Changes) -> Option<Self> {
        if changes.events.is_empty() && changes.incidents.is_empty() {
            return None;
        }
        Some(Self {
            events: changes.events.clone(),
            payment: changes.payment.clone(),
            incidents: changes.incidents.clone(),
            with_notification: changes.notification.is_some(),
        })
    }
}

fn log(event: &Event, payment: Option<&Payment>) {
    let name = event.event_type.as_str();
    if event.event_type == EventType::ReconciliationCompleted {
        info!(event.id = %event.id, mchid = %event.mchid, data = event.data, "A bill was compared with the books");
        return;
    }
    if event.event_type == EventType::ReconciliationDifferenceFound {
        warn!(event.id = %event.id, mchid = %event.mchid, data = event.data, "A bill and the books differ: see GET /v1/reconciliations");
        return;
    }
    match (&event.payment_id, &event.refund_id) {
        (Some(_), Some(refund_id)) => {
            let refund = payment
                .and_then(|payment| payment.refunds.iter().find(|known| known.id == *refund_id));
            log_refund(event, refund);
        }
        (Some(id), None) => log_payment(event, id, payment),
        (None, _) => warn!(event.id = %event.id, mchid = %event.mchid, "Event {name}"),
    }
}

fn log_payment(event: &Event, id: &PaymentId, payment: Option<&Payment>) {
    let order_no = payment.map(|payment| payment.order_no.as_str());
    let out_trade_no = payment.and_then(|payment| match &payment.state {
        PaymentState::Paid(paid) => Some(paid.out_trade_no.as_str()),
        PaymentState::Open | PaymentState::Closing { .. } | PaymentState::Closed { .. } => None,
    });
    match event.event_type {
        EventType::PaymentCreated => {
            info!(payment.id = %id, order_no, "Payment {id} created");
        }
        EventType::PaymentRevised => {
            info!(payment.id = %id, order_no, "Payment {id} asks for something else now");
        }
        EventType::PaymentPaid => {
            info!(payment.id = %id, order_no, out_trade_no, "Payment {id} is paid");
        }
        EventType::PaymentPaidLate => {
            warn!(payment.id = %id, order_no, out_trade_no, "Payment {id} was paid after it was closed: see late_payment in the settings");
        }
        EventType::PaymentSurplusPaid => {
            warn!(payment.id = %id, order_no, out_trade_no, "More money than payment {id} asks for came in: see surplus_payment in the settings");
        }
        EventType::PaymentCodeFailed => {
            info!(payment.id = %id, order_no, out_trade_no, "A payment code brought no money for payment {id}");
        }
        EventType::PaymentClosed => {
            info!(payment.id = %id, order_no, "Payment {id} is closed");
        }
        // These have a refund, or no payment at all.
        EventType::RefundCreated
        | EventType::RefundSucceeded
        | EventType::RefundClosed
        | EventType::RefundRejected
        | EventType::RefundActionNeeded
        | EventType::EndpointDisabled
        | EventType::ReconciliationCompleted
        | EventType::ReconciliationDifferenceFound => {
            info!(payment.id = %id, order_no, "Event {}", event.event_type.as_str());
        }
    }
}

fn log_refund(event: &Event, refund: Option<&Refund>) {
    let (payment_id, refund_id) = (&event.payment_id, &event.refund_id);
    let out_refund_no = refund.map(|refund| refund.out_refund_no.as_str());
    let trouble = refund
        .and_then(|refund| refund.trouble.as_ref())
        .map(|trouble| trouble.code.as_str());
    let name = event.event_type.as_str();
    if matches!(
        event.event_type,
        EventType::RefundActionNeeded | EventType::RefundRejected | EventType::RefundClosed
    ) {
        warn!(
            payment.id = ?payment_id, refund.id = ?refund_id, out_refund_no, acquirer.code = trouble,
            "A refund needs somebody to look at it: {name}"
        );
    } else {
        info!(payment.id = ?payment_id, refund.id = ?refund_id, out_refund_no, "Event {name}");
    }
}

impl Store for ObservedStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let slot = Arc::new(Mutex::new(None));
            let seen = Arc::clone(&slot);
            let decide: Decide = Box::new(move |loaded| {
                let changes = decide(loaded);
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = Told::of(&changes);
                changes
            });
            self.inner.transact(load, decide).await?;
            let told = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(told) = told {
                self.tell(&told);
            }
            Ok(())
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
        self.inner.claim_tasks(lane, now, lease_until, lease, limit)
    }

    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.inner.next_due(lane)
    }

    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>> {
        self.inner.payment(key)
    }

    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>> {
        self.inner.payments(mchid, filter)
    }

    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>> {
        self.inner.events(mchid, after, limit)
    }

    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>> {
        self.inner.refunds(mchid, filter)
    }

    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>> {
        self.inner.balance(mchid)
    }

    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        self.inner.postings(mchid, payment_id)
    }

    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>> {
        self.inner.event(mchid, id)
    }

    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>> {
        self.inner.endpoints(mchid)
    }

    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>> {
        self.inner.endpoint(id)
    }

    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>> {
        self.inner.due_deliveries(id, now, limit)
    }

    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>> {
        self.inner.deliveries(mchid, id, filter)
    }

    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>> {
        self.inner.delivery_attempts(mchid, id, event_id)
    }

    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>> {
        self.inner.incidents(mchid, limit)
    }

    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>> {
        self.inner.notifications(mchid, limit)
    }

    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>> {
        self.inner.reconciliation(mchid, date)
    }

    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>> {
        self.inner.reconciliations(mchid, before, limit)
    }

    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>> {
        self.inner.differences(mchid, filter)
    }

    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>> {
        self.inner.unbilled(mchid, from, until)
    }

    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.put_session(session)
    }

    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.inner.session(token_hash)
    }

    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.inner.session_by_code(appid, code_hash)
    }

    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.inner.delete_ended_sessions(now)
    }

    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.put_api_key(key)
    }

    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>> {
        self.inner.api_key(hash)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.ping()
    }
}
