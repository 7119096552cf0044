//! Webhook deliveries and their log.

use std::sync::Arc;

use shouyin_core::event::{Event, EventType};
use shouyin_core::id::{EndpointId, EventId};
use shouyin_core::ports::{Changes, DeliveryChange, DeliveryFilter, Load, Loaded, Store};
use shouyin_core::webhook::model::{Delivery, DeliveryState, Endpoint, Reply};

use crate::sample::*;

/// An endpoint that gets nothing by itself, and events 9, 8, ... 1 in the order of storing.
async fn prepare(store: &dyn Store) {
    let quiet = [1, 2].map(|n| Endpoint {
        event_types: vec![EventType::EndpointDisabled],
        ..endpoint(n)
    });
    save(store, of_endpoints(quiet)).await.unwrap();
    let events = (1..=9).rev().map(|n| event(n, mchid())).collect();
    save(store, of_events(events)).await.unwrap();
}

fn pending(to: u32, n: u32, due_ms: i64) -> Delivery {
    Delivery {
        state: DeliveryState::Pending { due_at: at(due_ms) },
        ..delivery(to, n)
    }
}

fn ended(to: u32, n: u32, state: DeliveryState) -> Delivery {
    Delivery {
        state,
        tries: 4,
        ..delivery(to, n)
    }
}

fn delivered(to: u32, n: u32) -> Delivery {
    ended(to, n, DeliveryState::Delivered { at: at(50) })
}

fn failed(to: u32, n: u32) -> Delivery {
    ended(to, n, DeliveryState::Failed { at: at(60) })
}

pub(crate) async fn every_state_of_a_delivery_is_kept(store: Arc<dyn Store>) {
    prepare(&*store).await;
    let states = [pending(1, 5, 70), delivered(1, 5), failed(1, 5)];
    for before in &states {
        for after in &states {
            for put in [before, after] {
                save(&*store, of_deliveries([put.clone()])).await.unwrap();
            }
            assert_eq!(deliveries(&*store, 1).await, std::slice::from_ref(after));
        }
    }
    // Asked for again: everything about it may be new.
    let resent = Delivery {
        tries: 0,
        requested_at: at(80),
        ..pending(1, 5, 80)
    };
    save(&*store, of_deliveries([resent.clone()]))
        .await
        .unwrap();
    assert_eq!(deliveries(&*store, 1).await, [resent]);
    assert_eq!(deliveries(&*store, 2).await, []);
}

async fn due(store: &dyn Store, now_ms: i64, limit: u32) -> Vec<(Delivery, Event)> {
    store
        .due_deliveries(endpoint_id(1), at(now_ms), limit)
        .await
        .unwrap()
}

pub(crate) async fn deliveries_are_sent_in_the_order_of_events(store: Arc<dyn Store>) {
    prepare(&*store).await;
    let all = [
        pending(1, 2, 10),
        pending(1, 9, 30),
        pending(1, 4, 20),
        delivered(1, 8),
        pending(1, 6, 31),
        failed(1, 3),
        pending(2, 7, 5),
    ];
    save(&*store, of_deliveries(all)).await.unwrap();
    let expect = |numbers: &[(u32, i64)]| -> Vec<(Delivery, Event)> {
        let pair = |(n, due_ms): &(u32, i64)| (pending(1, *n, *due_ms), event(*n, mchid()));
        numbers.iter().map(pair).collect()
    };
    assert_eq!(due(&*store, 9, 10).await, []);
    assert_eq!(due(&*store, 10, 10).await, expect(&[(2, 10)]));
    // Event 9 was stored first, then 6, 4 and 2: neither due times nor ids decide.
    let all = expect(&[(9, 30), (4, 20), (2, 10)]);
    assert_eq!(due(&*store, 30, 10).await, all);
    assert_eq!(due(&*store, 30, 2).await, all[..2]);
    assert_eq!(due(&*store, 30, 0).await, []);
    let all = expect(&[(9, 30), (6, 31), (4, 20), (2, 10)]);
    assert_eq!(due(&*store, 31, 10).await, all);
    let unknown = store.due_deliveries(endpoint_id(3), at(99), 10).await;
    assert_eq!(unknown.unwrap(), []);
}

async fn asked(store: &dyn Store, to: EndpointId, numbers: &[u32]) -> Loaded {
    let asked: Vec<EventId> = numbers.iter().copied().map(event_id).collect();
    let load = Load {
        deliveries: Some((to, asked)),
        ..Load::default()
    };
    see(store, load).await
}

pub(crate) async fn a_decision_sees_what_it_asked_for_and_when_the_rest_is_due(
    store: Arc<dyn Store>,
) {
    prepare(&*store).await;
    let all = [
        pending(1, 2, 10),
        pending(1, 4, 20),
        delivered(1, 8),
        failed(1, 3),
        pending(1, 6, 20),
        pending(2, 7, 5),
    ];
    save(&*store, of_deliveries(all)).await.unwrap();
    let cases: [(&[u32], Vec<Delivery>, Option<i64>); 6] = [
        (&[], vec![], Some(10)),
        (&[9, 1], vec![], Some(10)),
        (&[2], vec![pending(1, 2, 10)], Some(20)),
        (
            &[4, 2, 8, 2],
            vec![delivered(1, 8), pending(1, 4, 20), pending(1, 2, 10)],
            Some(20),
        ),
        (&[3, 7], vec![failed(1, 3)], Some(10)),
        (
            &[2, 4, 6, 77],
            vec![pending(1, 6, 20), pending(1, 4, 20), pending(1, 2, 10)],
            None,
        ),
    ];
    for (numbers, expected, next_due) in cases {
        let loaded = asked(&*store, endpoint_id(1), numbers).await;
        assert_eq!(loaded.deliveries, expected, "{numbers:?}");
        assert_eq!(loaded.next_delivery_due, next_due.map(at), "{numbers:?}");
    }
    let other = asked(&*store, endpoint_id(2), &[2]).await;
    assert_eq!(other.deliveries, []);
    assert_eq!(other.next_delivery_due, Some(at(5)));
    let unknown = asked(&*store, endpoint_id(3), &[2]).await;
    assert_eq!(unknown.deliveries, []);
    assert_eq!(unknown.next_delivery_due, None);
    let nothing = see(&*store, Load::default()).await;
    assert_eq!(nothing.next_delivery_due, None);
}

pub(crate) async fn pending_deliveries_are_hurried(store: Arc<dyn Store>) {
    prepare(&*store).await;
    let all = [
        pending(1, 9, 10),
        pending(1, 8, 30),
        pending(1, 7, 31),
        delivered(1, 6),
        failed(1, 5),
        pending(2, 4, 40),
    ];
    save(&*store, of_deliveries(all)).await.unwrap();
    let hurry = |to| DeliveryChange::Hurry {
        endpoint_id: endpoint_id(to),
        due_at: at(30),
    };
    // In the order of the list: what comes after is not hurried.
    let changes = Changes {
        deliveries: vec![
            DeliveryChange::Put(pending(1, 3, 99)),
            hurry(1),
            hurry(77),
            DeliveryChange::Put(pending(1, 2, 99)),
        ],
        ..Changes::default()
    };
    save(&*store, changes).await.unwrap();
    assert_eq!(
        deliveries(&*store, 1).await,
        [
            pending(1, 2, 99),
            pending(1, 3, 30),
            failed(1, 5),
            delivered(1, 6),
            pending(1, 7, 30),
            pending(1, 8, 30),
            pending(1, 9, 10),
        ]
    );
    assert_eq!(deliveries(&*store, 2).await, [pending(2, 4, 40)]);
}

pub(crate) async fn a_delivery_has_a_log(store: Arc<dyn Store>) {
    prepare(&*store).await;
    save(&*store, of_deliveries([pending(1, 5, 0), pending(1, 6, 0)]))
        .await
        .unwrap();
    let unreachable = Reply::None {
        reason: "连接超时 'x'; --".into(),
    };
    let replies = [
        unreachable.clone(),
        Reply::Status(0),
        Reply::Status(u16::MAX),
        Reply::Status(204),
        unreachable,
    ];
    let lines = replies.map(|reply| log_line(1, 5, reply));
    for part in lines.chunks(2) {
        let mut delivery_attempts = part.to_vec();
        delivery_attempts.push(log_line(1, 6, Reply::Status(1)));
        // Neither is a delivery.
        delivery_attempts.push(log_line(1, 7, Reply::Status(2)));
        delivery_attempts.push(log_line(2, 5, Reply::Status(3)));
        let changes = Changes {
            delivery_attempts,
            ..Changes::default()
        };
        save(&*store, changes).await.unwrap();
    }
    let log = |mchid, to, n| store.delivery_attempts(mchid, endpoint_id(to), event_id(n));
    assert_eq!(log(mchid(), 1, 5).await.unwrap(), lines);
    assert_eq!(log(mchid(), 1, 6).await.unwrap().len(), 3);
    for (mchid, to, n) in [
        (other_mchid(), 1, 5),
        (mchid(), 1, 7),
        (mchid(), 2, 5),
        (mchid(), 1, 77),
    ] {
        assert_eq!(log(mchid, to, n).await.unwrap(), []);
    }
    // The log of a delivery that is made again goes on.
    save(&*store, of_deliveries([delivered(1, 5)]))
        .await
        .unwrap();
    assert_eq!(log(mchid(), 1, 5).await.unwrap(), lines);
}

pub(crate) async fn lists_of_deliveries_are_paged_newest_event_first(store: Arc<dyn Store>) {
    prepare(&*store).await;
    // Stored in another order than their events.
    let mut all: Vec<Delivery> = (1..=9)
        .map(|n| match n % 3 {
            0 => pending(1, n, 7),
            1 => delivered(1, n),
            _ => failed(1, n),
        })
        .collect();
    all.rotate_left(4);
    save(&*store, of_deliveries(all)).await.unwrap();
    for (state, expected) in [
        (None, vec![1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (Some("pending"), vec![3, 6, 9]),
        (Some("delivered"), vec![1, 4, 7]),
        (Some("failed"), vec![2, 5, 8]),
        (Some("no such state"), vec![]),
    ] {
        let mut before = None;
        let mut seen: Vec<EventId> = Vec::new();
        loop {
            let filter = DeliveryFilter {
                state: state.map(str::to_owned),
                before: before.clone(),
                limit: 2,
            };
            let page = store.deliveries(mchid(), endpoint_id(1), filter).await;
            let page = page.unwrap();
            assert!(page.len() <= 2);
            let Some(last) = page.last() else { break };
            assert!(seen.len() < 9, "the list comes to an end");
            before = Some(last.event_id.clone());
            seen.extend(page.into_iter().map(|delivery| delivery.event_id));
        }
        let expected: Vec<EventId> = expected.into_iter().map(event_id).collect();
        assert_eq!(seen, expected, "{state:?}");
    }
    // A cursor may be any event of the merchant's, and no other.
    save(&*store, of_events(vec![event(77, other_mchid())]))
        .await
        .unwrap();
    for (n, found) in [(1, 8), (77, 0), (78, 0)] {
        let filter = DeliveryFilter {
            before: Some(event_id(n)),
            limit: 20,
            ..DeliveryFilter::default()
        };
        let page = store.deliveries(mchid(), endpoint_id(1), filter).await;
        assert_eq!(page.unwrap().len(), found, "before {n}");
    }
}

pub(crate) async fn deliveries_are_between_one_merchants_event_and_endpoint(store: Arc<dyn Store>) {
    prepare(&*store).await;
    let elsewhere = Endpoint {
        mchid: other_mchid(),
        ..endpoint(3)
    };
    save(&*store, of_endpoints([elsewhere])).await.unwrap();
    let their_event = Event {
        event_type: EventType::PaymentCreated,
        ..event(20, other_mchid())
    };
    save(&*store, of_events(vec![their_event])).await.unwrap();
    for wrong in [
        // Another merchant's endpoint, or event, or both; no endpoint; no event.
        pending(3, 1, 0),
        pending(1, 20, 0),
        pending(3, 20, 0),
        Delivery {
            mchid: other_mchid(),
            ..pending(1, 20, 0)
        },
        Delivery {
            mchid: other_mchid(),
            ..pending(3, 1, 0)
        },
        pending(8, 1, 0),
        pending(1, 88, 0),
    ] {
        let refused = save(&*store, of_deliveries([pending(1, 5, 0), wrong])).await;
        assert_corrupt(&refused);
    }
    assert_eq!(deliveries(&*store, 1).await, []);
    let fine = Changes {
        events: vec![event(30, mchid())],
        ..of_deliveries([pending(1, 30, 0)])
    };
    save(&*store, fine).await.unwrap();
    assert_eq!(deliveries(&*store, 1).await, [pending(1, 30, 0)]);
}
