//! Rows to store, and short ways to store them.

use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::api_key::ApiKey;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{
    Appid, EventId, IdempotencyKey, Mchid, Openid, OrderNo, OutTradeNo, PaymentId, PrepayId,
    TransactionId,
};
use shouyin_core::idempotency::IdempotencyRecord;
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::notification::{NotificationEffect, NotificationRecord};
use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState, Prepay};
use shouyin_core::ports::{Changes, Load, Loaded, PaymentKey, Store, StoreError, transact};
use shouyin_core::session::Session;
use shouyin_core::task::{Task, TaskChange, TaskKey, TaskKind};

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
        payer: None,
        state: PaymentState::Open,
        attempts: Vec::new(),
    }
}

/// An attempt that WeChat has taken.
pub(crate) fn attempt(n: u32) -> Attempt {
    Attempt {
        out_trade_no: number(n),
        payer: openid(),
        state: AttemptState::Open,
        prepay: Some(Prepay {
            id: PrepayId::parse("wx201410272009395522657a690389285100").unwrap(),
            obtained_at: at(300),
        }),
        created_at: at(100),
        last_sent_at: at(200),
        sends: 1,
        asked_at: None,
    }
}

pub(crate) fn payment_with_attempt(n: u32) -> Payment {
    Payment {
        payer: Some(openid()),
        attempts: vec![attempt(n)],
        ..payment(n)
    }
}

pub(crate) fn event(n: u32, mchid: Mchid) -> Event {
    Event {
        id: EventId::parse(format!("evt_{n:032x}")).unwrap(),
        mchid,
        event_type: EventType::PaymentPaid,
        payment_id: payment_id(n),
        at: at(i64::from(n)),
        data: format!("{{\"number\":{n}}}"),
    }
}

pub(crate) fn task_key(kind: TaskKind, n: u32) -> TaskKey {
    TaskKey {
        kind,
        payment_id: payment_id(n),
        out_trade_no: (kind != TaskKind::ExpirePayment).then(|| number(n)),
    }
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
        out_trade_no: number(n),
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
