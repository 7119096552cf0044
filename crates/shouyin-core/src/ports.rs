//! What core needs from the world. Adapters implement these traits; core uses them as `&dyn`.

use std::sync::{Arc, Mutex, PoisonError};

use fen::Fen;
use serde::Serialize;

use crate::api_key::ApiKey;
use crate::event::{Event, StoredEvent};
use crate::id::{
    Appid, AuthCode, EndpointId, EventId, IdempotencyKey, Mchid, Openid, OrderNo, OutRefundNo,
    OutTradeNo, PaymentId, PrepayId, RefundId, Route, StoreId, TransactionId, WechatRefundId,
};
use crate::idempotency::IdempotencyRecord;
use crate::incident::Incident;
use crate::ledger::{Balance, Posting};
use crate::notification::{Notice, NoticeRefused, NotificationRecord};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::policy::Policies;
use crate::product::{H5Scene, Handle, Product};
use crate::reconciliation::model::{BillAnswer, BillLine, Difference, Reconciliation};
use crate::refund::Refund;
use crate::session::Session;
use crate::task::{Lane, Lease, Task, TaskChange};
use crate::time::{BillDate, Timestamp};
use crate::webhook::model::{Delivery, DeliveryAttempt, Endpoint, Message, Reply};

/// A boxed future, so that ports can be used as `&dyn`.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;

/// The time. Only the edges hold one; rules take `now` as an argument.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// Chance, for ids and leases.
pub trait Ids: Send + Sync {
    /// 128 bits that nobody can guess.
    fn random(&self) -> u128;
}

impl dyn Ids + '_ {
    /// A fresh lease token.
    pub fn lease(&self) -> Lease {
        let [a, b, c, d, e, f, g, h, ..] = self.random().to_be_bytes();
        // 63 bits, so that it fits a signed column.
        Lease(u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1)
    }
}

/// Everything a use case works with.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub store: Arc<dyn Store>,
    /// WeChat Pay.
    pub acquirer: Arc<dyn Acquirer>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub ids: Arc<dyn Ids>,
    /// The merchants' own servers.
    pub merchants: Arc<dyn WebhookSender>,
    /// What each merchant wants done with money that nobody asked for.
    pub policies: Arc<Policies>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ports")
    }
}

// ---------------------------------------------------------------------------------------------- store

/// Which payment to load under its lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentKey {
    /// By our id, for this merchant only.
    Id(Mchid, PaymentId),
    /// By the id alone: for callers who are not the merchant (a buyer, a task).
    AnyId(PaymentId),
    /// The newest payment of the shop's order number.
    OrderNo(Mchid, OrderNo),
    /// The payment that owns this attempt.
    OutTradeNo(Mchid, OutTradeNo),
    /// The payment that owns this refund.
    Refund(Mchid, RefundId),
}

/// What a decision needs to see.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// The payment, locked until the decision is saved.
    pub payment: Option<PaymentKey>,
    /// What was answered under this key before.
    pub idempotency: Option<(Mchid, IdempotencyKey)>,
    /// All webhook endpoints of this merchant, locked until the decision is saved.
    pub endpoints: Option<Mchid>,
    /// These deliveries of this endpoint, and when its others are due.
    pub deliveries: Option<(EndpointId, Vec<EventId>)>,
    /// A merchant's day.
    pub reconciliation: Option<(Mchid, BillDate)>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The payment with all its attempts and refunds.
    pub payment: Option<Payment>,
    /// The earlier answer.
    pub idempotency: Option<IdempotencyRecord>,
    /// The endpoints, oldest first.
    pub endpoints: Vec<Endpoint>,
    /// Those of the asked deliveries that exist, in the order of their events.
    pub deliveries: Vec<Delivery>,
    /// When the first pending delivery of the endpoint that was *not* asked for is due.
    pub next_delivery_due: Option<Timestamp>,
    /// The day.
    pub reconciliation: Option<Reconciliation>,
}

/// What a decision changes. Saved completely or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The payment as it is now (inserted if new). Its attempts and refunds are saved with it.
    pub payment: Option<Payment>,
    /// Movements of money.
    pub postings: Vec<Posting>,
    /// New facts, in order. The store adds the deliveries that [`crate::webhook::decide::fan_out`] makes of them.
    pub events: Vec<Event>,
    /// What is owed from now on, applied in order.
    pub tasks: Vec<TaskChange>,
    /// The verified notification that caused this, kept as evidence.
    pub notification: Option<NotificationRecord>,
    /// Contradictions found; a kind already known for that order is kept once.
    pub incidents: Vec<Incident>,
    /// The answer to remember.
    pub idempotency: Option<IdempotencyRecord>,
    /// Webhook endpoints.
    pub endpoints: Vec<EndpointChange>,
    /// Webhook deliveries, applied in order.
    pub deliveries: Vec<DeliveryChange>,
    /// Lines for the log of deliveries.
    pub delivery_attempts: Vec<DeliveryAttempt>,
    /// Days of merchants: inserted, or put in the place of what is there.
    pub reconciliations: Vec<Reconciliation>,
    /// Lines of bills; one that is known already stays as it is.
    pub bill_lines: Vec<BillLine>,
    /// Differences: inserted, or put in the place of the same one ([`Difference::key`]) of that day.
    pub differences: Vec<Difference>,
}

/// What a decision does to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointChange {
    /// Insert, or replace what is there under the same id.
    Put(Endpoint),
    /// Remove it with its deliveries, their log and its task.
    Delete(EndpointId),
}

/// What a decision does to deliveries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryChange {
    /// Insert, or replace what is there for the same endpoint and event.
    Put(Delivery),
    /// Every pending delivery of the endpoint is due no later than this.
    Hurry {
        endpoint_id: EndpointId,
        due_at: Timestamp,
    },
}

impl Changes {
    /// Only these tasks.
    pub fn tasks(tasks: Vec<TaskChange>) -> Self {
        Self {
            tasks,
            ..Self::default()
        }
    }

    /// True if there is nothing to save.
    pub fn is_empty(&self) -> bool {
        let Self {
            payment,
            postings,
            events,
            tasks,
            notification,
            incidents,
            idempotency,
            endpoints,
            deliveries,
            delivery_attempts,
            reconciliations,
            bill_lines,
            differences,
        } = self;
        payment.is_none()
            && postings.is_empty()
            && events.is_empty()
            && tasks.is_empty()
            && notification.is_none()
            && incidents.is_empty()
            && idempotency.is_none()
            && endpoints.is_empty()
            && deliveries.is_empty()
            && delivery_attempts.is_empty()
            && reconciliations.is_empty()
            && bill_lines.is_empty()
            && differences.is_empty()
    }
}

/// A decision: pure, called once, with the locks held.
pub type Decide = Box<dyn FnOnce(Loaded) -> Changes + Send>;

/// Why the store could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A uniqueness rule of the database was hit: somebody else was quicker.
    #[error("conflict with a stored row: {0}")]
    Conflict(String),
    /// Nothing was saved; it may work later (disk full, database down).
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A stored row cannot be understood; needs a person.
    #[error("stored data is corrupt: {0}")]
    Corrupt(String),
}

/// A page of payments, newest first.
#[derive(Debug, Clone, Default)]
pub struct PaymentFilter {
    /// Only this order number.
    pub order_no: Option<OrderNo>,
    /// Only this state (`open`, `closing`, `paid`, `closed`).
    pub state: Option<String>,
    /// Only payments older than this one (the cursor).
    pub before: Option<PaymentId>,
    /// At most this many.
    pub limit: u32,
}

/// A page of refunds, newest first.
#[derive(Debug, Clone, Default)]
pub struct RefundFilter {
    /// Only this payment's.
    pub payment_id: Option<PaymentId>,
    /// Only this state (`recorded`, `processing`, `abnormal`, `succeeded`, `closed`, `rejected`).
    pub state: Option<String>,
    /// Only refunds older than this one (the cursor).
    pub before: Option<RefundId>,
    /// At most this many.
    pub limit: u32,
}

/// A page of an endpoint's deliveries, newest event first.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only this state (`pending`, `delivered`, `failed`).
    pub state: Option<String>,
    /// Only deliveries of events older than this one (the cursor).
    pub before: Option<EventId>,
    /// At most this many.
    pub limit: u32,
}

/// Differences of a merchant, in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct DifferenceFilter {
    /// Only those of this day's bill.
    pub date: Option<BillDate>,
    /// Only those that are not resolved.
    pub unresolved: bool,
}

/// The database. The one way to change anything about money is [`Store::transact`].
pub trait Store: Send + Sync {
    /// Loads under lock, runs the decision, saves its changes: one transaction, durable when this returns.
    /// The decision runs exactly once unless an error is returned before it (then not at all).
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Leases up to `limit` tasks of a lane that are due at `now`, in (due, key) order, until `lease_until`, under this token.
    /// Durable when this returns.
    fn claim_tasks(
        &self,
        lane: Lane,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>>;

    /// When the next task of a lane is due, if there is one. A hint: never in the past of a task left behind.
    fn next_due(&self, lane: Lane) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// One payment, without locking it.
    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>>;

    /// A page of a merchant's payments, newest first.
    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>>;

    /// A page of a merchant's refunds, newest first, each with its payment.
    fn refunds(
        &self,
        mchid: Mchid,
        filter: RefundFilter,
    ) -> BoxFuture<'_, Result<Vec<(PaymentId, Refund)>, StoreError>>;

    /// What a merchant's ledger sums up to.
    fn balance(&self, mchid: Mchid) -> BoxFuture<'_, Result<Balance, StoreError>>;

    /// The postings of a payment, in the order of storing.
    fn postings(
        &self,
        mchid: Mchid,
        payment_id: PaymentId,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>>;

    /// A merchant's events with a sequence number above `after`, oldest first.
    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

    /// One event of a merchant.
    fn event(
        &self,
        mchid: Mchid,
        id: EventId,
    ) -> BoxFuture<'_, Result<Option<StoredEvent>, StoreError>>;

    /// A merchant's webhook endpoints, oldest first.
    fn endpoints(&self, mchid: Mchid) -> BoxFuture<'_, Result<Vec<Endpoint>, StoreError>>;

    /// One webhook endpoint, whosever it is: for the worker.
    fn endpoint(&self, id: EndpointId) -> BoxFuture<'_, Result<Option<Endpoint>, StoreError>>;

    /// An endpoint's pending deliveries that are due at `now`, with their events, in the order of events.
    fn due_deliveries(
        &self,
        id: EndpointId,
        now: Timestamp,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<(Delivery, Event)>, StoreError>>;

    /// A page of an endpoint's deliveries, newest event first.
    fn deliveries(
        &self,
        mchid: Mchid,
        id: EndpointId,
        filter: DeliveryFilter,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>>;

    /// The log of one delivery, oldest line first.
    fn delivery_attempts(
        &self,
        mchid: Mchid,
        id: EndpointId,
        event_id: EventId,
    ) -> BoxFuture<'_, Result<Vec<DeliveryAttempt>, StoreError>>;

    /// A merchant's incidents, newest first.
    fn incidents(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Incident>, StoreError>>;

    /// The stored notifications of a merchant, newest first.
    fn notifications(
        &self,
        mchid: Mchid,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<NotificationRecord>, StoreError>>;

    /// One of a merchant's days.
    fn reconciliation(
        &self,
        mchid: Mchid,
        date: BillDate,
    ) -> BoxFuture<'_, Result<Option<Reconciliation>, StoreError>>;

    /// A page of a merchant's days before this one, newest first.
    fn reconciliations(
        &self,
        mchid: Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Reconciliation>, StoreError>>;

    /// Differences between a merchant's bills and our books.
    fn differences(
        &self,
        mchid: Mchid,
        filter: DifferenceFilter,
    ) -> BoxFuture<'_, Result<Vec<Difference>, StoreError>>;

    /// The postings from `from` until before `until` that are money which came or went (`paid`, `refunded`) and of which no bill has had a line, in the
    /// order of storing.
    fn unbilled(
        &self,
        mchid: Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<Posting>, StoreError>>;

    /// Keeps a session.
    fn put_session(&self, session: Session) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The session whose token has this hash.
    fn session(&self, token_hash: String) -> BoxFuture<'_, Result<Option<Session>, StoreError>>;

    /// The newest session made from the login code with this hash.
    fn session_by_code(
        &self,
        appid: Appid,
        code_hash: String,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>>;

    /// Deletes sessions that ended before `now`; returns how many.
    fn delete_ended_sessions(&self, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Keeps an API key (its hash).
    fn put_api_key(&self, key: ApiKey) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The API key with this hash.
    fn api_key(&self, hash: String) -> BoxFuture<'_, Result<Option<ApiKey>, StoreError>>;

    /// Proves that the database can be written: for readiness probes.
    fn ping(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// [`Store::transact`] for decisions that also answer something.
pub async fn transact<R: Send + 'static>(
    store: &dyn Store,
    load: Load,
    decide: impl FnOnce(Loaded) -> (R, Changes) + Send + 'static,
) -> Result<R, StoreError> {
    let slot = Arc::new(Mutex::new(None));
    let answer = Arc::clone(&slot);
    store
        .transact(
            load,
            Box::new(move |loaded| {
                let (result, changes) = decide(loaded);
                *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                changes
            }),
        )
        .await?;
    let result = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    result.ok_or_else(|| {
        StoreError::Corrupt("the store returned without running the decision".into())
    })
}

// ------------------------------------------------------------------------------------------- acquirer

/// An order to place at WeChat. The same number always travels with the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrepayOrder {
    /// Who gets the money.
    pub mchid: Mchid,
    /// In which app.
    pub appid: Appid,
    /// How it is paid.
    pub product: Product,
    /// Which way.
    pub route: Route,
    /// Our number.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen.
    pub amount: Fen,
    /// Shown to the payer.
    pub description: String,
    /// Echoed by WeChat once paid.
    pub attach: Option<String>,
    /// Who may pay; known for products inside WeChat only.
    pub payer: Option<Openid>,
    /// Where the payer's browser is; for [`Product::H5`] only.
    pub scene: Option<H5Scene>,
    /// The latest time the payer may pay.
    pub time_expire: Timestamp,
}

/// Where an order is to be asked for or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAt {
    /// Merchant.
    pub mchid: Mchid,
    /// App.
    pub appid: Appid,
    /// How it is paid: what was charged by a payment code is taken back instead of closed.
    pub product: Product,
    /// Which way it went.
    pub route: Route,
    /// Our number.
    pub out_trade_no: OutTradeNo,
}

/// What the till read from the payer's phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannedCode {
    /// The code.
    pub auth_code: AuthCode,
    /// In which of the merchant's shops.
    pub store_id: Option<StoreId>,
}

/// Where a refund is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundAt {
    /// Merchant.
    pub mchid: Mchid,
    /// The app of the order.
    pub appid: Appid,
    /// Which way the order went.
    pub route: Route,
    /// Our number of the refund.
    pub out_refund_no: OutRefundNo,
}

/// The state of an order at WeChat (`trade_state`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeState {
    /// Created, not paid.
    NotPay,
    /// Paid.
    Success,
    /// Paid, and a refund exists.
    Refund,
    /// Closed: can be neither paid nor refunded.
    Closed,
    /// Code payment: the payer is entering the password.
    UserPaying,
    /// Code payment: reversed.
    Revoked,
    /// The payment failed for good under this number.
    PayError,
    /// A state this version does not know. Proves nothing.
    Other(String),
}

/// An order as WeChat sees it, from a verified answer or notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// Merchant.
    pub mchid: String,
    /// App.
    pub appid: String,
    /// Our number.
    pub out_trade_no: OutTradeNo,
    /// State.
    pub state: TradeState,
    /// WeChat's number, once paid.
    pub transaction_id: Option<TransactionId>,
    /// WeChat's name of the product, once paid: see [`Product::trade_type`].
    pub trade_type: Option<String>,
    /// When it was paid.
    pub success_at: Option<Timestamp>,
    /// Order amount in fen (`amount.total`).
    pub total: Option<Fen>,
    /// What the payer paid after coupons, in fen (`amount.payer_total`).
    pub payer_total: Option<Fen>,
    /// `CNY`.
    pub currency: Option<String>,
    /// Who paid.
    pub payer: Option<Openid>,
}

/// A refund to ask for. The same number always travels with the same refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundOrder {
    /// Whose money.
    pub mchid: Mchid,
    /// The app of the order.
    pub appid: Appid,
    /// Which way the order went.
    pub route: Route,
    /// Our number of the refund.
    pub out_refund_no: OutRefundNo,
    /// Our number of the paid order.
    pub out_trade_no: OutTradeNo,
    /// How much goes back, in fen.
    pub amount: Fen,
    /// What the order was paid with, in fen.
    pub total: Fen,
    /// What the payer reads.
    pub reason: Option<String>,
}

/// The state of a refund at WeChat (`status`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundStatus {
    /// On its way.
    Processing,
    /// The money went back.
    Success,
    /// Nothing went back.
    Closed,
    /// The original way failed; WeChat holds the money.
    Abnormal,
    /// A state this version does not know. Proves nothing.
    Other(String),
}

/// A refund as WeChat sees it, from a verified answer or notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundFact {
    /// Whose money; answers do not say, notifications do.
    pub mchid: Option<String>,
    /// Our number of the order.
    pub out_trade_no: OutTradeNo,
    /// WeChat's number of the order.
    pub transaction_id: TransactionId,
    /// Our number of the refund, or the one made up in WeChat's console.
    pub out_refund_no: OutRefundNo,
    /// WeChat's number of the refund.
    pub refund_id: WechatRefundId,
    /// State.
    pub status: RefundStatus,
    /// How much goes back, in fen (`amount.refund`).
    pub amount: Fen,
    /// What the order was paid with, in fen (`amount.total`).
    pub total: Fen,
    /// `CNY`; notifications do not say.
    pub currency: Option<String>,
    /// When the money went back.
    pub success_at: Option<Timestamp>,
    /// Where it went, for people.
    pub received_account: Option<String>,
}

/// Another way for the money of an abnormal refund. Personal data: never stored here, never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Remedy {
    /// To a bank card of the payer.
    UserBankCard {
        /// For example `ICBC_DEBIT` (WeChat Pay APIv3, "abnormal refund", `bank_type`).
        bank_type: String,
        /// The card number.
        account: String,
        /// The card holder's name.
        name: String,
    },
    /// To the merchant, who pays the payer in another way.
    MerchantBankCard,
}

impl std::fmt::Debug for Remedy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UserBankCard { .. } => "UserBankCard(***)",
            Self::MerchantBankCard => "MerchantBankCard",
        })
    }
}

/// What `wx.requestPayment` in a mini program, or `getBrandWCPayRequest` on a page inside WeChat, needs, signed on the server.
/// Source: WeChat Pay APIv3, "mini program: invoke payment", "JSAPI: invoke payment".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// The app of the order; only for pages inside WeChat, whose bridge wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// Unix seconds, as text.
    pub time_stamp: String,
    /// Random text, at most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=...`
    pub package: String,
    /// `RSA` for APIv3; `HMAC-SHA256` or `MD5` for the older protocol.
    pub sign_type: String,
    /// The signature: Base64 for APIv3, hexadecimal for the older protocol.
    pub pay_sign: String,
}

/// What the SDK in a mobile app needs (`PayReq`), signed on the server.
/// Source: WeChat Pay APIv3, "APP: invoke payment".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AppPayment {
    /// The mobile app.
    pub appid: String,
    /// The merchant.
    pub partnerid: String,
    /// The order.
    pub prepayid: String,
    /// Always `Sign=WXPay`.
    pub package: String,
    /// Random text, at most 32 characters.
    pub noncestr: String,
    /// Unix seconds, as text.
    pub timestamp: String,
    /// The signature: Base64 for APIv3, hexadecimal for the older protocol.
    pub sign: String,
}

/// A prepay id made ready for a cashier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invocation {
    /// For a mini program or a page inside WeChat.
    RequestPayment(RequestPayment),
    /// For a mobile app.
    App(AppPayment),
}

/// Why a merchant does not take such payments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotServed {
    /// The app is not among those of the merchant.
    #[error("the merchant does not take payments in this app")]
    App,
    /// The app is of another kind, or the merchant lacks what this product needs. For people: what, and what to do.
    #[error("{0}")]
    Product(String),
}

/// The merchant or app is not configured here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotConfigured(pub String);

/// WeChat Pay. Every call is bounded in time by the adapter and may be repeated under the same number.
pub trait Acquirer: Send + Sync {
    /// Whether this merchant takes such payments in this app.
    ///
    /// # Errors
    /// Why not.
    fn serves(&self, mchid: &Mchid, appid: &Appid, product: Product) -> Result<(), NotServed>;

    /// The way that new attempts of this merchant go.
    fn route(&self, mchid: &Mchid, product: Product) -> Route;

    /// Places an order. Repeating it with the same order gives a valid handle again.
    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<Handle>>;

    /// Charges the payer whose code was scanned. Called once for a number: what is not known afterwards is asked for, then taken
    /// back by [`Acquirer::close`]. A success is an order in whatever state, also "the payer is typing the password".
    fn charge<'a>(
        &'a self,
        order: &'a PrepayOrder,
        code: &'a ScannedCode,
    ) -> BoxFuture<'a, Outcome<Trade>>;

    /// Asks for an order's state.
    fn query<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<Trade>>;

    /// Closes an unpaid order; takes back one that was charged by a payment code, paid or not. Repeating it is harmless.
    fn close<'a>(&'a self, order: &'a OrderAt) -> BoxFuture<'a, Outcome<()>>;

    /// Asks for a refund. Repeating it with the same order is the same refund.
    fn refund<'a>(&'a self, order: &'a RefundOrder) -> BoxFuture<'a, Outcome<RefundFact>>;

    /// Asks for a refund's state.
    fn query_refund<'a>(&'a self, refund: &'a RefundAt) -> BoxFuture<'a, Outcome<RefundFact>>;

    /// Asks to pay an abnormal refund out in another way.
    fn remedy_refund<'a>(
        &'a self,
        mchid: &'a Mchid,
        refund_id: &'a WechatRefundId,
        out_refund_no: &'a OutRefundNo,
        remedy: &'a Remedy,
    ) -> BoxFuture<'a, Outcome<RefundFact>>;

    /// The bill of a merchant's day: whole, proven to be the one WeChat announced where it announces one, adding up to its own sums. One bill has the
    /// payments of both protocols. Takes as long as a large file takes.
    fn bill<'a>(&'a self, mchid: &'a Mchid, date: BillDate) -> BoxFuture<'a, Outcome<BillAnswer>>;

    /// Signs a prepay id for the cashier of its product.
    fn invoke(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        product: Product,
        route: &Route,
        prepay_id: &PrepayId,
    ) -> Result<Invocation, NotConfigured>;

    /// Verifies, checks freshness, decrypts and parses a notification, in this order. Never calls WeChat.
    fn open_notification(
        &self,
        mchid: &Mchid,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NoticeRefused>;
}

// ------------------------------------------------------------------------------------------ merchants

/// The way to the merchants' own servers.
pub trait WebhookSender: Send + Sync {
    /// True if this address may be used for an endpoint: well-formed, an allowed scheme, no address that is written to be
    /// internal. Names are looked up, and their addresses checked, by every [`WebhookSender::send`] anew.
    ///
    /// # Errors
    /// What is wrong with it, for the merchant.
    fn accepts(&self, url: &str) -> Result<(), String>;

    /// Signs and sends. Bounded in time (less than half of [`crate::task::LEASE_MS`]); follows no redirect and calls no
    /// internal address.
    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Reply>;
}
