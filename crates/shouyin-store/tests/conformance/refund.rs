//! Refunds: part of their payment, and listed on their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use fen::Fen;
use shouyin_core::id::{RefundId, RefundNo, WechatRefundId};
use shouyin_core::payment::{Attempt, AttemptState, Payment};
use shouyin_core::ports::{Changes, PaymentKey, RefundFilter, Store, transact};
use shouyin_core::refund::model::{Trouble, TroubleKind};
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};

use crate::block_on::block_on;
use crate::sample::*;

/// Payment `n`, paid, with refund `n`.
fn refunded(n: u32) -> Payment {
    Payment {
        refunds: vec![refund(n, n)],
        ..paid_payment(n)
    }
}

pub(crate) async fn a_payment_is_found_by_its_refund(store: Arc<dyn Store>) {
    save(&*store, of_payment(refunded(1))).await.unwrap();
    save(&*store, of_payment(refunded(2))).await.unwrap();
    for n in [1, 2] {
        let key = PaymentKey::Refund(mchid(), refund_id(n));
        let read = store.payment(key.clone()).await.unwrap();
        assert_eq!(read, Some(refunded(n)));
        assert_eq!(see(&*store, load(key)).await.payment, Some(refunded(n)));
    }
    for key in [
        PaymentKey::Refund(other_mchid(), refund_id(1)),
        PaymentKey::Refund(mchid(), refund_id(3)),
    ] {
        assert_eq!(store.payment(key.clone()).await.unwrap(), None);
        assert_eq!(see(&*store, load(key)).await.payment, None);
    }
}

fn states() -> [RefundState; 6] {
    [
        RefundState::Recorded,
        RefundState::Processing,
        RefundState::Abnormal,
        RefundState::Succeeded { at: at(2000) },
        RefundState::Closed { at: at(2001) },
        RefundState::Rejected {
            code: "USER_ACCOUNT_ABNORMAL".into(),
        },
    ]
}

/// Refunds that differ in everything; their numbers fall while the list grows.
fn many(of: u32) -> Vec<Refund> {
    let numbers = (of * 10..of * 10 + 6).rev();
    let origins = RefundOrigin::ALL.into_iter().cycle();
    let troubles = TroubleKind::ALL.into_iter().map(Some).chain([None]).cycle();
    states()
        .into_iter()
        .zip(numbers)
        .zip(origins.zip(troubles))
        .map(|((state, n), (origin, trouble))| Refund {
            state,
            origin,
            refund_no: (n % 2 == 0).then(|| RefundNo::parse(format!("#{n}")).unwrap()),
            reason: (n % 3 == 0).then(|| "太甜 'x' ; --".into()),
            wechat_id: (n % 3 > 0).then(|| WechatRefundId::parse(format!("50{n}")).unwrap()),
            received_account: (n % 4 == 0).then(|| "招商银行信用卡0403".into()),
            trouble: trouble.map(|kind| Trouble {
                code: "NOT_ENOUGH".into(),
                message: "基本账户余额不足".into(),
                kind,
            }),
            sends: u32::MAX,
            asked_at: (n % 2 == 0).then(|| at(77)),
            remedied_at: (n % 2 == 1).then(|| at(78)),
            ..refund(n, of)
        })
        .collect()
}

pub(crate) async fn every_state_of_a_refund_is_read_as_it_was_saved(store: Arc<dyn Store>) {
    let stored = Payment {
        refunds: many(1),
        ..paid_payment(1)
    };
    save(&*store, of_payment(stored.clone())).await.unwrap();
    assert_eq!(get(&*store, 1).await, Some(stored));
    // Every state can follow every other, as far as the store is concerned.
    save(&*store, of_payment(refunded(2))).await.unwrap();
    for after in many(2) {
        for before in many(2) {
            for wanted in [before, after.clone()] {
                let wanted = Refund {
                    id: refund_id(2),
                    refund_no: refund(2, 2).refund_no,
                    out_refund_no: refund_number(2),
                    origin: RefundOrigin::Merchant,
                    reason: refund(2, 2).reason,
                    ..wanted
                };
                let expected = wanted.clone();
                change(&*store, 2, move |payment| payment.refunds[0] = wanted)
                    .await
                    .unwrap();
                assert_eq!(get(&*store, 2).await.unwrap().refunds, [expected]);
            }
        }
    }
}

pub(crate) async fn a_refund_is_changed_with_its_payment(store: Arc<dyn Store>) {
    save(&*store, of_payment(paid_payment(1))).await.unwrap();
    change(&*store, 1, |payment| payment.refunds.push(refund(1, 1)))
        .await
        .unwrap();
    change(&*store, 1, |payment| {
        payment.refunds[0].state = RefundState::Processing;
        payment.refunds.push(refund(2, 1));
    })
    .await
    .unwrap();
    let expected = Payment {
        refunds: vec![
            Refund {
                state: RefundState::Processing,
                ..refund(1, 1)
            },
            refund(2, 1),
        ],
        ..paid_payment(1)
    };
    assert_eq!(get(&*store, 1).await, Some(expected.clone()));
    // The payment of the second refund is the same.
    let key = PaymentKey::Refund(mchid(), refund_id(2));
    assert_eq!(store.payment(key).await.unwrap(), Some(expected));
}

pub(crate) async fn what_was_asked_back_never_changes(store: Arc<dyn Store>) {
    save(&*store, of_payment(refunded(1))).await.unwrap();
    let changes: [fn(&mut Payment); 10] = [
        |payment| payment.refunds.clear(),
        |payment| payment.refunds.insert(0, refund(2, 1)),
        |payment| payment.refunds[0].id = refund_id(9),
        |payment| payment.refunds[0].refund_no = None,
        |payment| payment.refunds[0].out_refund_no = refund_number(9),
        |payment| payment.refunds[0].out_trade_no = number(9),
        |payment| payment.refunds[0].amount = Fen::new(101),
        |payment| payment.refunds[0].reason = None,
        |payment| payment.refunds[0].origin = RefundOrigin::Console,
        |payment| payment.refunds[0].created_at = at(1),
    ];
    for wrong in changes {
        assert_corrupt(&change(&*store, 1, wrong).await);
        assert_eq!(get(&*store, 1).await, Some(refunded(1)));
    }
}

pub(crate) async fn nothing_goes_back_that_did_not_come(store: Arc<dyn Store>) {
    for amount in [0, -1] {
        let mut nothing = refunded(1);
        nothing.refunds[0].amount = Fen::new(amount);
        assert_corrupt(&save(&*store, of_payment(nothing)).await);
    }
    let unpaid = Payment {
        refunds: vec![refund(1, 1)],
        ..payment_with_attempt(1)
    };
    assert_corrupt(&save(&*store, of_payment(unpaid)).await);
    let of_another = Payment {
        refunds: vec![refund(1, 2)],
        ..paid_payment(1)
    };
    assert_corrupt(&save(&*store, of_payment(of_another)).await);
    assert_eq!(get(&*store, 1).await, None);
    save(&*store, of_payment(refunded(1))).await.unwrap();
    let taken_back = change(&*store, 1, |payment| {
        payment.attempts[0].state = AttemptState::Open;
    });
    assert_corrupt(&taken_back.await);
}

/// Asks for 100 fen back if that much is left; true if it was.
async fn take_100(store: &dyn Store, n: u32) -> bool {
    let key = load(PaymentKey::AnyId(payment_id(1)));
    transact(store, key, move |loaded| {
        let mut payment = loaded.payment.unwrap();
        let held = payment.refunds.iter().filter(|r| r.state.holds_money());
        let held = Fen::checked_sum(held.map(|refund| refund.amount)).unwrap();
        let left = payment.amount.checked_sub(held).unwrap();
        if left < Fen::new(100) {
            return (false, Changes::default());
        }
        payment.refunds.push(refund(n, 1));
        (true, of_payment(payment))
    })
    .await
    .unwrap()
}

pub(crate) async fn racing_refunds_never_exceed_what_was_paid(store: Arc<dyn Store>) {
    save(&*store, of_payment(paid_payment(1))).await.unwrap();
    let made = AtomicU32::new(0);
    thread::scope(|scope| {
        for racer in 0..8 {
            let (store, made) = (&store, &made);
            scope.spawn(move || {
                for round in 0..10 {
                    if block_on(take_100(&**store, racer * 100 + round)) {
                        made.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    // 1990 fen were paid: nineteen times 100.
    assert_eq!(made.into_inner(), 19);
    let payment = get(&*store, 1).await.unwrap();
    assert_eq!(payment.refunds.len(), 19);
    assert_eq!(payment.refunded(), (Fen::ZERO, Fen::new(1900)));
    let listed = store.refunds(mchid(), page(100)).await.unwrap();
    let listed: Vec<Refund> = listed.into_iter().rev().map(|(_, r)| r).collect();
    assert_eq!(listed, payment.refunds);
}

pub(crate) async fn a_refund_number_exists_once(store: Arc<dyn Store>) {
    save(&*store, of_payment(refunded(1))).await.unwrap();
    save(&*store, of_payment(paid_payment(2))).await.unwrap();
    let same_number = Refund {
        id: refund_id(8),
        ..refund(1, 2)
    };
    let same_id = Refund {
        out_refund_no: refund_number(8),
        ..refund(1, 2)
    };
    for thief in [same_number.clone(), same_id] {
        let taken = change(&*store, 2, move |payment| payment.refunds.push(thief)).await;
        assert_conflict(&taken);
        assert_eq!(get(&*store, 2).await, Some(paid_payment(2)));
    }
    let twice = |second: Refund| {
        move |payment: &mut Payment| payment.refunds.extend([refund(5, 2), second])
    };
    let again = refund(5, 2);
    for second in [
        again.clone(),
        Refund {
            id: refund_id(6),
            refund_no: None,
            ..again.clone()
        },
        Refund {
            refund_no: again.refund_no.clone(),
            ..refund(6, 2)
        },
    ] {
        assert_conflict(&change(&*store, 2, twice(second)).await);
    }
    let unnamed = |n| Refund {
        refund_no: None,
        ..refund(n, 2)
    };
    change(&*store, 2, move |payment| {
        payment.refunds.extend([unnamed(5), unnamed(6)]);
    })
    .await
    .unwrap();
    // Numbers are a merchant's own; so is the shop's number a payment's own.
    let elsewhere = Payment {
        mchid: other_mchid(),
        refunds: vec![Refund {
            id: refund_id(9),
            ..refund(1, 3)
        }],
        ..paid_payment(3)
    };
    save(&*store, of_payment(elsewhere)).await.unwrap();
}

fn page(limit: u32) -> RefundFilter {
    RefundFilter {
        limit,
        ..RefundFilter::default()
    }
}

/// What a page holds, by number; each must be with its payment.
async fn numbers(store: &dyn Store, filter: RefundFilter) -> Vec<RefundId> {
    let found = store.refunds(mchid(), filter).await.unwrap();
    for (payment_id, refund) in &found {
        let key = PaymentKey::Id(mchid(), payment_id.clone());
        let payment = store.payment(key).await.unwrap().unwrap();
        assert_eq!(payment.refund(&refund.out_refund_no), Some(refund));
    }
    found.into_iter().map(|(_, refund)| refund.id).collect()
}

/// Refunds 9, 8, ... 1 in the order of storing, in turn of payments 1, 2 and 3; and refund 20 of another merchant.
async fn store_refunds(store: &dyn Store) {
    for n in 1..=3 {
        save(store, of_payment(paid_payment(n))).await.unwrap();
    }
    let elsewhere = Payment {
        mchid: other_mchid(),
        refunds: vec![refund(20, 20)],
        ..paid_payment(20)
    };
    save(store, of_payment(elsewhere)).await.unwrap();
    for (n, of) in (1..=9).rev().zip([1, 2, 3].into_iter().cycle()) {
        change(store, of, move |payment| {
            payment.refunds.push(refund(n, of));
        })
        .await
        .unwrap();
    }
}

pub(crate) async fn lists_of_refunds_are_paged_newest_first(store: Arc<dyn Store>) {
    store_refunds(&*store).await;
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let filter = RefundFilter {
            before: before.clone(),
            ..page(4)
        };
        let found = numbers(&*store, filter).await;
        assert!(found.len() <= 4);
        let Some(last) = found.last() else { break };
        assert!(seen.len() < 9, "the list comes to an end");
        before = Some(last.clone());
        seen.extend(found);
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9].map(refund_id));
    for nobody in [20, 99] {
        let filter = RefundFilter {
            before: Some(refund_id(nobody)),
            ..page(4)
        };
        assert_eq!(numbers(&*store, filter).await, []);
    }
    assert_eq!(numbers(&*store, page(0)).await, []);
}

pub(crate) async fn lists_of_refunds_are_filtered(store: Arc<dyn Store>) {
    store_refunds(&*store).await;
    change(&*store, 2, |payment| {
        payment.refunds[1].state = RefundState::Succeeded { at: at(5) };
    })
    .await
    .unwrap();
    change(&*store, 3, |payment| {
        payment.refunds[0].state = RefundState::Succeeded { at: at(4) };
    })
    .await
    .unwrap();
    // Payment 2 has refunds 8, 5 and 2; payment 3 has 7, 4 and 1.
    let cases: [(Option<u32>, Option<&str>, &[u32]); 7] = [
        (Some(2), None, &[2, 5, 8]),
        (Some(2), Some("succeeded"), &[5]),
        (Some(2), Some("recorded"), &[2, 8]),
        (Some(20), None, &[]),
        (None, Some("succeeded"), &[5, 7]),
        (None, Some("closed"), &[]),
        (None, Some("no such state"), &[]),
    ];
    for (payment, state, expected) in cases {
        let filter = RefundFilter {
            payment_id: payment.map(payment_id),
            state: state.map(str::to_owned),
            ..page(20)
        };
        let expected: Vec<RefundId> = expected.iter().copied().map(refund_id).collect();
        assert_eq!(numbers(&*store, filter.clone()).await, expected);
        if let Some(first) = expected.first() {
            let rest = RefundFilter {
                before: Some(first.clone()),
                ..filter
            };
            assert_eq!(numbers(&*store, rest).await, expected[1..]);
        }
    }
    // A payment can have been paid twice; each refund is of its own attempt.
    change(&*store, 1, |payment| {
        payment.attempts.push(Attempt {
            state: payment.attempts[0].state.clone(),
            ..attempt(50)
        });
        payment.refunds.push(refund(50, 50));
    })
    .await
    .unwrap();
    let payment = get(&*store, 1).await.unwrap();
    assert_eq!(payment.refunds_of(&number(50)).count(), 1);
}
