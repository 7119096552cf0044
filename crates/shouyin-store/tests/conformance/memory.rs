//! What only the memory store offers: a second life, and commits that go wrong.

use std::sync::Arc;

use shouyin_core::ledger::PostingKind;
use shouyin_core::ports::{Changes, Store, StoreError};
use shouyin_core::task::{Lane, Lease, TaskChange, TaskKind};
use shouyin_core::webhook::model::{Delivery, Endpoint, Reply};
use shouyin_store::{CommitFaults, MemoryStore};

use crate::block_on::block_on;
use crate::sample::*;

#[test]
fn the_rows_survive_the_process() {
    let first = MemoryStore::new();
    let second = first.clone();
    block_on(save(&first, of_payment(payment(1)))).unwrap();
    drop(first);
    assert_eq!(block_on(get(&second, 1)), Some(payment(1)));
    assert_eq!(second.all_payments(), [payment(1)]);
}

/// Lets one commit fail, before or after it.
struct FailAt {
    number: u64,
    is_saved: bool,
}

impl FailAt {
    fn judge(&self, number: u64, is_saved: bool) -> Result<(), StoreError> {
        if self.number == number && self.is_saved == is_saved {
            return Err(StoreError::Unavailable("power cut".into()));
        }
        Ok(())
    }
}

impl CommitFaults for FailAt {
    fn before_commit(&self, number: u64) -> Result<(), StoreError> {
        self.judge(number, false)
    }

    fn after_commit(&self, number: u64) -> Result<(), StoreError> {
        self.judge(number, true)
    }
}

/// Three commits, of which the second fails.
#[track_caller]
fn check_fault_in_the_second_commit(is_saved: bool) {
    let rows = MemoryStore::new();
    let store = rows.with_faults(Arc::new(FailAt {
        number: 2,
        is_saved,
    }));
    block_on(async {
        save(&store, of_payment(payment(1))).await.unwrap();
        assert_unavailable(&save(&store, of_payment(payment(2))).await);
        assert_eq!(get(&rows, 2).await.is_some(), is_saved);
        assert_eq!(rows.commits(), if is_saved { 2 } else { 1 });
        save(&rows, of_payment(payment(3))).await.unwrap();
    });
    assert_eq!(rows.commits(), if is_saved { 3 } else { 2 });
}

#[test]
fn a_crash_before_a_commit_saves_nothing() {
    check_fault_in_the_second_commit(false);
}

#[test]
fn a_crash_after_a_commit_has_saved_everything() {
    check_fault_in_the_second_commit(true);
}

#[test]
fn only_what_changes_something_is_a_commit() {
    let store = MemoryStore::new();
    block_on(async {
        see(
            &store,
            load(shouyin_core::ports::PaymentKey::AnyId(payment_id(1))),
        )
        .await;
        store.next_due(Lane::Money).await.unwrap();
        store.delete_ended_sessions(at(0)).await.unwrap();
        let nothing = store
            .claim_tasks(Lane::Money, at(0), at(1), Lease(1), 5)
            .await
            .unwrap();
        assert_eq!(nothing, []);
        assert_eq!(store.commits(), 0);
        let put = TaskChange::Put(task(TaskKind::SendPrepay, 1, at(0)));
        save(&store, of_tasks(vec![put])).await.unwrap();
        assert_eq!(store.all_tasks().len(), 1);
        store
            .claim_tasks(Lane::Money, at(0), at(1), Lease(1), 5)
            .await
            .unwrap();
        assert_eq!(store.commits(), 2);
        save(&store, of_events(vec![event(1, mchid())]))
            .await
            .unwrap();
        assert_eq!(store.all_events().len(), 1);
        assert_eq!(store.commits(), 3);
    });
}

#[test]
fn a_checker_sees_everything() {
    let store = MemoryStore::new();
    let elsewhere = Endpoint {
        mchid: other_mchid(),
        ..endpoint(1)
    };
    block_on(async {
        save(&store, of_endpoints([endpoint(2), elsewhere.clone()]))
            .await
            .unwrap();
        let changes = Changes {
            postings: vec![
                posting(PostingKind::Reserve, 2),
                posting(PostingKind::Paid, 1),
            ],
            delivery_attempts: vec![log_line(2, 4, Reply::Status(200))],
            ..of_events(vec![event(4, mchid()), event(3, other_mchid())])
        };
        save(&store, changes).await.unwrap();
    });
    assert_eq!(store.all_endpoints(), [endpoint(2), elsewhere]);
    let theirs = Delivery {
        mchid: other_mchid(),
        ..delivery(1, 3)
    };
    assert_eq!(store.all_deliveries(), [theirs, delivery(2, 4)]);
    let log = store.all_delivery_attempts();
    assert_eq!(log, [log_line(2, 4, Reply::Status(200))]);
    let postings = store.all_postings();
    assert_eq!(
        postings,
        [
            posting(PostingKind::Reserve, 2),
            posting(PostingKind::Paid, 1)
        ]
    );
    assert_eq!(store.all_tasks().len(), 2);
    let shown = format!("{store:?}");
    assert!(!shown.contains("whsec_"), "secrets are not shown: {shown}");
}
