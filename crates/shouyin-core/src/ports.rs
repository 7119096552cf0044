//! What core needs from the world. Adapters implement these traits; core uses them as `&dyn`.

use std::sync::{Arc, Mutex, PoisonError};

use fen::Fen;
use serde::Serialize;

use crate::api_key::ApiKey;
use crate::event::{Event, StoredEvent};
use crate::id::{
    Appid, IdempotencyKey, Mchid, Openid, OrderNo, OutTradeNo, PaymentId, PrepayId, TransactionId,
};
use crate::idempotency::IdempotencyRecord;
use crate::incident::Incident;
use crate::notification::{Notice, NoticeRefused, NotificationRecord};
use crate::outcome::Outcome;
use crate::payment::Payment;
use crate::session::Session;
use crate::task::{Lease, Task, TaskChange};
use crate::time::Timestamp;

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
}

/// What a decision needs to see.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// The payment, locked until the decision is saved.
    pub payment: Option<PaymentKey>,
    /// What was answered under this key before.
    pub idempotency: Option<(Mchid, IdempotencyKey)>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The payment with all its attempts.
    pub payment: Option<Payment>,
    /// The earlier answer.
    pub idempotency: Option<IdempotencyRecord>,
}

/// What a decision changes. Saved completely or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The payment as it is now (inserted if new). Its attempts are saved with it.
    pub payment: Option<Payment>,
    /// New facts, in order.
    pub events: Vec<Event>,
    /// What is owed from now on, applied in order.
    pub tasks: Vec<TaskChange>,
    /// The verified notification that caused this, kept as evidence.
    pub notification: Option<NotificationRecord>,
    /// Contradictions found; a kind already known for that order is kept once.
    pub incidents: Vec<Incident>,
    /// The answer to remember.
    pub idempotency: Option<IdempotencyRecord>,
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
        *self == Self::default()
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

/// The database. The one way to change anything about money is [`Store::transact`].
pub trait Store: Send + Sync {
    /// Loads under lock, runs the decision, saves its changes: one transaction, durable when this returns.
    /// The decision runs exactly once unless an error is returned before it (then not at all).
    fn transact(&self, load: Load, decide: Decide) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Leases up to `limit` tasks that are due at `now`, in (due, key) order, until `lease_until`, under this token.
    /// Durable when this returns.
    fn claim_tasks(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: Lease,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Task>, StoreError>>;

    /// When the next task is due, if there is one. A hint: never in the past of a task left behind.
    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// One payment, without locking it.
    fn payment(&self, key: PaymentKey) -> BoxFuture<'_, Result<Option<Payment>, StoreError>>;

    /// A page of a merchant's payments, newest first.
    fn payments(
        &self,
        mchid: Mchid,
        filter: PaymentFilter,
    ) -> BoxFuture<'_, Result<Vec<Payment>, StoreError>>;

    /// A merchant's events with a sequence number above `after`, oldest first.
    fn events(
        &self,
        mchid: Mchid,
        after: i64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<StoredEvent>, StoreError>>;

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
    /// Our number.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen.
    pub amount: Fen,
    /// Shown to the payer.
    pub description: String,
    /// Echoed by WeChat once paid.
    pub attach: Option<String>,
    /// Who may pay.
    pub payer: Openid,
    /// The latest time the payer may pay.
    pub time_expire: Timestamp,
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
    /// `JSAPI` for mini programs, once paid.
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

/// What `wx.requestPayment` needs, signed on the server.
/// Source: WeChat Pay APIv3, "mini program: invoke payment".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestPayment {
    /// Unix seconds, as text.
    pub time_stamp: String,
    /// Random text, at most 32 characters.
    pub nonce_str: String,
    /// `prepay_id=...`
    pub package: String,
    /// `RSA` for APIv3.
    pub sign_type: String,
    /// Base64 signature.
    pub pay_sign: String,
}

/// The merchant or app is not configured here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotConfigured(pub String);

/// WeChat Pay. Every call is bounded in time by the adapter and may be repeated under the same number.
pub trait Acquirer: Send + Sync {
    /// True if this merchant takes payments in this app.
    fn serves(&self, mchid: &Mchid, appid: &Appid) -> bool;

    /// Places an order. Repeating it with the same order gives a valid prepay id again.
    fn prepay<'a>(&'a self, order: &'a PrepayOrder) -> BoxFuture<'a, Outcome<PrepayId>>;

    /// Asks for an order's state.
    fn query<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<Trade>>;

    /// Closes an unpaid order. Repeating it is harmless.
    fn close<'a>(
        &'a self,
        mchid: &'a Mchid,
        out_trade_no: &'a OutTradeNo,
    ) -> BoxFuture<'a, Outcome<()>>;

    /// Signs the parameters for `wx.requestPayment`.
    fn request_payment(
        &self,
        mchid: &Mchid,
        appid: &Appid,
        prepay_id: &PrepayId,
    ) -> Result<RequestPayment, NotConfigured>;

    /// Verifies, checks freshness, decrypts and parses a notification, in this order. Never calls WeChat.
    fn open_notification(
        &self,
        mchid: &Mchid,
        headers: &[(String, String)],
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, NoticeRefused>;
}
