//! Keeps the published catalogue of events (`docs/events.md`) true: its examples are what this code makes.

use fen::Fen;
use serde_json::Value;

use super::decide::tests::{T0, endpoint, event_id, mchid};
use super::model::{Endpoint, EndpointState};
use super::view::{EndpointView, body};
use crate::event::{Event, EventType};
use crate::id::{
    Appid, Openid, OrderNo, OutRefundNo, OutTradeNo, PaymentId, RefundId, RefundNo, TransactionId,
    WechatRefundId,
};
use crate::payment::model::{Attempt, AttemptState, CloseReason, Paid, Payment, PaymentState};
use crate::payment::view::PaymentView;
use crate::product::Product;
use crate::reconciliation::model::{
    DayState, Difference, DifferenceKind, DifferenceState, Reconciliation, Tally,
};
use crate::reconciliation::view::{DifferenceView, ReconciliationView};
use crate::refund::model::{Refund, RefundOrigin, RefundState, Trouble, TroubleKind};
use crate::refund::view::RefundView;
use crate::time::{BillDate, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

const PAID_AT: Timestamp = T0.plus_ms(MINUTE_MS);
const REFUNDED_AT: Timestamp = T0.plus_ms(DAY_MS);

fn fen(amount: i64) -> Fen {
    Fen::new(amount)
}

fn out_trade_no(n: u32) -> OutTradeNo {
    OutTradeNo::parse(format!("0199c1a2b3c47d5e8f90123456789a{n:02}")).unwrap()
}

fn transaction_id(n: u32) -> TransactionId {
    TransactionId::parse(format!("42000025982026010512345678{n:02}")).unwrap()
}

fn attempt(n: u32, amount: i64, state: AttemptState) -> Attempt {
    Attempt {
        out_trade_no: out_trade_no(n),
        route: crate::id::Route::parse("v3").unwrap(),
        payer: Some(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
        scene: None,
        amount: fen(amount),
        description: "Flat white".into(),
        attach: None,
        expires_at: T0.plus_ms(2 * HOUR_MS),
        state,
        prepay: None,
        created_at: T0.plus_ms(20 * SECOND_MS),
        last_sent_at: T0.plus_ms(20 * SECOND_MS),
        sends: 1,
        asked_at: None,
        reversing_since: None,
    }
}

fn paid_attempt(n: u32) -> Attempt {
    let transaction_id = transaction_id(n);
    attempt(n, 1990, AttemptState::Paid { transaction_id })
}

fn payment(state: PaymentState, attempts: Vec<Attempt>) -> Payment {
    Payment {
        id: PaymentId::parse("pay_0199c1a2b3c47d5e8f90123456789abc").unwrap(),
        mchid: mchid(),
        appid: Appid::parse("wxd678efh567hg6787").unwrap(),
        order_no: OrderNo::parse("coffee-1001").unwrap(),
        amount: fen(1990),
        description: "Flat white".into(),
        attach: None,
        created_at: T0,
        expires_at: T0.plus_ms(2 * HOUR_MS),
        product: Product::MiniProgram,
        scene: None,
        payer: None,
        state,
        attempts,
        refunds: vec![],
    }
}

fn paid(late: bool) -> PaymentState {
    PaymentState::Paid(Paid {
        at: PAID_AT,
        transaction_id: transaction_id(1),
        out_trade_no: out_trade_no(1),
        payer_total: Some(fen(1990)),
        late,
    })
}

fn refund(state: RefundState) -> RefundView {
    let is_sent = !matches!(state, RefundState::Recorded | RefundState::Rejected { .. });
    let refund = Refund {
        id: RefundId::parse("ref_0199c6c91d3e7a01b2c3d4e5f6071829").unwrap(),
        refund_no: Some(RefundNo::parse("refund-1001").unwrap()),
        out_refund_no: OutRefundNo::parse("0199c6c91d3e7a01b2c3d4e5f607182a").unwrap(),
        out_trade_no: out_trade_no(1),
        amount: fen(500),
        reason: Some("The cup was half empty".into()),
        origin: RefundOrigin::Merchant,
        wechat_id: is_sent.then(|| WechatRefundId::parse("50000000382026010600000000001").unwrap()),
        received_account: matches!(state, RefundState::Succeeded { .. })
            .then(|| "支付用户零钱".into()),
        trouble: match &state {
            RefundState::Rejected { code } => Some(Trouble {
                code: code.clone(),
                message: "（微信返回的说明）".into(),
                kind: TroubleKind::Refused,
            }),
            RefundState::Recorded
            | RefundState::Processing
            | RefundState::Abnormal
            | RefundState::Succeeded { .. }
            | RefundState::Closed { .. } => None,
        },
        state,
        created_at: REFUNDED_AT,
        last_sent_at: REFUNDED_AT,
        sends: 1,
        asked_at: None,
        remedied_at: None,
    };
    RefundView::new(&payment(paid(false), vec![paid_attempt(1)]), &refund)
}

/// A day with one payment that is in no bill.
fn day(at: Timestamp) -> Reconciliation {
    let all = Tally {
        payments: 120,
        paid: fen(238_800),
        refunds: 2,
        refunded: fen(2_490),
        revoked: 0,
        fees: 1_417_860,
    };
    Reconciliation {
        mchid: mchid(),
        date: BillDate::of(T0),
        state: DayState::Completed,
        bill: Some(all),
        matched: all,
        tries: 0,
        trouble: None,
        fetched_at: Some(at.plus_ms(-SECOND_MS)),
        completed_at: Some(at),
    }
}

fn difference(at: Timestamp) -> Difference {
    Difference {
        mchid: mchid(),
        date: BillDate::of(T0),
        kind: DifferenceKind::MissingInBill,
        out_trade_no: out_trade_no(1).to_string(),
        out_refund_no: None,
        transaction_id: None,
        wechat_refund_id: None,
        payment_id: Some(PaymentId::parse("pay_0199c1a2b3c47d5e8f90123456789abc").unwrap()),
        in_bill: None,
        in_books: Some(fen(1990)),
        state: DifferenceState::Open,
        found_at: at,
        detail: "it is in our books and in no bill".into(),
    }
}

/// When it is stored, and its data, for one example of each type.
fn example(event_type: EventType) -> (Timestamp, String) {
    let minutes = |n: i64| T0.plus_ms(n * MINUTE_MS);
    let of_payment = |at, payment: Payment| (at, PaymentView::from(&payment).to_json());
    let of_refund = |state| (REFUNDED_AT.plus_ms(10 * SECOND_MS), refund(state).to_json());
    match event_type {
        EventType::PaymentCreated => of_payment(T0, payment(PaymentState::Open, vec![])),
        EventType::PaymentRevised => {
            let old = vec![attempt(1, 1990, AttemptState::Open)];
            let revised = Payment {
                amount: fen(1790),
                ..payment(PaymentState::Open, old)
            };
            of_payment(minutes(1), revised)
        }
        EventType::PaymentPaid => of_payment(
            PAID_AT.plus_ms(120),
            payment(paid(false), vec![paid_attempt(1)]),
        ),
        EventType::PaymentPaidLate => {
            of_payment(minutes(150), payment(paid(true), vec![paid_attempt(1)]))
        }
        EventType::PaymentSurplusPaid => of_payment(
            minutes(2),
            payment(paid(false), vec![paid_attempt(1), paid_attempt(2)]),
        ),
        EventType::PaymentCodeFailed => {
            let code = attempt(1, 1990, AttemptState::Closed);
            let failed = Payment {
                product: Product::Code,
                ..payment(PaymentState::Open, vec![code])
            };
            of_payment(minutes(2), failed)
        }
        EventType::PaymentClosed => {
            let closed = PaymentState::Closed {
                reason: CloseReason::Expired,
                at: minutes(120),
            };
            let attempts = vec![attempt(1, 1990, AttemptState::Closed)];
            of_payment(minutes(120), payment(closed, attempts))
        }
        EventType::RefundCreated => (REFUNDED_AT, refund(RefundState::Recorded).to_json()),
        EventType::RefundSucceeded => of_refund(RefundState::Succeeded {
            at: REFUNDED_AT.plus_ms(8 * SECOND_MS),
        }),
        EventType::RefundClosed => of_refund(RefundState::Closed {
            at: REFUNDED_AT.plus_ms(10 * SECOND_MS),
        }),
        EventType::RefundRejected => of_refund(RefundState::Rejected {
            code: "INVALID_REQUEST".into(),
        }),
        EventType::RefundActionNeeded => of_refund(RefundState::Abnormal),
        EventType::EndpointDisabled => {
            let at = T0.plus_ms(5 * DAY_MS);
            let disabled = Endpoint {
                state: EndpointState::Disabled {
                    at,
                    by_failure: true,
                },
                failing_since: Some(T0),
                ..endpoint()
            };
            (at, EndpointView::from(&disabled).to_json())
        }
        EventType::ReconciliationCompleted => {
            let at = BillDate::of(T0)
                .end()
                .plus_ms(10 * HOUR_MS + 11 * MINUTE_MS);
            (
                at,
                ReconciliationView::new(&day(at), &[difference(at)]).to_json(),
            )
        }
        EventType::ReconciliationDifferenceFound => {
            let at = BillDate::of(T0)
                .end()
                .plus_ms(10 * HOUR_MS + 11 * MINUTE_MS);
            (at, DifferenceView::from(&difference(at)).to_json())
        }
    }
}

fn bodies() -> Vec<String> {
    let made = |(event_type, n): (EventType, u32)| {
        let (at, data) = example(event_type);
        body(&Event {
            data,
            id: event_id(n),
            ..super::decide::tests::event(n, event_type, at)
        })
    };
    EventType::ALL.into_iter().zip(1..).map(made).collect()
}

/// The JSON blocks of a page.
fn examples(page: &str) -> Vec<Value> {
    page.split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .filter(|value: &Value| value.get("version").is_some())
        .collect()
}

#[test]
fn the_catalogue_shows_every_event_as_it_is_sent() {
    let made: Vec<Value> = bodies()
        .iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect();
    for page in [
        include_str!("../../../../docs/events.md"),
        include_str!("../../../../docs/events.zh-CN.md"),
    ] {
        for event_type in EventType::ALL {
            assert!(page.contains(&format!("### `{}`", event_type.as_str())));
        }
        let shown = examples(page);
        for (shown, made) in shown.iter().zip(&made) {
            assert_eq!(shown, made, "docs/events.md should show:\n{made:#}");
        }
        assert_eq!(shown.len(), made.len());
    }
}

#[test]
fn the_body_of_a_webhook_is_the_same_for_every_copy() {
    assert_eq!(bodies(), bodies());
    assert!(bodies()[0].starts_with(
        r#"{"id":"evt_00000000000000000000000000000001","type":"payment.created","version":"1","timestamp":"2026-01-05T04:03:04.000Z","data":{"id":"pay_"#
    ));
}

#[test]
#[ignore = "prints the bodies, for whoever writes the catalogue"]
fn print_bodies() {
    for body in bodies() {
        println!("{body}");
    }
}
