//! Deliberate mistakes, each one that a payment server could plausibly make. They live here, around the ports, so that
//! the product carries no trace of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, EventType, StoredEvent};
use shouyin_core::id::{
    Appid, EndpointId, EventId, Mchid, Openid, OutRefundNo, OutTradeNo, PaymentId, PrepayId, Route,
    WechatRefundId,
};
use shouyin_core::incident::Incident;
use shouyin_core::ledger::{Balance, Posting, PostingKind};
use shouyin_core::notification::{Notice, NoticeContent, NoticeRefused, NotificationRecord};
use shouyin_core::outcome::{Outcome, Refusal, RefusalKind};
use shouyin_core::payment::Payment;
use shouyin_core::ports::{
    Acquirer, BoxFuture, Changes, Decide, DeliveryFilter, DifferenceFilter, Invocation, Load,
    NotConfigured, NotServed, OrderAt, PaymentFilter, PaymentKey, PrepayOrder, RefundAt,
    RefundFact, RefundFilter, RefundOrder, Remedy, ScannedCode, Store, StoreError, Trade,
    TradeState, WebhookSender,
};
use shouyin_core::product::{Handle, Product};
use shouyin_core::reconciliation::model::{BillAnswer, Difference, Reconciliation};
use shouyin_core::refund::Refund;
use shouyin_core::session::Session;
use shouyin_core::task::{Lane, Lease, Task, TaskChange, TaskKind};
use shouyin_core::time::BillDate;
use shouyin_core::webhook::model::{DeliveryAttempt, Message, Reply};
use shouyin_core::webhook::{Delivery, Endpoint};
use simulation::Build;
use wechatpay::v3::{RawResponse, SignedRequest, Transport, TransportError, VerifyingKey};

/// The mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A close without an answer is taken as closed.
    CloseTimeoutIsClosed,
    /// An order call without an answer is taken as refused.
    OrderTimeoutIsRefused,
    /// An order call without an answer is tried again under a new number.
    OrderAgainUnderNewNumber,
    /// An order call is repeated with a fresh deadline.
    OrderAgainWithNewDeadline,
    /// Every signature is believed.
    AnySignature,
    /// A notification is answered first and committed later.
    AnsweredBeforeCommit,
    /// A notification is kept, but nobody acts on it.
    NotificationNotApplied,
    /// A decision is made on what was read before the transaction.
    ReadOutsideTransaction,
    /// Being paid is announced twice.
    PaidTwice,
    /// A call waits for an answer that never comes.
    CallThatNeverEnds,
    /// A refund call without an answer is taken as refused.
    RefundTimeoutIsRefused,
    /// A refund call without an answer is tried again under a new number.
    RefundAgainUnderNewNumber,
    /// What was reserved for a refund is never released.
    ReleaseForgotten,
    /// A refund that succeeded is told to nobody.
    RefundNotTold,
    /// A webhook counts as received although it was never sent.
    WebhookNotSent,
    /// Every copy of a webhook has another body.
    WebhookBodyChanges,
    /// A log line shows who paid.
    PayerInLog,
    /// WeChat is asked about orders three hours later than it should be.
    AsksLate,
}

impl Build for Bug {
    fn store(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        Arc::new(BuggyStore {
            bug: *self,
            inner: store,
            later: Mutex::default(),
        })
    }

    fn acquirer(&self, acquirer: Arc<dyn Acquirer>) -> Arc<dyn Acquirer> {
        Arc::new(BuggyAcquirer {
            bug: *self,
            inner: acquirer,
            believed_closed: Mutex::default(),
            counter: Mutex::default(),
        })
    }

    fn merchants(&self, merchants: Arc<dyn WebhookSender>) -> Arc<dyn WebhookSender> {
        Arc::new(BuggyCourier {
            bug: *self,
            inner: merchants,
            counter: Mutex::default(),
        })
    }

    fn transport(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        if *self == Bug::CallThatNeverEnds {
            Arc::new(NeverEnds(transport))
        } else {
            transport
        }
    }

    fn verifying_key(&self, key: Arc<dyn VerifyingKey>) -> Arc<dyn VerifyingKey> {
        if *self == Bug::AnySignature {
            Arc::new(Believer)
        } else {
            key
        }
    }
}

struct BuggyCourier {
    bug: Bug,
    inner: Arc<dyn WebhookSender>,
    counter: Mutex<u32>,
}

impl WebhookSender for BuggyCourier {
    fn accepts(&self, url: &str) -> Result<(), String> {
        self.inner.accepts(url)
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            if self.bug == Bug::WebhookNotSent {
                return Reply::Status(200);
            }
            if self.bug != Bug::WebhookBodyChanges {
                return self.inner.send(message).await;
            }
            let mut message = message.clone();
            let count = {
                let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
                *counter += 1;
                *counter
            };
            message.body = message.body.replacen('{', &format!("{{\"n\":{count},"), 1);
            self.inner.send(&message).await
        })
    }
}

#[derive(Debug)]
struct Believer;

impl VerifyingKey for Believer {
    fn verify(&self, _: &[u8], _: &str) -> bool {
        true
    }
}

struct NeverEnds(Arc<dyn Transport>);

impl Transport for NeverEnds {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> wechatpay::BoxFuture<'a, Result<RawResponse, TransportError>> {
        if request.target.ends_with("/close") {
            return Box::pin(std::future::pending());
        }
        self.0.send(request)
    }
}

struct BuggyAcquirer {
    bug: Bug,
    inner: Arc<dyn Acquirer>,
    believed_closed: Mutex<BTreeSet<OutTradeNo>>,
    counter: Mutex<u32>,
}

impl BuggyAcquirer {
    fn next(&self) -> u32 {
        let mut counter = self.counter.lock().unwrap_or_else(PoisonError::into_inner);
        *counter += 1;
        *counter
    }

    fn believes_closed(&self, number: &OutTradeNo) -> bool {
        let closed = self
            .believed_closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        closed.contains(number)
    }
}

fn timeout() -> Refusal {
    Refusal {
        kind: RefusalKind::Other,
        code: "TIMEOUT".to_owned(),
        message: String::new(),
        request_id: None,
        verified: true,
    }
}

fn closed_trade(order: &OrderAt) -> Trade {
    Trade {
        mchid: order.mchid.to_string(),
        appid: order.appid.to_string(),
        out_trade_no: order.out_trade_no.clone(),
        state: TradeState::Closed,
        transaction_id: None,
        trade_type: None,
        success_at: None,
        total: None,
        payer_total: None,
        currency: None,
        payer: None,
    }
}

impl Acquirer for BuggyAcquirer {
    fn serves(&self, mchid: &Mchid, appid: &Appid, product: Product) -> Result<(), NotServed> {
        self.inner.serves(mchid, appid, product)
    }

    fn route(&self, mchid: &Mchid, product: Product) -> Route {
        self.inner.route(mchid, product)
    }

    fn charge<'a>(
        &'a self,
        order: &'a PrepayOrder,
        code: &'a ScannedCode,
    ) -> BoxFuture<'a, Outcome<Trade>> {
        self.inner.charge(order, code)
    }

    fn bill<'a>(&'a self, mchid: &'a Mchid, date: BillDate) -> BoxFuture<'a, Outcome<BillAnswer>> {
        self.inner.bill(mchid, date)
    }

    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<Handle>> {
        Box::pin(async move {
            let mut order = order.clone();
            if self.bug == Bug::PayerInLog {
                tracing::info!(
                    payer = order.payer.as_ref().map(Openid::as_str),
                    "An order is placed"
                );
            }
            if self.bug == Bug::OrderAgainWithNewDeadline {
                order.time_expire = order.time_expire.plus_ms(i64::from(self.next()) * 1_000);
            }
            let outcome = self.inner.prepay(&order).await;
            match (self.bug, outcome) {
                (Bug::OrderTimeoutIsRefused, Outcome::Unknown(_)) => Outcome::Rejected(timeout()),
                (Bug::OrderAgainUnderNewNumber, Outcome::Unknown(_)) => {
                    let number = format!("again{:07}", self.next());
                    order.out_trade_no = OutTradeNo::parse(number).expect("a valid number");
                    self.inner.prepay(&order).await
                }
                (_, outcome) => outcome,
            }
        })
    }

    fn query<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<Trade>> {
        if self.believes_closed(&order.out_trade_no) {
            let trade = closed_trade(order);
            return Box::pin(async move { Outcome::Succeeded(trade) });
        }
        self.inner.query(order)
    }

    fn close<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<()>> {
        Box::pin(async move {
            let outcome = self.inner.close(order).await;
            if let (Bug::CloseTimeoutIsClosed, Outcome::Unknown(_)) = (self.bug, &outcome) {
                let mut closed = self
                    .believed_closed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                closed.insert(order.out_trade_no.clone());
                return Outcome::Succeeded(());
            }
            outcome
        })
    }

    fn refund<'a>(&'a self, order: &'a RefundOrder) -> BoxFuture<'a, Outcome<RefundFact>> {
        Box::pin(async move {
            let outcome = self.inner.refund(order).await;
            match (self.bug, outcome) {
                (Bug::RefundTimeoutIsRefused, Outcome::Unknown(_)) => Outcome::Rejected(timeout()),
                (Bug::RefundAgainUnderNewNumber, Outcome::Unknown(_)) => {
                    let number = format!("again{:07}", self.next());
                    let again = RefundOrder {
                        out_refund_no: OutRefundNo::parse(number).expect("a valid number"),
                        ..order.clone()
                    };
                    self.inner.refund(&again).await
                }
                (_, outcome) => outcome,
            }
        })
    }

    fn query_refund<'a>(&'a self, refund: &'a RefundAt) -> BoxFuture<'a, Outcome<RefundFact>> {
        self.inner.query_refund(refund)
    }

    fn remedy_refund<'a>(
        &'a self,
        mchid: &'a Mchid,
        refund_id: &'a WechatRefundId,
        out_refund_no: &'a OutRefundNo,
        remedy: &'a Remedy,
    ) -> BoxFuture<'a, Outcome<RefundFact>> {
        self.inner
            .remedy_refund(mchid, refund_id, out_refund_no, remedy)
    }

    fn invoke(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        product: Product,
        route: &Route,
        prepay_id: &PrepayId,
    ) -> Result<Invocation, NotConfigured> {
        self.inner.invoke(mchid, appid, product, route, prepay_id)
    }

    fn open_notification(
        &self,
        mchid: &Mchid,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NoticeRefused> {
        let mut notice = self.inner.open_notification(mchid, headers, body, now)?;
        if self.bug == Bug::NotificationNotApplied {
            notice.content = NoticeContent::Other;
        }
        Ok(notice)
    }
}

struct BuggyStore {
    bug: Bug,
    inner: Arc<dyn Store>,
    /// What was promised and not yet saved.
    later: Mutex<Vec<Changes>>,
}

impl BuggyStore {
    /// Saves what was promised, some time after it was.
    async fn flush(&self) -> Result<(), StoreError> {
        let promised =
            std::mem::take(&mut *self.later.lock().unwrap_or_else(PoisonError::into_inner));
        for changes in promised {
            self.inner
                .transact(Load::default(), Box::new(move |_| changes))
                .await?;
        }
        Ok(())
    }

    /// Runs the decision and keeps its changes back if they come with a notification.
    async fn promise(&self, load: Load, decide: Decide) -> Result<(), StoreError> {
        self.flush().await?;
        let kept = Arc::new(Mutex::new(None));
        let keep = Arc::clone(&kept);
        let decide: Decide = Box::new(move |loaded| {
            let changes = decide(loaded);
            if changes.notification.is_none() {
                return changes;
            }
            *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(changes);
            Changes::default()
        });
        self.inner.transact(load, decide).await?;
        let promised = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        later.extend(promised);
        Ok(())
    }

    async fn decide_on_old_news(&self, load: Load, decide: Decide) -> Result<(), StoreError> {
        let Some(key) = load.payment.clone() else {
            return self.inner.transact(load, decide).await;
        };
        let old = self.inner.payment(key).await?;
        let decide: Decide = Box::new(move |mut loaded| {
            loaded.payment = old;
            decide(loaded)
        });
        self.inner.transact(load, decide).await
    }
}

fn announced_twice(decide: Decide) -> Decide {
    Box::new(move |loaded| {
        let mut changes = decide(loaded);
        let paid = changes
            .events
            .iter()
            .find(|event| event.event_type == EventType::PaymentPaid);
        if let Some(mut again) = paid.cloned() {
            let tail = again.id.as_str().replacen("evt_0", "evt_f", 1);
            again.id = EventId::parse(tail).expect("a valid id");
            changes.events.push(again);
        }
        changes
    })
}

fn asking_late(decide: Decide) -> Decide {
    const LATE_MS: i64 = 3 * 3_600_000;
    Box::new(move |loaded| {
        let mut changes = decide(loaded);
        for change in &mut changes.tasks {
            match change {
                TaskChange::Put(task) | TaskChange::PutIfAbsent(task) | TaskChange::Wake(task) => {
                    if task.key.kind == TaskKind::QueryAttempt && task.lease.is_none() {
                        task.due_at = task.due_at.plus_ms(LATE_MS);
                    }
                }
                TaskChange::Reschedule { key, due_at, .. } => {
                    if key.kind == TaskKind::QueryAttempt {
                        *due_at = due_at.plus_ms(LATE_MS);
                    }
                }
                TaskChange::Extend { .. }
                | TaskChange::Finish { .. }
                | TaskChange::Remove(_)
                | TaskChange::RemoveAttemptTasks(_) => {}
            }
        }
        changes
    })
}

fn without_release(decide: Decide) -> Decide {
    Box::new(move |loaded| {
        let mut changes = decide(loaded);
        changes
            .postings
            .retain(|posting| posting.kind != PostingKind::Release);
        changes
    })
}

fn without_telling(decide: Decide) -> Decide {
    Box::new(move |loaded| {
        let mut changes = decide(loaded);
        changes
            .events
            .retain(|event| event.event_type != EventType::RefundSucceeded);
        changes
    })
}

impl Store for BuggyStore {
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            if self.bug == Bug::AnsweredBeforeCommit {
                self.promise(load, decide).await
            } else if self.bug == Bug::ReadOutsideTransaction {
                self.decide_on_old_news(load, decide).await
            } else if self.bug == Bug::PaidTwice {
                self.inner.transact(load, announced_twice(decide)).await
            } else if self.bug == Bug::AsksLate {
                self.inner.transact(load, asking_late(decide)).await
            } else if self.bug == Bug::ReleaseForgotten {
                self.inner.transact(load, without_release(decide)).await
            } else if self.bug == Bug::RefundNotTold {
                self.inner.transact(load, without_telling(decide)).await
            } else {
                self.inner.transact(load, decide).await
            }
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
