//! Events: their order and their pages.

use std::sync::Arc;
use std::thread;

use shouyin_core::event::{Event, EventType};
use shouyin_core::ports::Store;

use crate::block_on::block_on;
use crate::sample::*;

pub(crate) async fn events_are_paged_in_the_order_of_commits(store: Arc<dyn Store>) {
    // Ids and times run backwards: neither decides the order.
    for n in (1..=9).rev() {
        let ours = event(n, mchid());
        let theirs = event(100 + n, other_mchid());
        save(&*store, of_events(vec![ours, theirs])).await.unwrap();
    }
    let mut after = 0;
    let mut seen = Vec::new();
    loop {
        let page = store.events(mchid(), after, 4).await.unwrap();
        assert!(page.len() <= 4);
        let Some(last) = page.last() else { break };
        assert!(page.iter().all(|stored| stored.seq > after));
        after = last.seq;
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|a, b| a.seq < b.seq));
    let events: Vec<Event> = seen.into_iter().map(|stored| stored.event).collect();
    let expected: Vec<Event> = (1..=9).rev().map(|n| event(n, mchid())).collect();
    assert_eq!(events, expected);
    assert_eq!(store.events(mchid(), after, 4).await.unwrap(), []);
    assert_eq!(store.events(mchid(), 0, 0).await.unwrap(), []);
}

pub(crate) async fn every_type_of_event_is_kept(store: Arc<dyn Store>) {
    let events: Vec<Event> = (1..)
        .zip(EventType::ALL)
        .map(|(n, event_type)| Event {
            event_type,
            // Some are about a payment, some about a refund as well, some about neither.
            payment_id: (n % 3 > 0).then(|| payment_id(n)),
            refund_id: (n % 3 > 1).then(|| refund_id(n)),
            ..event(n, mchid())
        })
        .collect();
    save(&*store, of_events(events.clone())).await.unwrap();
    let stored = store.events(mchid(), 0, 20).await.unwrap();
    for one in &stored {
        let found = store.event(mchid(), one.event.id.clone()).await.unwrap();
        assert_eq!(found.as_ref(), Some(one));
        let found = store.event(other_mchid(), one.event.id.clone()).await;
        assert_eq!(found.unwrap(), None);
    }
    let unknown = store.event(mchid(), event_id(99)).await.unwrap();
    assert_eq!(unknown, None);
    let stored: Vec<Event> = stored.into_iter().map(|stored| stored.event).collect();
    assert_eq!(stored, events);
}

pub(crate) async fn a_reader_who_keeps_up_misses_no_event(store: Arc<dyn Store>) {
    const WRITERS: u32 = 4;
    const EACH: u32 = 50;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..EACH {
                    let changes = of_events(vec![event(writer * EACH + n, mchid())]);
                    block_on(save(&**store, changes)).unwrap();
                }
            });
        }
        // Events must never appear behind a cursor that has passed them.
        let mut after = 0;
        let mut seen = 0;
        while seen < WRITERS * EACH {
            let page = block_on(store.events(mchid(), after, 7)).unwrap();
            for stored in page {
                assert!(stored.seq > after);
                after = stored.seq;
                seen += 1;
            }
        }
    });
}
