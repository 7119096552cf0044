//! Tasks and their leases.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::Timestamp;
use shouyin_core::ports::StoreError;
use shouyin_core::task::{Lane, Lease, Task, TaskChange, TaskKey, TaskKind};

use crate::rules;

/// Tasks by their keys, and in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    by_key: BTreeMap<TaskKey, Task>,
    by_due: BTreeMap<Lane, BTreeSet<(Timestamp, TaskKey)>>,
}

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

impl Tasks {
    pub(super) fn apply(&mut self, change: TaskChange) {
        match change {
            TaskChange::Put(task) => self.put(task),
            TaskChange::PutIfAbsent(task) => {
                if !self.by_key.contains_key(&task.key) {
                    self.put(task);
                }
            }
            TaskChange::Reschedule {
                key,
                lease,
                due_at,
                tries,
            } => self.change_held(&key, lease, |task| {
                task.due_at = due_at;
                task.tries = tries;
                task.lease = None;
            }),
            TaskChange::Extend { key, lease, until } => {
                self.change_held(&key, lease, |task| task.due_at = until);
            }
            TaskChange::Finish { key, lease } => {
                if self.is_held(&key, lease) {
                    self.remove(&key);
                }
            }
            TaskChange::Remove(key) => self.remove(&key),
            TaskChange::RemoveAttemptTasks(payment_id) => {
                let of_attempts: Vec<TaskKey> = self
                    .by_key
                    .keys()
                    .filter(|key| {
                        key.subject.payment_id() == Some(&payment_id)
                            && rules::is_attempt_task(key.kind)
                    })
                    .cloned()
                    .collect();
                for key in of_attempts {
                    self.remove(&key);
                }
            }
            TaskChange::Wake(task) => match self.by_key.get(&task.key) {
                None => self.put(task),
                Some(known) if known.lease.is_none() => {
                    let due_at = known.due_at.min(task.due_at);
                    self.change(&task.key, |known| known.due_at = due_at);
                }
                Some(_) => {}
            },
        }
    }

    fn put(&mut self, task: Task) {
        self.remove(&task.key);
        let place = (task.due_at, task.key.clone());
        self.lane(task.key.kind).insert(place);
        self.by_key.insert(task.key.clone(), task);
    }

    pub(super) fn remove(&mut self, key: &TaskKey) {
        if let Some(task) = self.by_key.remove(key) {
            self.lane(key.kind).remove(&(task.due_at, task.key));
        }
    }

    fn lane(&mut self, kind: TaskKind) -> &mut BTreeSet<(Timestamp, TaskKey)> {
        self.by_due.entry(kind.lane()).or_default()
    }

    fn change(&mut self, key: &TaskKey, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.by_key.get_mut(key) {
            let before = task.due_at;
            change(task);
            let after = task.due_at;
            if after != before {
                let lane = self.lane(key.kind);
                let mut place = (before, key.clone());
                lane.remove(&place);
                place.0 = after;
                lane.insert(place);
            }
        }
    }

    fn is_held(&self, key: &TaskKey, lease: Lease) -> bool {
        let task = self.by_key.get(key);
        task.is_some_and(|task| task.lease == Some(lease))
    }

    fn change_held(&mut self, key: &TaskKey, lease: Lease, change: impl FnOnce(&mut Task)) {
        if self.is_held(key, lease) {
            self.change(key, change);
        }
    }

    /// Every task in the order of keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Task> {
        self.by_key.values()
    }

    fn of_lane(&self, lane: Lane) -> impl Iterator<Item = (Timestamp, &TaskKey)> {
        let lane = self.by_due.get(&lane).into_iter().flatten();
        lane.map(|(due_at, key)| (*due_at, key))
    }

    /// When the earliest task of a lane is due.
    pub(super) fn next_due(&self, lane: Lane) -> Option<Timestamp> {
        self.of_lane(lane).next().map(|(due_at, _)| due_at)
    }

    /// The first `limit` due tasks of a lane in (due, key) order.
    pub(super) fn due(&self, lane: Lane, now: Timestamp, limit: u32) -> Vec<TaskKey> {
        self.of_lane(lane)
            .take_while(|(due_at, _)| *due_at <= now)
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Leases the given tasks; returns them as they are then.
    pub(super) fn lease(
        &mut self,
        keys: &[TaskKey],
        lease_until: Timestamp,
        lease: Lease,
    ) -> Vec<Task> {
        keys.iter()
            .filter_map(|key| {
                self.change(key, |task| {
                    task.due_at = lease_until;
                    task.lease = Some(lease);
                });
                self.by_key.get(key).cloned()
            })
            .collect()
    }
}
