//! Events and their deliveries: both are saved, or neither is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use shouyin_core::event::{Event, EventType};
use shouyin_core::id::EventId;
use shouyin_core::ports::{Changes, EndpointChange, Load, Store, transact};
use shouyin_core::task::{Lane, Lease, TaskChange, TaskKind};
use shouyin_core::webhook::model::{Delivery, DeliveryState, Endpoint, EndpointState};

use crate::block_on::block_on;
use crate::sample::*;

const LEASE: Lease = Lease(7);

fn disabled(n: u32) -> Endpoint {
    Endpoint {
        state: EndpointState::Disabled {
            at: at(0),
            by_failure: false,
        },
        ..endpoint(n)
    }
}

fn closed(n: u32) -> Event {
    Event {
        event_type: EventType::PaymentClosed,
        ..event(n, mchid())
    }
}

pub(crate) async fn an_event_is_on_its_way_to_everybody_who_wants_it(store: Arc<dyn Store>) {
    let only_closed = Endpoint {
        event_types: vec![EventType::PaymentRevised, EventType::PaymentClosed],
        ..endpoint(2)
    };
    let elsewhere = Endpoint {
        mchid: other_mchid(),
        ..endpoint(4)
    };
    let early = of_events(vec![event(1, mchid())]);
    save(&*store, early).await.unwrap();
    let endpoints = [endpoint(1), only_closed, disabled(3), elsewhere];
    save(&*store, of_endpoints(endpoints)).await.unwrap();
    assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), None);
    let events = of_events(vec![event(3, mchid()), closed(2), event(4, mchid())]);
    save(&*store, events).await.unwrap();
    let closed_to = |to| Delivery {
        event_type: EventType::PaymentClosed,
        ..delivery(to, 2)
    };
    // What was before the endpoint is not sent to it.
    assert_eq!(
        deliveries(&*store, 1).await,
        [delivery(1, 4), closed_to(1), delivery(1, 3)]
    );
    assert_eq!(deliveries(&*store, 2).await, [closed_to(2)]);
    assert_eq!(deliveries(&*store, 3).await, []);
    assert_eq!(deliveries_of(&*store, other_mchid(), 4).await, []);
    let tasks = store.claim_tasks(Lane::Webhook, at(100), at(200), LEASE, 10);
    let owed: Vec<_> = tasks.await.unwrap().into_iter().map(|t| t.key).collect();
    // Endpoint 2's event is older than the first one of endpoint 1.
    assert_eq!(owed, [2, 1].map(|n| task_key(TaskKind::DeliverWebhooks, n)));
}

pub(crate) async fn an_event_that_is_not_saved_is_not_delivered(store: Arc<dyn Store>) {
    save(&*store, of_endpoints([endpoint(1)])).await.unwrap();
    save(&*store, of_events(vec![event(1, mchid())]))
        .await
        .unwrap();
    let mut refused = of_events(vec![event(2, mchid()), event(1, mchid())]);
    assert_conflict(&save(&*store, refused.clone()).await);
    refused.events.pop();
    refused.idempotency = Some(idempotency("key", mchid()));
    save(&*store, refused.clone()).await.unwrap();
    refused.events = vec![event(3, mchid())];
    assert_conflict(&save(&*store, refused).await);
    assert_eq!(
        deliveries(&*store, 1).await,
        [delivery(1, 2), delivery(1, 1)]
    );
}

pub(crate) async fn a_delivery_wakes_its_endpoint(store: Arc<dyn Store>) {
    save(&*store, of_endpoints([endpoint(1)])).await.unwrap();
    let next_due = || async { store.next_due(Lane::Webhook).await.unwrap() };
    let tell = |n| async move { of_events(vec![event(n, mchid())]) };
    save(&*store, tell(20).await).await.unwrap();
    assert_eq!(next_due().await, Some(at(20)));
    // Sooner, never later.
    save(&*store, tell(30).await).await.unwrap();
    assert_eq!(next_due().await, Some(at(20)));
    save(&*store, tell(10).await).await.unwrap();
    assert_eq!(next_due().await, Some(at(10)));
    // Whoever holds it looks for more before letting it go.
    let held = store.claim_tasks(Lane::Webhook, at(10), at(500), LEASE, 1);
    assert_eq!(held.await.unwrap().len(), 1);
    save(&*store, tell(5).await).await.unwrap();
    assert_eq!(next_due().await, Some(at(500)));
    let finish = TaskChange::Finish {
        key: task_key(TaskKind::DeliverWebhooks, 1),
        lease: LEASE,
    };
    save(&*store, of_tasks(vec![finish])).await.unwrap();
    assert_eq!(next_due().await, None);
    save(&*store, tell(40).await).await.unwrap();
    assert_eq!(next_due().await, Some(at(40)));
}

pub(crate) async fn endpoints_are_taken_as_the_same_change_leaves_them(store: Arc<dyn Store>) {
    save(
        &*store,
        of_endpoints([endpoint(1), endpoint(2), disabled(3)]),
    )
    .await
    .unwrap();
    let changes = Changes {
        endpoints: vec![
            EndpointChange::Put(disabled(1)),
            EndpointChange::Delete(endpoint_id(2)),
            EndpointChange::Put(endpoint(3)),
            EndpointChange::Put(endpoint(4)),
        ],
        ..of_events(vec![event(1, mchid())])
    };
    save(&*store, changes).await.unwrap();
    for (n, is_sent) in [(1, false), (2, false), (3, true), (4, true)] {
        let expected: Vec<Delivery> = is_sent.then(|| delivery(n, 1)).into_iter().collect();
        assert_eq!(deliveries(&*store, n).await, expected, "endpoint {n}");
    }
}

pub(crate) async fn what_a_decision_says_about_a_delivery_comes_last(store: Arc<dyn Store>) {
    save(&*store, of_endpoints([endpoint(1)])).await.unwrap();
    let failed = Delivery {
        state: DeliveryState::Failed { at: at(9) },
        tries: 8,
        ..delivery(1, 1)
    };
    let changes = Changes {
        events: vec![event(1, mchid()), event(2, mchid())],
        tasks: vec![TaskChange::Remove(task_key(TaskKind::DeliverWebhooks, 1))],
        ..of_deliveries([failed.clone()])
    };
    save(&*store, changes).await.unwrap();
    assert_eq!(deliveries(&*store, 1).await, [delivery(1, 2), failed]);
    assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), None);
}

pub(crate) async fn events_of_two_merchants_stay_apart(store: Arc<dyn Store>) {
    let elsewhere = Endpoint {
        mchid: other_mchid(),
        ..endpoint(2)
    };
    save(&*store, of_endpoints([endpoint(1), elsewhere]))
        .await
        .unwrap();
    let events = [
        event(1, other_mchid()),
        event(2, mchid()),
        event(3, other_mchid()),
        event(4, mchid()),
    ];
    save(&*store, of_events(events.into())).await.unwrap();
    assert_eq!(
        deliveries(&*store, 1).await,
        [delivery(1, 4), delivery(1, 2)]
    );
    let theirs = deliveries_of(&*store, other_mchid(), 2).await;
    let expected = [3, 1].map(|n| Delivery {
        mchid: other_mchid(),
        ..delivery(2, n)
    });
    assert_eq!(theirs, expected);
    // Nobody reads another merchant's list.
    assert_eq!(deliveries(&*store, 2).await, []);
}

/// One run of the task of endpoint 1: everything that is due is received. Returns how many; none if nothing is owed.
async fn deliver(store: &dyn Store) -> Option<usize> {
    let now = at(1000);
    let tasks = store.claim_tasks(Lane::Webhook, now, at(2000), LEASE, 1);
    let task = tasks.await.unwrap().pop()?;
    let due = store.due_deliveries(endpoint_id(1), now, 3).await.unwrap();
    let sent: Vec<EventId> = due.into_iter().map(|(_, event)| event.id).collect();
    let count = sent.len();
    let load = Load {
        deliveries: Some((endpoint_id(1), sent)),
        ..Load::default()
    };
    transact(store, load, move |loaded| {
        let received = loaded.deliveries.into_iter().map(|delivery| Delivery {
            state: DeliveryState::Delivered { at: now },
            ..delivery
        });
        let end = match loaded.next_delivery_due {
            Some(due_at) => TaskChange::Reschedule {
                key: task.key,
                lease: LEASE,
                due_at,
                tries: 0,
            },
            None => TaskChange::Finish {
                key: task.key,
                lease: LEASE,
            },
        };
        let changes = Changes {
            tasks: vec![end],
            ..of_deliveries(received)
        };
        ((), changes)
    })
    .await
    .unwrap();
    Some(count)
}

pub(crate) async fn a_worker_that_looks_before_it_rests_misses_no_delivery(store: Arc<dyn Store>) {
    const WRITERS: u32 = 3;
    const EACH: u32 = 40;
    save(&*store, of_endpoints([endpoint(1)])).await.unwrap();
    let writing = AtomicU32::new(WRITERS);
    let sent: usize = thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (store, writing) = (&store, &writing);
            scope.spawn(move || {
                for n in 0..EACH {
                    let changes = of_events(vec![event(writer * EACH + n, mchid())]);
                    block_on(save(&**store, changes)).unwrap();
                }
                writing.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let mut sent = 0;
        loop {
            let is_last = writing.load(Ordering::SeqCst) == 0;
            match block_on(deliver(&*store)) {
                Some(count) => sent += count,
                // Nothing is owed, though nobody writes any more.
                None if is_last => break sent,
                None => thread::yield_now(),
            }
        }
    });
    let all = usize::try_from(WRITERS * EACH).unwrap();
    assert_eq!(sent, all, "each once");
    let received = deliveries(&*store, 1).await;
    assert_eq!(received.len(), all);
    assert!(received.iter().all(|d| d.state.as_str() == "delivered"));
    assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), None);
}
