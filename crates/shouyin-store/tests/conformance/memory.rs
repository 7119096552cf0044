//! What only the memory store offers: a second life, and commits that go wrong.

use std::sync::Arc;

use shouyin_core::ports::{Store, StoreError};
use shouyin_core::task::{Lease, TaskChange, TaskKind};
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
        store.next_due().await.unwrap();
        store.delete_ended_sessions(at(0)).await.unwrap();
        let nothing = store.claim_tasks(at(0), at(1), Lease(1), 5).await.unwrap();
        assert_eq!(nothing, []);
        assert_eq!(store.commits(), 0);
        let put = TaskChange::Put(task(TaskKind::SendPrepay, 1, at(0)));
        save(&store, of_tasks(vec![put])).await.unwrap();
        assert_eq!(store.all_tasks().len(), 1);
        store.claim_tasks(at(0), at(1), Lease(1), 5).await.unwrap();
        assert_eq!(store.commits(), 2);
        save(&store, of_events(vec![event(1, mchid())]))
            .await
            .unwrap();
        assert_eq!(store.all_events().len(), 1);
        assert_eq!(store.commits(), 3);
    });
}
