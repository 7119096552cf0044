//! Payments and their attempts: every key, every state, lists.

use std::sync::Arc;

use fen::Fen;
use shouyin_core::id::{Appid, CodeUrl, H5Url, Openid};
use shouyin_core::payment::{
    Attempt, AttemptState, CloseReason, Paid, Payment, PaymentState, Prepay,
};
use shouyin_core::ports::{PaymentFilter, PaymentKey, Store};
use shouyin_core::product::{H5Kind, H5Scene, Handle, Product};

use crate::sample::*;

pub(crate) async fn a_payment_is_found_by_every_key(store: Arc<dyn Store>) {
    let stored = payment_with_attempt(1);
    save(&*store, of_payment(stored.clone())).await.unwrap();
    save(&*store, of_payment(payment_with_attempt(2)))
        .await
        .unwrap();
    for key in [
        PaymentKey::Id(mchid(), payment_id(1)),
        PaymentKey::AnyId(payment_id(1)),
        PaymentKey::OrderNo(mchid(), order_no(1)),
        PaymentKey::OutTradeNo(mchid(), number(1)),
    ] {
        let read = store.payment(key.clone()).await.unwrap();
        assert_eq!(read.as_ref(), Some(&stored), "{key:?}");
        assert_eq!(
            see(&*store, load(key)).await.payment.as_ref(),
            Some(&stored)
        );
    }
}

pub(crate) async fn a_payment_is_not_found_for_another_merchant(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment_with_attempt(1)))
        .await
        .unwrap();
    for key in [
        PaymentKey::Id(other_mchid(), payment_id(1)),
        PaymentKey::AnyId(payment_id(2)),
        PaymentKey::OrderNo(other_mchid(), order_no(1)),
        PaymentKey::OrderNo(mchid(), order_no(2)),
        PaymentKey::OutTradeNo(other_mchid(), number(1)),
        PaymentKey::OutTradeNo(mchid(), number(2)),
    ] {
        assert_eq!(store.payment(key.clone()).await.unwrap(), None, "{key:?}");
        assert_eq!(see(&*store, load(key)).await.payment, None);
    }
    let all = store.payments(other_mchid(), page(10)).await.unwrap();
    assert_eq!(all, []);
}

/// Each state of a payment that can be stored.
fn states() -> Vec<PaymentState> {
    let paid = |payer_total, late| {
        PaymentState::Paid(Paid {
            at: at(900),
            transaction_id: transaction_id(),
            out_trade_no: number(1),
            payer_total,
            late,
        })
    };
    let mut states = vec![
        PaymentState::Open,
        paid(None, false),
        paid(Some(Fen::new(1980)), true),
    ];
    for reason in [CloseReason::Merchant, CloseReason::Expired] {
        states.push(PaymentState::Closing { reason });
        states.push(PaymentState::Closed {
            reason,
            at: at(901),
        });
    }
    states
}

fn attempts(first: u32) -> Vec<Attempt> {
    let states = [
        AttemptState::Recorded,
        AttemptState::Open,
        AttemptState::Paid {
            transaction_id: transaction_id(),
        },
        AttemptState::Closed,
        AttemptState::Rejected {
            code: "PARAM_ERROR".into(),
        },
    ];
    // The numbers fall while the list grows: the order is the list's, not the numbers'.
    let numbers = (first..first + 5).rev();
    let attempts = states.into_iter().zip(numbers);
    attempts
        .map(|(state, n)| Attempt {
            state,
            asked_at: n.is_multiple_of(2).then(|| at(77)),
            prepay: n.is_multiple_of(3).then(|| Prepay {
                handle: handle(n),
                obtained_at: at(78),
            }),
            payer: n.is_multiple_of(4).then(openid),
            reversing_since: n.is_multiple_of(5).then(|| at(79)),
            sends: u32::MAX,
            ..attempt(n)
        })
        .collect()
}

fn handle(n: u32) -> Handle {
    match n % 2 {
        0 => Handle::CodeUrl(CodeUrl::parse("weixin://wxpay/bizpayurl?pr=a").unwrap()),
        _ => Handle::H5Url(H5Url::parse("https://wx.tenpay.com/x?prepay_id=a").unwrap()),
    }
}

pub(crate) async fn every_product_is_read_as_it_was_saved(store: Arc<dyn Store>) {
    for (n, product) in (1_u32..).zip(Product::ALL) {
        let scene = (product == Product::H5).then(|| H5Scene {
            payer_ip: "2001:db8::7".parse().unwrap(),
            kind: H5Kind::Android,
        });
        let stored = Payment {
            product,
            scene,
            attempts: vec![Attempt {
                scene,
                ..attempt(n)
            }],
            ..payment(n)
        };
        save(&*store, of_payment(stored.clone())).await.unwrap();
        assert_eq!(get(&*store, n).await, Some(stored));
    }
}

pub(crate) async fn every_state_is_read_as_it_was_saved(store: Arc<dyn Store>) {
    for (n, state) in (1_u32..).zip(states()) {
        let stored = Payment {
            amount: Fen::MAX,
            attach: None,
            payer: n.is_multiple_of(2).then(openid),
            attempts: attempts(n * 100),
            state,
            ..payment(n)
        };
        save(&*store, of_payment(stored.clone())).await.unwrap();
        assert_eq!(get(&*store, n).await, Some(stored));
    }
}

pub(crate) async fn every_change_of_state_is_saved(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment(1))).await.unwrap();
    for after in states() {
        for before in states() {
            change(&*store, 1, move |payment| payment.state = before)
                .await
                .unwrap();
            let wanted = after.clone();
            change(&*store, 1, move |payment| payment.state = wanted)
                .await
                .unwrap();
            assert_eq!(get(&*store, 1).await.unwrap().state, after);
        }
    }
}

pub(crate) async fn a_changed_payment_is_saved_with_its_attempts(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment(1))).await.unwrap();
    change(&*store, 1, |payment| {
        payment.payer = Some(openid());
        payment.expires_at = at(99);
        payment.attempts = vec![Attempt {
            state: AttemptState::Recorded,
            prepay: None,
            ..attempt(1)
        }];
    })
    .await
    .unwrap();
    change(&*store, 1, |payment| {
        payment.attempts[0].state = AttemptState::Closed;
        payment.attempts[0].sends = 3;
        payment.attempts[0].last_sent_at = at(250);
        payment.attempts[0].asked_at = Some(at(260));
        payment.attempts.push(attempt(2));
    })
    .await
    .unwrap();
    let expected = Payment {
        payer: Some(openid()),
        expires_at: at(99),
        attempts: vec![
            Attempt {
                state: AttemptState::Closed,
                prepay: None,
                sends: 3,
                last_sent_at: at(250),
                asked_at: Some(at(260)),
                ..attempt(1)
            },
            attempt(2),
        ],
        ..payment(1)
    };
    assert_eq!(get(&*store, 1).await, Some(expected.clone()));
    let by_second = PaymentKey::OutTradeNo(mchid(), number(2));
    assert_eq!(store.payment(by_second).await.unwrap(), Some(expected));
}

pub(crate) async fn what_a_payment_asks_for_can_be_revised(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment_with_attempt(1)))
        .await
        .unwrap();
    let revised = Payment {
        amount: Fen::new(2500),
        description: "two of them".into(),
        attach: None,
        expires_at: at(9_000_000),
        attempts: vec![
            attempt(1),
            Attempt {
                amount: Fen::new(2500),
                description: "two of them".into(),
                attach: None,
                expires_at: at(9_000_000),
                ..attempt(2)
            },
        ],
        ..payment_with_attempt(1)
    };
    let steps: [fn(&mut Payment, Payment); 5] = [
        |payment, revised| payment.amount = revised.amount,
        |payment, revised| payment.description = revised.description,
        |payment, revised| payment.attach = revised.attach,
        |payment, revised| payment.expires_at = revised.expires_at,
        |payment, revised| payment.attempts = revised.attempts,
    ];
    let mut expected = payment_with_attempt(1);
    for step in steps {
        step(&mut expected, revised.clone());
        let revised = revised.clone();
        change(&*store, 1, move |payment| step(payment, revised))
            .await
            .unwrap();
        assert_eq!(get(&*store, 1).await.as_ref(), Some(&expected));
    }
    assert_eq!(expected, revised);
}

pub(crate) async fn what_never_changes_is_not_changed(store: Arc<dyn Store>) {
    let stored = payment_with_attempt(1);
    save(&*store, of_payment(stored.clone())).await.unwrap();
    let changes: [fn(&mut Payment); 12] = [
        |payment| payment.order_no = order_no(2),
        |payment| payment.mchid = other_mchid(),
        |payment| payment.appid = Appid::parse("wx0").unwrap(),
        |payment| payment.created_at = at(1),
        |payment| payment.attempts.clear(),
        |payment| payment.attempts[0].out_trade_no = number(9),
        |payment| payment.attempts[0].payer = Some(Openid::parse("another").unwrap()),
        |payment| payment.attempts[0].amount = Fen::new(1),
        |payment| payment.attempts[0].description = "another".into(),
        |payment| payment.attempts[0].attach = None,
        |payment| payment.attempts[0].expires_at = at(1),
        |payment| payment.attempts[0].created_at = at(1),
    ];
    for wrong in changes {
        assert_corrupt(&change(&*store, 1, wrong).await);
        assert_eq!(get(&*store, 1).await.as_ref(), Some(&stored));
    }
}

pub(crate) async fn nobody_is_asked_to_pay_nothing(store: Arc<dyn Store>) {
    for amount in [0, -1] {
        let free = Payment {
            amount: Fen::new(amount),
            ..payment(1)
        };
        assert_corrupt(&save(&*store, of_payment(free)).await);
        let mut free = payment_with_attempt(1);
        free.attempts[0].amount = Fen::new(amount);
        assert_corrupt(&save(&*store, of_payment(free)).await);
        assert_eq!(get(&*store, 1).await, None);
    }
    save(&*store, of_payment(payment(1))).await.unwrap();
    let revised = change(&*store, 1, |payment| payment.amount = Fen::ZERO).await;
    assert_corrupt(&revised);
    assert_eq!(get(&*store, 1).await, Some(payment(1)));
}

fn closed() -> PaymentState {
    PaymentState::Closed {
        reason: CloseReason::Expired,
        at: at(1),
    }
}

pub(crate) async fn the_newest_payment_of_an_order_no_is_the_one_stored_last(
    store: Arc<dyn Store>,
) {
    // The clock went back and the ids fall: neither decides what is newest.
    for (n, created_at) in [(9, at(500)), (5, at(0)), (7, at(-500))] {
        let again = Payment {
            order_no: order_no(1),
            created_at,
            state: closed(),
            ..payment(n)
        };
        save(&*store, of_payment(again)).await.unwrap();
        let newest = PaymentKey::OrderNo(mchid(), order_no(1));
        let found = store.payment(newest).await.unwrap().unwrap();
        assert_eq!(found.id, payment_id(n));
    }
    let found = store.payments(mchid(), page(10)).await.unwrap();
    assert_eq!(ids(&found), [payment_id(7), payment_id(5), payment_id(9)]);
}

fn page(limit: u32) -> PaymentFilter {
    PaymentFilter {
        limit,
        ..PaymentFilter::default()
    }
}

fn ids(payments: &[Payment]) -> Vec<shouyin_core::id::PaymentId> {
    payments.iter().map(|payment| payment.id.clone()).collect()
}

pub(crate) async fn lists_are_paged_newest_first(store: Arc<dyn Store>) {
    for n in 1..=7 {
        save(&*store, of_payment(payment_with_attempt(n)))
            .await
            .unwrap();
        let foreign = Payment {
            mchid: other_mchid(),
            ..payment(100 + n)
        };
        save(&*store, of_payment(foreign)).await.unwrap();
    }
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let filter = PaymentFilter {
            before: before.clone(),
            ..page(3)
        };
        let found = store.payments(mchid(), filter).await.unwrap();
        assert!(found.len() <= 3);
        let Some(last) = found.last() else { break };
        assert!(seen.len() < 7, "the list comes to an end");
        before = Some(last.id.clone());
        seen.extend(found);
    }
    let expected: Vec<Payment> = (1..=7).rev().map(payment_with_attempt).collect();
    assert_eq!(seen, expected);
}

pub(crate) async fn a_cursor_of_nobody_leads_nowhere(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment(1))).await.unwrap();
    let foreign = Payment {
        mchid: other_mchid(),
        ..payment(2)
    };
    save(&*store, of_payment(foreign)).await.unwrap();
    for n in [2, 3] {
        let filter = PaymentFilter {
            before: Some(payment_id(n)),
            ..page(10)
        };
        assert_eq!(store.payments(mchid(), filter).await.unwrap(), []);
    }
}

pub(crate) async fn lists_are_filtered_by_order_no_and_state(store: Arc<dyn Store>) {
    for (n, state) in (1_u32..).zip(states()) {
        let stored = Payment {
            state,
            ..payment(n)
        };
        save(&*store, of_payment(stored)).await.unwrap();
    }
    let again = Payment {
        order_no: order_no(5),
        ..payment(100)
    };
    save(&*store, of_payment(again)).await.unwrap();
    // From `states`: 1 open, 2 paid, 3 paid late, 4 and 6 closing, 5 and 7 closed.
    let cases: [(Option<u32>, Option<&str>, &[u32]); 9] = [
        (None, None, &[100, 7, 6, 5, 4, 3, 2, 1]),
        (None, Some("open"), &[100, 1]),
        (None, Some("closing"), &[6, 4]),
        (None, Some("paid"), &[3, 2]),
        (None, Some("closed"), &[7, 5]),
        (None, Some("no such state"), &[]),
        (Some(5), None, &[100, 5]),
        (Some(5), Some("open"), &[100]),
        (Some(8), None, &[]),
    ];
    for (order, state, expected) in cases {
        let filter = PaymentFilter {
            order_no: order.map(order_no),
            state: state.map(str::to_owned),
            ..page(20)
        };
        let found = store.payments(mchid(), filter.clone()).await.unwrap();
        let expected: Vec<_> = expected.iter().copied().map(payment_id).collect();
        assert_eq!(ids(&found), expected, "{filter:?}");
        let Some(first) = expected.first() else {
            continue;
        };
        let rest = PaymentFilter {
            before: Some(first.clone()),
            ..filter
        };
        let found = store.payments(mchid(), rest).await.unwrap();
        assert_eq!(ids(&found), expected[1..]);
    }
}
