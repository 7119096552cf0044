//! Webhook endpoints.

use std::sync::Arc;

use shouyin_core::event::EventType;
use shouyin_core::ports::{Changes, EndpointChange, Load, Store};
use shouyin_core::task::{Lane, TaskChange, TaskKind};
use shouyin_core::webhook::model::{Endpoint, EndpointState, Reply, Secret};

use crate::sample::*;

fn of_merchant(mchid: shouyin_core::id::Mchid) -> Load {
    Load {
        endpoints: Some(mchid),
        ..Load::default()
    }
}

pub(crate) async fn an_endpoint_is_read_as_it_was_saved(store: Arc<dyn Store>) {
    let secret = |text: &str, end_ms: Option<i64>| Secret {
        text: text.into(),
        expires_at: end_ms.map(at),
    };
    let full = Endpoint {
        url: "https://例子.example/钩子?x='y'; --".into(),
        description: String::new(),
        event_types: EventType::ALL.into_iter().rev().collect(),
        secrets: vec![
            secret("whsec_new", None),
            secret("whsec_old", Some(10)),
            secret("whsec_older", Some(-10)),
        ],
        state: EndpointState::Disabled {
            at: at(9),
            by_failure: true,
        },
        failing_since: Some(at(8)),
        ..endpoint(1)
    };
    let by_merchant = Endpoint {
        event_types: vec![EventType::PaymentPaid],
        secrets: vec![secret("whsec_1", None), secret("whsec_2", Some(1))],
        state: EndpointState::Disabled {
            at: at(7),
            by_failure: false,
        },
        ..endpoint(1)
    };
    let bare = Endpoint {
        secrets: Vec::new(),
        ..endpoint(1)
    };
    // Inserted, then replaced again and again.
    for stored in [full, by_merchant, bare.clone(), endpoint(1), bare] {
        save(&*store, of_endpoints([stored.clone()])).await.unwrap();
        let read = store.endpoint(endpoint_id(1)).await.unwrap();
        assert_eq!(read.as_ref(), Some(&stored));
        let read = store.endpoints(mchid()).await.unwrap();
        assert_eq!(read.as_slice(), std::slice::from_ref(&stored));
        let seen = see(&*store, of_merchant(mchid())).await;
        assert_eq!(seen.endpoints, [stored]);
    }
    assert_eq!(see(&*store, Load::default()).await.endpoints, []);
}

pub(crate) async fn endpoints_are_listed_oldest_first(store: Arc<dyn Store>) {
    let elsewhere = Endpoint {
        mchid: other_mchid(),
        ..endpoint(4)
    };
    // Ids and clocks do not decide what is old.
    for (n, ms) in [(5, 9), (2, 8), (7, 1)] {
        let stored = Endpoint {
            created_at: at(ms),
            ..endpoint(n)
        };
        save(&*store, of_endpoints([stored])).await.unwrap();
    }
    save(&*store, of_endpoints([elsewhere.clone()]))
        .await
        .unwrap();
    save(&*store, of_endpoints([endpoint(5)])).await.unwrap();
    let ids = |endpoints: Vec<Endpoint>| -> Vec<_> {
        endpoints.into_iter().map(|endpoint| endpoint.id).collect()
    };
    let expected = [5, 2, 7].map(endpoint_id);
    assert_eq!(ids(store.endpoints(mchid()).await.unwrap()), expected);
    let seen = see(&*store, of_merchant(mchid())).await;
    assert_eq!(ids(seen.endpoints), expected);
    let theirs = store.endpoints(other_mchid()).await.unwrap();
    assert_eq!(theirs, [elsewhere]);
}

pub(crate) async fn an_endpoint_stays_with_its_merchant(store: Arc<dyn Store>) {
    save(&*store, of_endpoints([endpoint(1)])).await.unwrap();
    let thief = Endpoint {
        mchid: other_mchid(),
        ..endpoint(1)
    };
    assert_corrupt(&save(&*store, of_endpoints([thief.clone()])).await);
    assert_corrupt(&save(&*store, of_endpoints([endpoint(2), thief])).await);
    let read = store.endpoint(endpoint_id(1)).await.unwrap();
    assert_eq!(read, Some(endpoint(1)));
    assert_eq!(store.endpoint(endpoint_id(2)).await.unwrap(), None);
}

pub(crate) async fn deleting_an_endpoint_removes_all_that_is_its_own(store: Arc<dyn Store>) {
    save(&*store, of_endpoints([endpoint(1), endpoint(2)]))
        .await
        .unwrap();
    let events = (1..=3).map(|n| event(n, mchid())).collect();
    save(&*store, of_events(events)).await.unwrap();
    let line = |to| log_line(to, 2, Reply::Status(500));
    let lines = Changes {
        delivery_attempts: vec![line(1), line(2)],
        ..Changes::default()
    };
    save(&*store, lines.clone()).await.unwrap();
    // The worker holds its task at that moment.
    let held = store.claim_tasks(
        Lane::Webhook,
        at(9),
        at(99),
        shouyin_core::task::Lease(1),
        10,
    );
    assert_eq!(held.await.unwrap().len(), 2);
    let delete = |n| Changes {
        endpoints: vec![EndpointChange::Delete(endpoint_id(n))],
        ..Changes::default()
    };
    save(&*store, delete(1)).await.unwrap();
    save(&*store, delete(1)).await.unwrap();
    save(&*store, delete(9)).await.unwrap();
    assert_eq!(store.endpoint(endpoint_id(1)).await.unwrap(), None);
    assert_eq!(deliveries(&*store, 1).await, []);
    assert_eq!(deliveries(&*store, 2).await.len(), 3);
    let log = |to| store.delivery_attempts(mchid(), endpoint_id(to), event_id(2));
    assert_eq!(log(1).await.unwrap(), []);
    assert_eq!(log(2).await.unwrap(), [line(2)]);
    let tasks = store.claim_tasks(
        Lane::Webhook,
        at(99),
        at(100),
        shouyin_core::task::Lease(2),
        10,
    );
    let keys: Vec<_> = tasks.await.unwrap().into_iter().map(|t| t.key).collect();
    assert_eq!(keys, [task_key(TaskKind::DeliverWebhooks, 2)]);
    // The worker comes back from sending to what is gone: its lines have no place any more.
    save(&*store, lines).await.unwrap();
    assert_eq!(log(1).await.unwrap(), []);
    assert_eq!(log(2).await.unwrap(), [line(2), line(2)]);
    // A new one under the same id starts afresh.
    let changes = Changes {
        endpoints: vec![
            EndpointChange::Delete(endpoint_id(2)),
            EndpointChange::Put(endpoint(2)),
        ],
        tasks: vec![TaskChange::Put(task(TaskKind::DeliverWebhooks, 2, at(5)))],
        ..Changes::default()
    };
    save(&*store, changes).await.unwrap();
    assert_eq!(deliveries(&*store, 2).await, []);
    assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), Some(at(5)));
    save(&*store, of_events(vec![event(4, mchid())]))
        .await
        .unwrap();
    assert_eq!(deliveries(&*store, 2).await, [delivery(2, 4)]);
}
