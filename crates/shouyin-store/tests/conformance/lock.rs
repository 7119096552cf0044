//! One decision at a time, and all of it or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use shouyin_core::event::EventType;
use shouyin_core::incident::IncidentKind;
use shouyin_core::ledger::PostingKind;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{
    Changes, DeliveryChange, DifferenceFilter, EndpointChange, Load, PaymentKey, Store, StoreError,
    transact,
};
use shouyin_core::reconciliation::model::{DayState, DifferenceKind};
use shouyin_core::task::{Lane, TaskChange, TaskKind};
use shouyin_core::webhook::model::{Endpoint, Reply};

use crate::block_on::block_on;
use crate::reconciliation::{day, difference, line, reconciliation};
use crate::sample::*;

const THREADS: u32 = 8;
const ROUNDS: u32 = 40;

/// Runs `work(thread, round)` on many threads at once.
fn in_parallel(work: impl Fn(u32, u32) + Sync) {
    thread::scope(|scope| {
        for n in 0..THREADS {
            let work = &work;
            scope.spawn(move || (0..ROUNDS).for_each(|round| work(n, round)));
        }
    });
}

pub(crate) async fn decisions_on_one_payment_are_serialised(store: Arc<dyn Store>) {
    let mut first = payment_with_attempt(1);
    first.attempts[0].sends = 0;
    save(&*store, of_payment(first)).await.unwrap();
    in_parallel(|_, _| {
        let count_up = |payment: &mut Payment| payment.attempts[0].sends += 1;
        block_on(change(&*store, 1, count_up)).unwrap();
    });
    let counted = get(&*store, 1).await.unwrap().attempts[0].sends;
    assert_eq!(counted, THREADS * ROUNDS);
}

pub(crate) async fn decisions_on_many_payments_are_all_saved(store: Arc<dyn Store>) {
    in_parallel(|thread, round| {
        let n = thread * ROUNDS + round;
        let changes = Changes {
            events: vec![event(n, mchid())],
            ..of_payment(payment_with_attempt(n))
        };
        block_on(save(&*store, changes)).unwrap();
    });
    for n in 0..THREADS * ROUNDS {
        assert_eq!(get(&*store, n).await, Some(payment_with_attempt(n)));
    }
    let events = store.events(mchid(), 0, u32::MAX).await.unwrap();
    assert_eq!(events.len(), usize::try_from(THREADS * ROUNDS).unwrap());
}

/// The payment in [`everything`].
fn refunded(n: u32) -> Payment {
    Payment {
        refunds: vec![refund(n, n)],
        ..paid_payment(n)
    }
}

/// An endpoint that wants hardly anything, so that these stories are not about fanning out.
fn quiet_endpoint(n: u32) -> Endpoint {
    Endpoint {
        event_types: vec![EventType::EndpointDisabled],
        ..endpoint(n)
    }
}

/// A change of everything, under number `n`.
fn everything(n: u32) -> Changes {
    Changes {
        payment: Some(refunded(n)),
        postings: vec![posting(PostingKind::Paid, n)],
        events: vec![event(n, mchid())],
        tasks: vec![TaskChange::Put(task(TaskKind::QueryAttempt, n, at(0)))],
        notification: Some(notification(n)),
        incidents: vec![incident(n, IncidentKind::SurplusPaid)],
        idempotency: Some(idempotency(&format!("key-{n}"), mchid())),
        endpoints: vec![EndpointChange::Put(quiet_endpoint(n))],
        deliveries: vec![DeliveryChange::Put(delivery(n, n))],
        delivery_attempts: vec![log_line(n, n, Reply::Status(500))],
        reconciliations: vec![reconciliation(n, DayState::Waiting)],
        bill_lines: vec![line(n, true)],
        differences: vec![difference(n, DifferenceKind::UnknownOrder)],
    }
}

/// Everything that a decision can load under number `n`.
fn load_everything(n: u32) -> Load {
    Load {
        payment: Some(PaymentKey::OutTradeNo(mchid(), number(n))),
        idempotency: Some((mchid(), idempotency_key(&format!("key-{n}")))),
        endpoints: Some(mchid()),
        deliveries: Some((endpoint_id(n), vec![event_id(n)])),
        reconciliation: Some((mchid(), day(n))),
    }
}

async fn assert_nothing_of(store: &dyn Store, n: u32) {
    assert_eq!(get(store, n).await, None);
    let refund = PaymentKey::Refund(mchid(), refund_id(n));
    assert_eq!(store.payment(refund).await.unwrap(), None);
    let loaded = see(store, load_everything(n)).await;
    assert_eq!(loaded.payment, None);
    assert_eq!(loaded.idempotency, None);
    assert!(loaded.endpoints.iter().all(|e| e.id != endpoint_id(n)));
    assert_eq!(loaded.deliveries, []);
    assert_eq!(loaded.reconciliation, None);
    let all = store.differences(mchid(), DifferenceFilter::default());
    let mut all = all.await.unwrap().into_iter();
    assert!(all.all(|known| known.date != day(n)));
    let postings = store.postings(mchid(), payment_id(n)).await.unwrap();
    assert_eq!(postings, []);
    assert_eq!(store.endpoint(endpoint_id(n)).await.unwrap(), None);
    assert_eq!(store.event(mchid(), event_id(n)).await.unwrap(), None);
    let log = store.delivery_attempts(mchid(), endpoint_id(n), event_id(n));
    assert_eq!(log.await.unwrap(), []);
    let records = store.notifications(mchid(), u32::MAX).await.unwrap();
    assert!(records.iter().all(|r| r.payment_id != Some(payment_id(n))));
    let incidents = store.incidents(mchid(), u32::MAX).await.unwrap();
    assert!(
        incidents
            .iter()
            .all(|i| i.payment_id != Some(payment_id(n)))
    );
}

pub(crate) async fn a_change_of_everything_is_saved_completely(store: Arc<dyn Store>) {
    save(&*store, everything(1)).await.unwrap();
    let loaded = see(&*store, load_everything(1)).await;
    assert_eq!(loaded.payment, Some(refunded(1)));
    assert_eq!(loaded.idempotency, Some(idempotency("key-1", mchid())));
    assert_eq!(loaded.endpoints, [quiet_endpoint(1)]);
    assert_eq!(loaded.deliveries, [delivery(1, 1)]);
    assert_eq!(loaded.next_delivery_due, None);
    let today = Some(reconciliation(1, DayState::Waiting));
    assert_eq!(loaded.reconciliation, today);
    let found = store.differences(mchid(), DifferenceFilter::default());
    let known = difference(1, DifferenceKind::UnknownOrder);
    assert_eq!(found.await.unwrap(), [known]);
    assert_eq!(get(&*store, 1).await, Some(refunded(1)));
    let events = store.events(mchid(), 0, 10).await.unwrap();
    assert_eq!(events[0].event, event(1, mchid()));
    let postings = store.postings(mchid(), payment_id(1)).await.unwrap();
    assert_eq!(postings, [posting(PostingKind::Paid, 1)]);
    let log = store.delivery_attempts(mchid(), endpoint_id(1), event_id(1));
    assert_eq!(log.await.unwrap(), [log_line(1, 1, Reply::Status(500))]);
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(0)));
    let records = store.notifications(mchid(), 10).await.unwrap();
    assert_eq!(records, [notification(1)]);
    let incidents = store.incidents(mchid(), 10).await.unwrap();
    assert_eq!(incidents, [incident(1, IncidentKind::SurplusPaid)]);
}

pub(crate) async fn a_change_that_is_refused_at_its_end_leaves_nothing(store: Arc<dyn Store>) {
    let taken = Changes {
        idempotency: Some(idempotency("taken", mchid())),
        ..Changes::default()
    };
    save(&*store, taken).await.unwrap();
    let refused = Changes {
        idempotency: Some(idempotency("taken", mchid())),
        ..everything(1)
    };
    assert_conflict(&save(&*store, refused).await);
    assert_nothing_of(&*store, 1).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), None);
    save(&*store, everything(1)).await.unwrap();
}

pub(crate) async fn a_panicking_decision_leaves_nothing(store: Arc<dyn Store>) {
    save(&*store, of_payment(payment(1))).await.unwrap();
    let key = load(PaymentKey::AnyId(payment_id(1)));
    let failed = transact(&*store, key, |loaded| {
        assert!(
            loaded.payment.is_none(),
            "an invariant is broken (this panic is part of a test)"
        );
        ((), Changes::default())
    })
    .await;
    match failed {
        Err(StoreError::Corrupt(text)) => {
            assert!(text.contains("an invariant is broken"), "{text}")
        }
        other => panic!("expected an error, got {other:?}"),
    }
    assert_eq!(get(&*store, 1).await, Some(payment(1)));
    change(&*store, 1, |payment| payment.payer = Some(openid()))
        .await
        .unwrap();
    store.ping().await.unwrap();
}

pub(crate) async fn a_request_fails_alone(store: Arc<dyn Store>) {
    save(&*store, of_events(vec![event(0, mchid())]))
        .await
        .unwrap();
    in_parallel(|thread, round| {
        let n = 1 + thread * ROUNDS + round;
        let mut changes = everything(n);
        if n.is_multiple_of(3) {
            changes.events.push(event(0, mchid()));
            assert_conflict(&block_on(save(&*store, changes)));
        } else {
            block_on(save(&*store, changes)).unwrap();
        }
    });
    for n in 1..=THREADS * ROUNDS {
        if n.is_multiple_of(3) {
            assert_eq!(get(&*store, n).await, None);
        } else {
            assert_eq!(get(&*store, n).await, Some(refunded(n)));
        }
    }
    let events = store.events(mchid(), 0, u32::MAX).await.unwrap();
    let refused = events.iter().filter(|stored| {
        let is_refused = |n: u32| stored.event.id == event(n, mchid()).id;
        (3..=THREADS * ROUNDS).step_by(3).any(is_refused)
    });
    assert_eq!(refused.count(), 0);
    assert_nothing_of(&*store, 3).await;
}

pub(crate) async fn a_decision_runs_once(store: Arc<dyn Store>) {
    let runs = Arc::new(AtomicU32::new(0));
    for _ in 0..5 {
        let count = Arc::clone(&runs);
        transact(&*store, Load::default(), move |loaded| {
            assert!(loaded.payment.is_none() && loaded.idempotency.is_none());
            (count.fetch_add(1, Ordering::SeqCst), Changes::default())
        })
        .await
        .unwrap();
    }
    assert_eq!(runs.load(Ordering::SeqCst), 5);
}

pub(crate) async fn what_is_answered_can_be_read(store: Arc<dyn Store>) {
    in_parallel(|thread, round| {
        let n = thread * ROUNDS + round;
        block_on(async {
            save(&*store, of_payment(payment(n))).await.unwrap();
            assert_eq!(get(&*store, n).await, Some(payment(n)));
        });
    });
}
