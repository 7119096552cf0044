//! What may exist only once.

use std::sync::Arc;

use shouyin_core::payment::{CloseReason, Paid, Payment, PaymentState};
use shouyin_core::ports::{Changes, Load, PaymentKey, Store};

use crate::sample::*;

fn of_order(n: u32, state: PaymentState) -> Payment {
    Payment {
        order_no: order_no(1),
        state,
        ..payment(n)
    }
}

fn closed() -> PaymentState {
    PaymentState::Closed {
        reason: CloseReason::Merchant,
        at: at(9),
    }
}

fn paid(late: bool) -> PaymentState {
    PaymentState::Paid(Paid {
        at: at(8),
        transaction_id: transaction_id(),
        out_trade_no: number(1),
        payer_total: None,
        late,
    })
}

pub(crate) async fn a_payment_id_exists_once(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment(1))).await.unwrap();
    let same_id = Payment {
        order_no: order_no(2),
        ..payment(1)
    };
    assert_conflict(&save(&*store, of_payment(same_id)).await);
    assert_eq!(get(&*store, 1).await, Some(payment(1)));
}

pub(crate) async fn an_order_no_has_one_current_payment(store: Arc<dyn Store>) {
    let reason = CloseReason::Merchant;
    let current = [
        PaymentState::Open,
        PaymentState::Closing { reason },
        paid(false),
    ];
    for state in current {
        let store_first = of_order(1, state.clone());
        if get(&*store, 1).await.is_none() {
            save(&*store, of_payment(store_first)).await.unwrap();
        } else {
            change(&*store, 1, move |payment| payment.state = state)
                .await
                .unwrap();
        }
        let second = of_payment(of_order(2, PaymentState::Open));
        assert_conflict(&save(&*store, second).await);
        assert_eq!(get(&*store, 2).await, None);
    }
    let elsewhere = Payment {
        mchid: other_mchid(),
        ..of_order(3, PaymentState::Open)
    };
    save(&*store, of_payment(elsewhere)).await.unwrap();
}

pub(crate) async fn a_closed_payment_frees_its_order_no(store: Arc<dyn Store>) {
    save(&*store, of_payment(of_order(1, closed())))
        .await
        .unwrap();
    save(&*store, of_payment(of_order(2, closed())))
        .await
        .unwrap();
    save(&*store, of_payment(of_order(3, PaymentState::Open)))
        .await
        .unwrap();
    let reopened = change(&*store, 1, |payment| payment.state = PaymentState::Open).await;
    assert_conflict(&reopened);
    assert_eq!(get(&*store, 1).await.unwrap().state, closed());
}

pub(crate) async fn late_money_is_kept_beside_a_newer_payment(store: Arc<dyn Store>) {
    save(&*store, of_payment(of_order(1, closed())))
        .await
        .unwrap();
    save(&*store, of_payment(of_order(2, PaymentState::Open)))
        .await
        .unwrap();
    change(&*store, 1, |payment| payment.state = paid(true))
        .await
        .unwrap();
    assert_eq!(get(&*store, 1).await.unwrap().state, paid(true));
    let key = PaymentKey::OrderNo(mchid(), order_no(1));
    let newest = see(&*store, load(key)).await.payment.unwrap();
    assert_eq!(newest.id, payment_id(2));
}

pub(crate) async fn an_out_trade_no_exists_once_for_a_merchant(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment_with_attempt(1)))
        .await
        .unwrap();
    let thief = Payment {
        attempts: vec![attempt(1)],
        ..payment(2)
    };
    assert_conflict(&save(&*store, of_payment(thief.clone())).await);
    assert_eq!(get(&*store, 2).await, None);
    let twice = Payment {
        attempts: vec![attempt(3), attempt(3)],
        ..payment(3)
    };
    assert_conflict(&save(&*store, of_payment(twice)).await);
    let again = change(&*store, 1, |payment| payment.attempts.push(attempt(1))).await;
    assert_conflict(&again);
    let elsewhere = Payment {
        mchid: other_mchid(),
        ..thief
    };
    save(&*store, of_payment(elsewhere)).await.unwrap();
    let key = PaymentKey::OutTradeNo(mchid(), number(1));
    let found = store.payment(key).await.unwrap().unwrap();
    assert_eq!(found, payment_with_attempt(1));
}

pub(crate) async fn an_event_id_exists_once(store: Arc<dyn Store>) {
    save(&*store, of_events(vec![event(1, mchid())]))
        .await
        .unwrap();
    let repeated = of_events(vec![event(2, mchid()), event(1, other_mchid())]);
    assert_conflict(&save(&*store, repeated).await);
    let twice = of_events(vec![event(3, mchid()), event(3, mchid())]);
    assert_conflict(&save(&*store, twice).await);
    let events = store.events(mchid(), 0, 10).await.unwrap();
    assert_eq!(events.len(), 1);
}

pub(crate) async fn an_idempotency_key_has_one_answer_for_a_merchant(store: Arc<dyn Store>) {
    let remember = |record| Changes {
        idempotency: Some(record),
        ..Changes::default()
    };
    let ours = idempotency("key", mchid());
    save(&*store, remember(ours.clone())).await.unwrap();
    let mut other_answer = ours.clone();
    other_answer.body = "another".into();
    assert_conflict(&save(&*store, remember(other_answer)).await);
    let theirs = idempotency("key", other_mchid());
    save(&*store, remember(theirs.clone())).await.unwrap();
    for (mchid, key, expected) in [
        (mchid(), "key", Some(ours)),
        (other_mchid(), "key", Some(theirs)),
        (mchid(), "Key", None),
    ] {
        let load = Load {
            idempotency: Some((mchid, idempotency_key(key))),
            ..Load::default()
        };
        assert_eq!(see(&*store, load).await.idempotency, expected);
    }
}
