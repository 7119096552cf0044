//! Rows to store, and short ways to store them.

use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{
    Appid, EndpointId, EventId, IdempotencyKey, Mchid, Openid, OrderNo, OutRefundNo, OutTradeNo,
    PaymentId, PrepayId, RefundId, RefundNo, TransactionId,
};
use shouyin_core::idempotency::IdempotencyRecord;
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::ledger::{Posting, PostingKind};
use shouyin_core::notification::{NotificationEffect, NotificationRecord};
use shouyin_core::payment::{Attempt, AttemptState, Paid, Payment, PaymentState, Prepay};
use shouyin_core::ports::{
    Changes, DeliveryChange, DeliveryFilter, EndpointChange, Load, Loaded, PaymentKey, Store,
    StoreError, transact,
};
use shouyin_core::product::{Handle, Product};
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};
use shouyin_core::session::Session;
use shouyin_core::task::{Subject, Task, TaskChange, TaskKey, TaskKind};
use shouyin_core::webhook::model::{
    Delivery, DeliveryAttempt, DeliveryState, Endpoint, EndpointState, Reply, Secret,
};

pub(crate) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_767_585_784_000 + ms)
}

pub(crate) fn mchid() -> Mchid {
    Mchid::parse("1900000001").unwrap()
}

pub(crate) fn other_mchid() -> Mchid {
    Mchid::parse("1900000002").unwrap()
}

pub(crate) fn appid() -> Appid {
    Appid::parse("wx1234567890abcdef").unwrap()
}

pub(crate) fn payment_id(n: u32) -> PaymentId {
    PaymentId::parse(format!("pay_{n:032x}")).unwrap()
}

pub(crate) fn order_no(n: u32) -> OrderNo {
    OrderNo::parse(format!("coffee-{n}")).unwrap()
}

pub(crate) fn number(n: u32) -> OutTradeNo {
    OutTradeNo::parse(format!("{n:032x}")).unwrap()
}

pub(crate) fn openid() -> Openid {
    Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()
}

pub(crate) fn transaction_id() -> TransactionId {
    TransactionId::parse("4200000001202601051234567890").unwrap()
}

/// An open payment of order number `n`, without attempts.
pub(crate) fn payment(n: u32) -> Payment {
    Payment {
        id: payment_id(n),
        mchid: mchid(),
        appid: appid(),
        order_no: order_no(n),
        amount: Fen::new(1990),
        description: "拿铁 \"grande\" 'x' ; -- %".into(),
        attach: Some("table 7".into()),
        created_at: at(0),
        expires_at: at(7_200_000),
        product: Product::MiniProgram,
        scene: None,
        payer: None,
        state: PaymentState::Open,
        attempts: Vec::new(),
        refunds: Vec::new(),
    }
}

/// An attempt that WeChat has taken.
pub(crate) fn attempt(n: u32) -> Attempt {
    Attempt {
        out_trade_no: number(n),
        route: shouyin_core::id::Route::parse("v3").unwrap(),
        payer: Some(openid()),
        scene: None,
        amount: Fen::new(1990),
        description: "拿铁 \"grande\" 'x' ; -- %".into(),
        attach: Some("table 7".into()),
        expires_at: at(7_200_000),
        state: AttemptState::Open,
        prepay: Some(Prepay {
            handle: Handle::PrepayId(
                PrepayId::parse("wx201410272009395522657a690389285100").unwrap(),
            ),
            obtained_at: at(300),
        }),
        created_at: at(100),
        last_sent_at: at(200),
        sends: 1,
        asked_at: None,
        reversing_since: None,
    }
}

pub(crate) fn payment_with_attempt(n: u32) -> Payment {
    Payment {
        payer: Some(openid()),
        attempts: vec![attempt(n)],
        ..payment(n)
    }
}

/// A payment of 1990 fen that is paid through its one attempt.
pub(crate) fn paid_payment(n: u32) -> Payment {
    let transaction_id = transaction_id();
    Payment {
        state: PaymentState::Paid(Paid {
            at: at(900),
            transaction_id: transaction_id.clone(),
            out_trade_no: number(n),
            payer_total: None,
            late: false,
        }),
        attempts: vec![Attempt {
            state: AttemptState::Paid { transaction_id },
            ..attempt(n)
        }],
        ..payment_with_attempt(n)
    }
}

pub(crate) fn refund_id(n: u32) -> RefundId {
    RefundId::parse(format!("ref_{n:032x}")).unwrap()
}

pub(crate) fn refund_number(n: u32) -> OutRefundNo {
    OutRefundNo::parse(format!("R@{n:030x}")).unwrap()
}

/// Refund `n` of 100 fen of attempt `of`.
pub(crate) fn refund(n: u32, of: u32) -> Refund {
    Refund {
        id: refund_id(n),
        refund_no: Some(RefundNo::parse(format!("return-{n}")).unwrap()),
        out_refund_no: refund_number(n),
        out_trade_no: number(of),
        amount: Fen::new(100),
        reason: Some("凉了".into()),
        origin: RefundOrigin::Merchant,
        state: RefundState::Recorded,
        wechat_id: None,
        received_account: None,
        trouble: None,
        created_at: at(1000),
        last_sent_at: at(1001),
        sends: 1,
        asked_at: None,
        remedied_at: None,
    }
}

/// 100 fen of payment `n`; of its refund `n`, unless it was paid.
pub(crate) fn posting(kind: PostingKind, n: u32) -> Posting {
    Posting {
        mchid: mchid(),
        kind,
        payment_id: payment_id(n),
        out_trade_no: number(n),
        out_refund_no: (kind != PostingKind::Paid).then(|| refund_number(n)),
        amount: Fen::new(100),
        at: at(i64::from(n)),
    }
}

pub(crate) fn endpoint_id(n: u32) -> EndpointId {
    EndpointId::parse(format!("whk_{n:032x}")).unwrap()
}

/// An endpoint that wants everything.
pub(crate) fn endpoint(n: u32) -> Endpoint {
    Endpoint {
        id: endpoint_id(n),
        mchid: mchid(),
        url: format!("https://shop.example/hooks/{n}?a=b"),
        description: "backend".into(),
        event_types: Vec::new(),
        secrets: vec![Secret {
            text: format!("whsec_{n}"),
            expires_at: None,
        }],
        state: EndpointState::Enabled,
        created_at: at(3),
        failing_since: None,
    }
}

/// Event `n` on its way to endpoint `to`, due at the event's time.
pub(crate) fn delivery(to: u32, n: u32) -> Delivery {
    let event = event(n, mchid());
    Delivery {
        endpoint_id: endpoint_id(to),
        mchid: event.mchid,
        event_id: event.id,
        event_type: event.event_type,
        state: DeliveryState::Pending { due_at: event.at },
        tries: 0,
        requested_at: event.at,
    }
}

/// A line of the log of [`delivery`].
pub(crate) fn log_line(to: u32, n: u32, reply: Reply) -> DeliveryAttempt {
    DeliveryAttempt {
        endpoint_id: endpoint_id(to),
        event_id: event_id(n),
        at: at(i64::from(n) + 5),
        took_ms: 12,
        reply,
    }
}

pub(crate) fn event_id(n: u32) -> EventId {
    EventId::parse(format!("evt_{n:032x}")).unwrap()
}

pub(crate) fn event(n: u32, mchid: Mchid) -> Event {
    Event {
        id: event_id(n),
        mchid,
        event_type: EventType::PaymentPaid,
        payment_id: Some(payment_id(n)),
        refund_id: None,
        at: at(i64::from(n)),
        data: format!("{{\"number\":{n}}}"),
    }
}

pub(crate) fn task_key(kind: TaskKind, n: u32) -> TaskKey {
    let subject = match kind {
        TaskKind::SendPrepay | TaskKind::QueryAttempt | TaskKind::CloseAttempt => {
            Subject::Attempt(payment_id(n), number(n))
        }
        TaskKind::ExpirePayment => Subject::Payment(payment_id(n)),
        TaskKind::SendRefund | TaskKind::QueryRefund => {
            Subject::Refund(payment_id(n), refund_number(n))
        }
        TaskKind::DeliverWebhooks => Subject::Endpoint(endpoint_id(n)),
        TaskKind::FetchBill => Subject::Bill(mchid(), crate::reconciliation::day(n)),
    };
    TaskKey { kind, subject }
}

pub(crate) fn task(kind: TaskKind, n: u32, due_at: Timestamp) -> Task {
    Task {
        key: task_key(kind, n),
        mchid: mchid(),
        due_at,
        tries: 0,
        lease: None,
    }
}

pub(crate) fn notification(n: u32) -> NotificationRecord {
    NotificationRecord {
        mchid: mchid(),
        wechat_id: format!("EV-2018022511223320873{n}"),
        event_type: "TRANSACTION.SUCCESS".into(),
        out_trade_no: Some(number(n)),
        payment_id: Some(payment_id(n)),
        received_at: at(i64::from(n)),
        serial: "5157F09EFDC096DE15EBE81A47057A7200000000".into(),
        effect: NotificationEffect::Applied,
        body: vec![0, 159, 146, 150, 255],
    }
}

pub(crate) fn incident(n: u32, kind: IncidentKind) -> Incident {
    Incident {
        mchid: mchid(),
        kind,
        out_trade_no: Some(number(n)),
        out_refund_no: None,
        bill_date: None,
        payment_id: Some(payment_id(n)),
        at: at(i64::from(n)),
        detail: "expected 1990 fen, got 1 fen".into(),
    }
}

pub(crate) fn idempotency_key(text: &str) -> IdempotencyKey {
    IdempotencyKey::parse(text).unwrap()
}

pub(crate) fn idempotency(key: &str, mchid: Mchid) -> IdempotencyRecord {
    IdempotencyRecord {
        mchid,
        key: idempotency_key(key),
        fingerprint: "ab12".into(),
        status: 201,
        body: "{\"id\":\"pay_1\"}".into(),
        created_at: at(5),
    }
}

pub(crate) fn session(token: &str, code: &str, n: i64) -> Session {
    Session {
        token_hash: token.into(),
        appid: appid(),
        openid: openid(),
        code_hash: code.into(),
        created_at: at(n),
        expires_at: at(n + 1000),
    }
}

pub(crate) fn api_key(hash: &str) -> ApiKey {
    ApiKey {
        hash: hash.into(),
        mchid: mchid(),
        name: "shop backend".into(),
        created_at: at(1),
    }
}

pub(crate) fn of_payment(payment: Payment) -> Changes {
    Changes {
        payment: Some(payment),
        ..Changes::default()
    }
}

pub(crate) fn of_events(events: Vec<Event>) -> Changes {
    Changes {
        events,
        ..Changes::default()
    }
}

pub(crate) fn of_tasks(tasks: Vec<TaskChange>) -> Changes {
    Changes {
        tasks,
        ..Changes::default()
    }
}

pub(crate) fn of_postings(postings: Vec<Posting>) -> Changes {
    Changes {
        postings,
        ..Changes::default()
    }
}

pub(crate) fn of_endpoints(endpoints: impl IntoIterator<Item = Endpoint>) -> Changes {
    Changes {
        endpoints: endpoints.into_iter().map(EndpointChange::Put).collect(),
        ..Changes::default()
    }
}

pub(crate) fn of_deliveries(deliveries: impl IntoIterator<Item = Delivery>) -> Changes {
    Changes {
        deliveries: deliveries.into_iter().map(DeliveryChange::Put).collect(),
        ..Changes::default()
    }
}

/// Every delivery to an endpoint of ours, newest event first.
pub(crate) async fn deliveries(store: &dyn Store, to: u32) -> Vec<Delivery> {
    deliveries_of(store, mchid(), to).await
}

/// Every delivery to an endpoint that this merchant can see.
pub(crate) async fn deliveries_of(store: &dyn Store, mchid: Mchid, to: u32) -> Vec<Delivery> {
    let filter = DeliveryFilter {
        limit: u32::MAX,
        ..DeliveryFilter::default()
    };
    let found = store.deliveries(mchid, endpoint_id(to), filter).await;
    found.unwrap()
}

pub(crate) fn load(key: PaymentKey) -> Load {
    Load {
        payment: Some(key),
        ..Load::default()
    }
}

/// Saves without loading anything.
pub(crate) async fn save(store: &dyn Store, changes: Changes) -> Result<(), StoreError> {
    transact(store, Load::default(), move |_| ((), changes)).await
}

/// Loads a stored payment by its id, changes it and saves it.
pub(crate) async fn change(
    store: &dyn Store,
    n: u32,
    change: impl FnOnce(&mut Payment) + Send + 'static,
) -> Result<(), StoreError> {
    transact(store, load(PaymentKey::AnyId(payment_id(n))), |loaded| {
        let mut payment = loaded.payment.expect("it was stored");
        change(&mut payment);
        ((), of_payment(payment))
    })
    .await
}

/// What a decision would see.
pub(crate) async fn see(store: &dyn Store, load: Load) -> Loaded {
    transact(store, load, |loaded| (loaded, Changes::default()))
        .await
        .unwrap()
}

pub(crate) async fn get(store: &dyn Store, n: u32) -> Option<Payment> {
    store
        .payment(PaymentKey::AnyId(payment_id(n)))
        .await
        .unwrap()
}

#[track_caller]
pub(crate) fn assert_conflict(result: &Result<(), StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Conflict(_))),
        "expected a conflict, got {result:?}"
    );
}

#[track_caller]
pub(crate) fn assert_corrupt(result: &Result<(), StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Corrupt(_))),
        "expected a refusal, got {result:?}"
    );
}

#[track_caller]
pub(crate) fn assert_unavailable(result: &Result<(), StoreError>) {
    assert!(
        matches!(result, Err(StoreError::Unavailable(_))),
        "expected unavailable, got {result:?}"
    );
}
