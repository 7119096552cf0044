//! The memory store says what SQLite says, whatever is asked of them: the simulation would prove nothing about a store that
//! follows other rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use shouyin_core::ports::{
    DeliveryFilter, DifferenceFilter, PaymentFilter, RefundFilter, Store, StoreError, transact,
};
use shouyin_core::task::{Lane, Lease};
use shouyin_store::{MemoryStore, SqliteStore};

use crate::block_on::block_on;
use crate::chance::{Chance, changes, load_something};
use crate::sample::*;

const SEEDS: u64 = 12;
const STEPS: u32 = 200;

/// One request; what was loaded, and how it ended.
async fn step(store: &dyn Store, mut chance: Chance) -> (String, Result<(), StoreError>) {
    if chance.one_in(5) {
        let lane = chance.pick(&[Lane::Money, Lane::Webhook]);
        let lease = Lease(u64::from(chance.below(3)));
        let claimed = store.claim_tasks(lane, chance.time(), at(70), lease, chance.below(6));
        return (format!("{:?}", claimed.await), Ok(()));
    }
    let load = load_something(&mut chance);
    let seen = Arc::new(Mutex::new(String::new()));
    let note = Arc::clone(&seen);
    let ended = transact(store, load, move |loaded| {
        *note.lock().unwrap() = format!("{loaded:#?}");
        ((), changes(chance, loaded))
    })
    .await;
    let seen = seen.lock().unwrap().clone();
    (seen, ended)
}

/// Everything there is to read.
async fn read_all(store: &dyn Store) -> String {
    let mut all = Vec::new();
    let limit = u32::MAX;
    for mchid in [mchid(), other_mchid()] {
        let m = || mchid.clone();
        let payments = PaymentFilter {
            limit,
            ..PaymentFilter::default()
        };
        all.push(format!("{:#?}", store.payments(m(), payments).await));
        let refunds = RefundFilter {
            limit,
            ..RefundFilter::default()
        };
        all.push(format!("{:#?}", store.refunds(m(), refunds).await));
        all.push(format!("{:#?}", store.balance(m()).await));
        for n in 0..100 {
            all.push(format!("{:#?}", store.postings(m(), payment_id(n)).await));
        }
        let events = store.events(m(), 0, limit).await.unwrap();
        all.push(format!("{events:#?}"));
        all.push(format!("{:#?}", store.incidents(m(), limit).await));
        all.push(format!(
            "{:#?}",
            store.reconciliations(m(), None, limit).await
        ));
        let differences = store.differences(m(), DifferenceFilter::default());
        all.push(format!("{:#?}", differences.await));
        let end = at(1_000_000);
        all.push(format!("{:#?}", store.unbilled(m(), at(0), end).await));
        all.push(format!("{:#?}", store.notifications(m(), limit).await));
        all.push(format!("{:#?}", store.endpoints(m()).await));
        for n in 0..5 {
            let filter = DeliveryFilter {
                limit,
                ..DeliveryFilter::default()
            };
            let id = || endpoint_id(n);
            let deliveries = store.deliveries(m(), id(), filter).await.unwrap();
            for delivery in &deliveries {
                let log = store.delivery_attempts(m(), id(), delivery.event_id.clone());
                all.push(format!("{:#?}", log.await));
            }
            all.push(format!("{deliveries:#?}"));
            all.push(format!(
                "{:#?}",
                store.due_deliveries(id(), at(50), limit).await
            ));
        }
    }
    for lane in [Lane::Money, Lane::Webhook] {
        all.push(format!("{:?}", store.next_due(lane).await));
    }
    all.join("\n")
}

fn kind(ended: &Result<(), StoreError>) -> &'static str {
    match ended {
        Ok(()) => "saved",
        Err(StoreError::Conflict(_)) => "conflict",
        Err(StoreError::Corrupt(_)) => "corrupt",
        Err(StoreError::Unavailable(_)) => "unavailable",
    }
}

#[track_caller]
fn assert_same(what: &str, memory: &str, sqlite: &str) {
    if memory == sqlite {
        return;
    }
    let mut lines = memory.lines().zip(sqlite.lines()).enumerate();
    let first = lines.find(|(_, (memory, sqlite))| memory != sqlite);
    panic!("{what}: memory and SQLite differ, first in {first:?}");
}

#[test]
fn memory_and_sqlite_agree_whatever_is_asked_of_them() {
    let mut ends = BTreeMap::new();
    for seed in 1..=SEEDS {
        let memory = MemoryStore::new();
        let sqlite = SqliteStore::single_threaded_in_memory().unwrap();
        let mut chance = Chance::new(seed);
        for round in 0..STEPS {
            let what = format!("seed {seed}, step {round}");
            chance.below(2);
            let (seen, ended) = block_on(step(&memory, chance.clone()));
            let (sqlite_seen, sqlite_ended) = block_on(step(&sqlite, chance.clone()));
            assert_same(&what, &seen, &sqlite_seen);
            assert_eq!(
                kind(&ended),
                kind(&sqlite_ended),
                "{what}: {ended:?}, {sqlite_ended:?}"
            );
            *ends.entry(kind(&ended)).or_insert(0) += 1;
            if round % 10 == 9 {
                let all = block_on(read_all(&memory));
                assert_same(&what, &all, &block_on(read_all(&sqlite)));
            }
        }
        let refunds = memory.all_payments().into_iter().flat_map(|p| p.refunds);
        *ends.entry("refunds").or_insert(0) += refunds.count();
        *ends.entry("deliveries").or_insert(0) += memory.all_deliveries().len();
        *ends.entry("lines").or_insert(0) += memory.all_delivery_attempts().len();
    }
    // Chance has tried a good deal of everything.
    for (what, least) in [
        ("saved", 500),
        ("conflict", 100),
        ("corrupt", 100),
        ("refunds", 20),
        ("deliveries", 200),
        ("lines", 20),
    ] {
        assert!(ends[what] >= least, "{ends:?}");
    }
    assert_eq!(ends.get("unavailable"), None);
}
