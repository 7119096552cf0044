//! Tasks and their leases.

use std::collections::BTreeMap;

use shouyin_core::Timestamp;
use shouyin_core::ports::StoreError;
use shouyin_core::task::{Lane, Lease, Task, TaskChange, TaskKey};

use crate::rules;

type Tasks = BTreeMap<TaskKey, Task>;

/// What a database could not keep.
pub(super) fn check(changes: &[TaskChange]) -> Result<(), StoreError> {
    for change in changes {
        match change {
            TaskChange::Put(task) | TaskChange::PutIfAbsent(task) | TaskChange::Wake(task) => {
                rules::check_task(&task.key)?;
            }
            TaskChange::Reschedule { .. }
            | TaskChange::Extend { .. }
            | TaskChange::Finish { .. }
            | TaskChange::Remove(_)
            | TaskChange::RemoveAttemptTasks(_) => {}
        }
    }
    Ok(())
}

pub(super) fn apply(tasks: &mut Tasks, change: TaskChange) {
    match change {
        TaskChange::Put(task) => {
            tasks.insert(task.key.clone(), task);
        }
        TaskChange::PutIfAbsent(task) => {
            tasks.entry(task.key.clone()).or_insert(task);
        }
        TaskChange::Reschedule {
            key,
            lease,
            due_at,
            tries,
        } => {
            if let Some(task) = held(tasks, &key, lease) {
                task.due_at = due_at;
                task.tries = tries;
                task.lease = None;
            }
        }
        TaskChange::Extend { key, lease, until } => {
            if let Some(task) = held(tasks, &key, lease) {
                task.due_at = until;
            }
        }
        TaskChange::Finish { key, lease } => {
            if held(tasks, &key, lease).is_some() {
                tasks.remove(&key);
            }
        }
        TaskChange::Remove(key) => {
            tasks.remove(&key);
        }
        TaskChange::RemoveAttemptTasks(payment_id) => tasks.retain(|key, _| {
            key.subject.payment_id() != Some(&payment_id) || !rules::is_attempt_task(key.kind)
        }),
        TaskChange::Wake(task) => {
            let known = tasks
                .entry(task.key.clone())
                .or_insert_with(|| task.clone());
            if known.lease.is_none() {
                known.due_at = known.due_at.min(task.due_at);
            }
        }
    }
}

fn held<'t>(tasks: &'t mut Tasks, key: &TaskKey, lease: Lease) -> Option<&'t mut Task> {
    tasks.get_mut(key).filter(|task| task.lease == Some(lease))
}

/// When the earliest task of a lane is due.
pub(super) fn next_due(tasks: &Tasks, lane: Lane) -> Option<Timestamp> {
    tasks
        .values()
        .filter(|task| task.key.kind.lane() == lane)
        .map(|task| task.due_at)
        .min()
}

/// The first `limit` due tasks of a lane in (due, key) order.
pub(super) fn due(tasks: &Tasks, lane: Lane, now: Timestamp, limit: u32) -> Vec<TaskKey> {
    let mut due: Vec<(Timestamp, &TaskKey)> = tasks
        .values()
        .filter(|task| task.key.kind.lane() == lane && task.due_at <= now)
        .map(|task| (task.due_at, &task.key))
        .collect();
    due.sort();
    due.into_iter()
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|(_, key)| key.clone())
        .collect()
}

/// Leases the given tasks; returns them as they are then.
pub(super) fn lease(
    tasks: &mut Tasks,
    keys: &[TaskKey],
    lease_until: Timestamp,
    lease: Lease,
) -> Vec<Task> {
    keys.iter()
        .filter_map(|key| {
            let task = tasks.get_mut(key)?;
            task.due_at = lease_until;
            task.lease = Some(lease);
            Some(task.clone())
        })
        .collect()
}
