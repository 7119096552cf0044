//! Tasks and their leases.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;

use shouyin_core::ports::Store;
use shouyin_core::task::{Lane, Lease, Task, TaskChange, TaskKey, TaskKind};

use crate::block_on::block_on;
use crate::sample::*;

const FIRST: Lease = Lease(1);
const SECOND: Lease = Lease(u64::MAX >> 1);

async fn put(store: &dyn Store, tasks: Vec<Task>) {
    let tasks = tasks.into_iter().map(TaskChange::Put).collect();
    save(store, of_tasks(tasks)).await.unwrap();
}

async fn apply(store: &dyn Store, change: TaskChange) {
    save(store, of_tasks(vec![change])).await.unwrap();
}

/// Claims at `now_ms` for one second.
async fn claim(store: &dyn Store, now_ms: i64, lease: Lease, limit: u32) -> Vec<Task> {
    store
        .claim_tasks(Lane::Money, at(now_ms), at(now_ms + 1000), lease, limit)
        .await
        .unwrap()
}

/// Everything there is, by leasing it all at the end of time.
async fn all(store: &dyn Store) -> Vec<Task> {
    claim(store, 1_000_000_000, Lease(0), u32::MAX).await
}

fn keys(tasks: &[Task]) -> Vec<TaskKey> {
    tasks.iter().map(|task| task.key.clone()).collect()
}

pub(crate) async fn a_due_task_is_claimed_with_its_lease(store: Arc<dyn Store>) {
    let stored = Task {
        tries: 3,
        ..task(TaskKind::SendPrepay, 1, at(10))
    };
    put(&*store, vec![stored.clone()]).await;
    assert_eq!(claim(&*store, 9, FIRST, 10).await, []);
    let claimed = claim(&*store, 10, FIRST, 10).await;
    let expected = Task {
        due_at: at(1010),
        lease: Some(FIRST),
        ..stored
    };
    assert_eq!(claimed, [expected]);
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(1010)));
}

pub(crate) async fn tasks_are_claimed_in_the_order_of_due_time_and_key(store: Arc<dyn Store>) {
    let kinds = [
        TaskKind::ExpirePayment,
        TaskKind::CloseAttempt,
        TaskKind::QueryAttempt,
        TaskKind::SendPrepay,
    ];
    let mut tasks = vec![task(TaskKind::ExpirePayment, 9, at(1))];
    for n in [3, 1, 2] {
        tasks.extend(kinds.map(|kind| task(kind, n, at(5))));
    }
    tasks.push(task(TaskKind::SendPrepay, 8, at(4)));
    put(&*store, tasks.clone()).await;
    tasks.sort_by_key(|task| (task.due_at, task.key.clone()));
    let mut claimed = Vec::new();
    for _ in 0..5 {
        claimed.extend(claim(&*store, 5, FIRST, 3).await);
    }
    assert_eq!(keys(&claimed), keys(&tasks));
}

pub(crate) async fn a_lease_ends_and_another_worker_takes_over(store: Arc<dyn Store>) {
    put(&*store, vec![task(TaskKind::QueryAttempt, 1, at(0))]).await;
    assert_eq!(claim(&*store, 0, FIRST, 10).await.len(), 1);
    assert_eq!(claim(&*store, 999, SECOND, 10).await, []);
    let claimed = claim(&*store, 1000, SECOND, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease, Some(SECOND));
    assert_eq!(claimed[0].due_at, at(2000));
}

pub(crate) async fn whoever_lost_the_lease_cannot_disturb_its_successor(store: Arc<dyn Store>) {
    let key = task_key(TaskKind::QueryAttempt, 1);
    put(&*store, vec![task(TaskKind::QueryAttempt, 1, at(0))]).await;
    claim(&*store, 0, FIRST, 10).await;
    claim(&*store, 1000, SECOND, 10).await;
    let late = [
        TaskChange::Finish {
            key: key.clone(),
            lease: FIRST,
        },
        TaskChange::Reschedule {
            key: key.clone(),
            lease: FIRST,
            due_at: at(1),
            tries: 77,
        },
    ];
    for change in late {
        apply(&*store, change).await;
        assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(2000)));
    }
    let finish = TaskChange::Finish { key, lease: SECOND };
    apply(&*store, finish.clone()).await;
    assert_eq!(all(&*store).await, []);
    apply(&*store, finish).await;
}

pub(crate) async fn a_task_without_lease_is_not_finished_by_anybody(store: Arc<dyn Store>) {
    put(&*store, vec![task(TaskKind::SendPrepay, 1, at(0))]).await;
    for lease in [Lease(0), FIRST] {
        let key = task_key(TaskKind::SendPrepay, 1);
        apply(&*store, TaskChange::Finish { key, lease }).await;
    }
    assert_eq!(all(&*store).await.len(), 1);
}

pub(crate) async fn a_task_is_put_off_by_its_holder(store: Arc<dyn Store>) {
    put(&*store, vec![task(TaskKind::SendPrepay, 1, at(0))]).await;
    claim(&*store, 0, FIRST, 10).await;
    let off = |due_ms, tries| TaskChange::Reschedule {
        key: task_key(TaskKind::SendPrepay, 1),
        lease: FIRST,
        due_at: at(due_ms),
        tries,
    };
    apply(&*store, off(50, 4)).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(50)));
    // The lease went with it.
    apply(&*store, off(60, 5)).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(50)));
    assert_eq!(claim(&*store, 49, SECOND, 10).await, []);
    let claimed = claim(&*store, 50, SECOND, 10).await;
    assert_eq!(claimed[0].tries, 4);
    assert_eq!(claimed[0].lease, Some(SECOND));
}

pub(crate) async fn putting_replaces_and_putting_if_absent_does_not(store: Arc<dyn Store>) {
    let first = task(TaskKind::CloseAttempt, 1, at(10));
    let second = Task {
        due_at: at(5),
        tries: 2,
        lease: Some(SECOND),
        ..first.clone()
    };
    apply(&*store, TaskChange::PutIfAbsent(first.clone())).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(10)));
    apply(&*store, TaskChange::PutIfAbsent(second.clone())).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(10)));
    apply(&*store, TaskChange::Put(second.clone())).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(5)));
    let key = first.key.clone();
    apply(&*store, TaskChange::Finish { key, lease: SECOND }).await;
    assert_eq!(all(&*store).await, []);
    // A new order for the same work takes it out of the hands of whoever held it.
    put(&*store, vec![second]).await;
    put(&*store, vec![first.clone()]).await;
    let key = first.key.clone();
    apply(&*store, TaskChange::Finish { key, lease: SECOND }).await;
    assert_eq!(keys(&all(&*store).await), [first.key]);
}

pub(crate) async fn tasks_are_removed_whoever_holds_them(store: Arc<dyn Store>) {
    let tasks = |n| {
        [
            TaskKind::SendPrepay,
            TaskKind::QueryAttempt,
            TaskKind::ExpirePayment,
        ]
        .map(|kind| task(kind, n, at(0)))
    };
    put(&*store, tasks(1).into()).await;
    put(&*store, tasks(2).into()).await;
    claim(&*store, 0, FIRST, 4).await;
    let gone = task_key(TaskKind::QueryAttempt, 2);
    apply(&*store, TaskChange::Remove(gone.clone())).await;
    apply(&*store, TaskChange::Remove(gone)).await;
    apply(&*store, TaskChange::RemoveAttemptTasks(payment_id(1))).await;
    let left: BTreeSet<TaskKey> = keys(&all(&*store).await).into_iter().collect();
    let expected = [TaskKind::SendPrepay, TaskKind::ExpirePayment].map(|kind| task_key(kind, 2));
    assert_eq!(left, BTreeSet::from(expected));
}

pub(crate) async fn changes_of_tasks_are_applied_in_order(store: Arc<dyn Store>) {
    put(&*store, vec![task(TaskKind::SendPrepay, 1, at(0))]).await;
    let query = task(TaskKind::QueryAttempt, 1, at(7));
    let changes = vec![
        TaskChange::Put(task(TaskKind::CloseAttempt, 1, at(3))),
        TaskChange::RemoveAttemptTasks(payment_id(1)),
        TaskChange::Put(query.clone()),
        TaskChange::PutIfAbsent(task(TaskKind::QueryAttempt, 1, at(1))),
    ];
    save(&*store, of_tasks(changes)).await.unwrap();
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(7)));
    assert_eq!(keys(&all(&*store).await), [query.key]);
}

pub(crate) async fn nothing_is_due_when_nothing_is_owed(store: Arc<dyn Store>) {
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), None);
    assert_eq!(all(&*store).await, []);
    put(&*store, vec![task(TaskKind::SendPrepay, 1, at(0))]).await;
    assert_eq!(claim(&*store, 5, FIRST, 0).await, []);
}

pub(crate) async fn two_workers_never_hold_the_same_task(store: Arc<dyn Store>) {
    const TASKS: u32 = 200;
    for n in 0..TASKS {
        put(&*store, vec![task(TaskKind::QueryAttempt, n, at(0))]).await;
    }
    let taken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 1..=6 {
            let (store, taken) = (&store, &taken);
            scope.spawn(move || {
                loop {
                    let tasks = block_on(claim(&**store, 0, Lease(worker), 7));
                    if tasks.is_empty() {
                        break;
                    }
                    taken.lock().unwrap().extend(keys(&tasks));
                }
            });
        }
    });
    let taken = taken.into_inner().unwrap();
    let distinct: BTreeSet<&TaskKey> = taken.iter().collect();
    assert_eq!(taken.len(), distinct.len());
    assert_eq!(distinct.len(), usize::try_from(TASKS).unwrap());
}

pub(crate) async fn tasks_about_refunds_outlive_those_about_attempts(store: Arc<dyn Store>) {
    let kinds = TaskKind::ALL.into_iter();
    let tasks = kinds.map(|kind| task(kind, 1, at(0))).collect();
    put(&*store, tasks).await;
    apply(&*store, TaskChange::RemoveAttemptTasks(payment_id(1))).await;
    let refunds = [TaskKind::SendRefund, TaskKind::QueryRefund];
    assert_eq!(
        keys(&all(&*store).await),
        refunds.map(|kind| task_key(kind, 1))
    );
    let webhooks = [task_key(TaskKind::DeliverWebhooks, 1)];
    let due = store.claim_tasks(Lane::Webhook, at(0), at(1), FIRST, 10);
    assert_eq!(keys(&due.await.unwrap()), webhooks);
}

pub(crate) async fn a_task_is_woken_unless_somebody_holds_it(store: Arc<dyn Store>) {
    let wake = |due_ms| {
        TaskChange::Wake(Task {
            tries: 9,
            ..task(TaskKind::QueryAttempt, 1, at(due_ms))
        })
    };
    // Nobody owes it yet; then it is only ever brought forward.
    for (due_ms, expected_ms) in [(50, 50), (80, 50), (20, 20), (20, 20)] {
        apply(&*store, wake(due_ms)).await;
        let next = store.next_due(Lane::Money).await.unwrap();
        assert_eq!(next, Some(at(expected_ms)));
    }
    let claimed = claim(&*store, 20, FIRST, 10).await;
    assert_eq!(claimed[0].tries, 9);
    apply(&*store, wake(0)).await;
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(1020)));
    let key = task_key(TaskKind::QueryAttempt, 1);
    let off = TaskChange::Reschedule {
        key,
        lease: FIRST,
        due_at: at(500),
        tries: 3,
    };
    apply(&*store, off).await;
    apply(&*store, wake(30)).await;
    let claimed = claim(&*store, 30, SECOND, 10).await;
    assert_eq!(claimed.len(), 1);
    // It was woken, not replaced.
    assert_eq!((claimed[0].tries, claimed[0].lease), (3, Some(SECOND)));
}

pub(crate) async fn each_lane_has_its_own_tasks(store: Arc<dyn Store>) {
    let claim = |lane, now_ms| store.claim_tasks(lane, at(now_ms), at(1000), FIRST, 10);
    put(
        &*store,
        vec![
            task(TaskKind::DeliverWebhooks, 2, at(5)),
            task(TaskKind::DeliverWebhooks, 1, at(5)),
            task(TaskKind::QueryRefund, 1, at(7)),
            task(TaskKind::SendRefund, 2, at(7)),
            task(TaskKind::ExpirePayment, 3, at(7)),
        ],
    )
    .await;
    assert_eq!(store.next_due(Lane::Webhook).await.unwrap(), Some(at(5)));
    assert_eq!(store.next_due(Lane::Money).await.unwrap(), Some(at(7)));
    assert_eq!(claim(Lane::Money, 6).await.unwrap(), []);
    let webhooks = claim(Lane::Webhook, 6).await.unwrap();
    assert_eq!(
        keys(&webhooks),
        [1, 2].map(|n| task_key(TaskKind::DeliverWebhooks, n))
    );
    assert_eq!(claim(Lane::Webhook, 7).await.unwrap(), []);
    let money = claim(Lane::Money, 7).await.unwrap();
    assert_eq!(
        keys(&money),
        [
            task_key(TaskKind::ExpirePayment, 3),
            task_key(TaskKind::SendRefund, 2),
            task_key(TaskKind::QueryRefund, 1),
        ]
    );
}

pub(crate) async fn a_task_that_makes_no_sense_is_refused(store: Arc<dyn Store>) {
    for kind in TaskKind::ALL {
        for other in TaskKind::ALL {
            let wrong = Task {
                key: TaskKey {
                    kind,
                    ..task_key(other, 1)
                },
                ..task(kind, 1, at(0))
            };
            let fits = wrong.key == task_key(kind, 1);
            for change in [TaskChange::Put, TaskChange::PutIfAbsent, TaskChange::Wake] {
                let saved = save(&*store, of_tasks(vec![change(wrong.clone())])).await;
                if fits {
                    saved.unwrap();
                } else {
                    assert_corrupt(&saved);
                }
            }
        }
    }
    // Webhooks and bills have lanes of their own.
    assert_eq!(all(&*store).await.len(), TaskKind::ALL.len() - 2);
}
