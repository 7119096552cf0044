//! One endpoint, its deliveries and its task, changed by the rules alone: what a store does, as small as it can be said.

use std::collections::BTreeMap;

use super::super::*;
use super::{Counter, endpoint, ids};
use crate::event::{Event, EventType};
use crate::id::EventId;
use crate::payment::decide::TaskRun;
use crate::ports::{Changes, DeliveryChange, EndpointChange, Loaded};
use crate::task::{LEASE_MS, Lease, Task, TaskChange};
use crate::time::{MINUTE_MS, Timestamp};
use crate::webhook::model::{
    Delivery, DeliveryAttempt, DeliveryState, Endpoint, EndpointState, Reply,
};

pub(super) const RECEIVED: Reply = Reply::Status(204);
pub(super) const BROKEN: Reply = Reply::Status(500);

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) events: BTreeMap<EventId, Event>,
    pub(super) deliveries: BTreeMap<EventId, Delivery>,
    pub(super) task: Option<Task>,
    pub(super) log: Vec<DeliveryAttempt>,
    pub(super) announced: Vec<Event>,
    pub(super) ids: Counter,
    leases: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            now: super::T0,
            endpoint: Some(endpoint()),
            events: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            task: None,
            log: vec![],
            announced: vec![],
            ids: ids(),
            leases: 0,
        }
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        self.endpoint.as_ref().unwrap()
    }

    pub(super) fn delivery(&self, n: u32) -> &Delivery {
        &self.deliveries[&super::event_id(n)]
    }

    /// The due time of the only kind of delivery that has one.
    pub(super) fn due(&self, n: u32) -> Option<Timestamp> {
        due(self.delivery(n))
    }

    pub(super) fn is_delivered(&self, n: u32) -> bool {
        matches!(self.delivery(n).state, DeliveryState::Delivered { .. })
    }

    /// How often each event was sent, by its number.
    pub(super) fn sends(&self, n: u32) -> usize {
        let id = super::event_id(n);
        self.log.iter().filter(|line| line.event_id == id).count()
    }

    /// An event is stored, and fanned out in the same transaction.
    pub(super) fn store_event(&mut self, n: u32) {
        let event = super::event(n, EventType::PaymentPaid, self.now);
        self.events.insert(event.id.clone(), event.clone());
        let endpoints: Vec<Endpoint> = self.endpoint.iter().cloned().collect();
        let (deliveries, tasks) = fan_out(&endpoints, &[event]);
        self.apply(Changes {
            deliveries,
            tasks,
            ..Changes::default()
        });
    }

    pub(super) fn load(&self, asked: &[EventId]) -> Loaded {
        Loaded {
            endpoints: self.endpoint.iter().cloned().collect(),
            deliveries: self
                .deliveries
                .values()
                .filter(|delivery| asked.contains(&delivery.event_id))
                .cloned()
                .collect(),
            next_delivery_due: self
                .deliveries
                .values()
                .filter(|delivery| !asked.contains(&delivery.event_id))
                .filter_map(due)
                .min(),
            ..Loaded::default()
        }
    }

    pub(super) fn apply(&mut self, changes: Changes) {
        for change in changes.endpoints {
            match change {
                EndpointChange::Put(endpoint) => self.endpoint = Some(endpoint),
                EndpointChange::Delete(_) => {
                    self.endpoint = None;
                    self.deliveries.clear();
                    self.task = None;
                }
            }
        }
        self.announced.extend(changes.events);
        for change in changes.deliveries {
            match change {
                DeliveryChange::Put(delivery) => {
                    self.deliveries.insert(delivery.event_id.clone(), delivery);
                }
                DeliveryChange::Hurry { due_at: by, .. } => {
                    for delivery in self.deliveries.values_mut() {
                        if let DeliveryState::Pending { due_at } = &mut delivery.state {
                            *due_at = by.min(*due_at);
                        }
                    }
                }
            }
        }
        self.log.extend(changes.delivery_attempts);
        for change in changes.tasks {
            self.apply_task(change);
        }
    }

    fn apply_task(&mut self, change: TaskChange) {
        let held = self.task.as_ref().and_then(|task| task.lease);
        match change {
            TaskChange::Wake(new) => match &mut self.task {
                None => self.task = Some(new),
                Some(task) if task.lease.is_none() => task.due_at = task.due_at.min(new.due_at),
                Some(_) => {}
            },
            TaskChange::Reschedule {
                lease,
                due_at,
                tries,
                ..
            } => {
                if let (Some(task), true) = (&mut self.task, held == Some(lease)) {
                    (task.due_at, task.tries, task.lease) = (due_at, tries, None);
                }
            }
            TaskChange::Finish { lease, .. } => {
                if held == Some(lease) {
                    self.task = None;
                }
            }
            other @ (TaskChange::Put(_)
            | TaskChange::PutIfAbsent(_)
            | TaskChange::Extend { .. }
            | TaskChange::Remove(_)
            | TaskChange::RemoveAttemptTasks(_)) => panic!("not for webhooks: {other:?}"),
        }
    }

    /// A worker takes the task, now.
    pub(super) fn claim(&mut self) -> TaskRun {
        self.leases += 1;
        let lease = Lease(self.leases);
        let task = self.task.as_mut().unwrap();
        assert!(task.due_at <= self.now, "claimed before it is due");
        task.lease = Some(lease);
        task.due_at = self.now.plus_ms(LEASE_MS);
        TaskRun {
            key: task.key.clone(),
            lease,
            tries: task.tries,
        }
    }

    /// Reads what is due and sends it; nothing is saved.
    pub(super) fn send(&self, mut reply: impl FnMut(&Event) -> Reply) -> Round {
        let endpoint = self.endpoint().clone();
        let mut due = vec![];
        if endpoint.state == EndpointState::Enabled {
            due = self.due_now(read_limit(&endpoint));
        }
        let plan = plan(&endpoint, due);
        let mut all = |batch: Vec<(Delivery, Event)>| -> Vec<Sent> {
            let sent = |(delivery, event): (Delivery, Event)| Sent {
                delivery,
                at: self.now,
                took_ms: 1,
                reply: reply(&event),
            };
            batch.into_iter().map(sent).collect()
        };
        let mut sent = all(plan.first);
        if sent.iter().any(|sent| sent.reply.is_received()) {
            sent.extend(all(plan.then));
        }
        Round {
            endpoint,
            sent,
            waiting_since: plan.waiting_since,
        }
    }

    fn due_now(&self, limit: u32) -> Vec<(Delivery, Event)> {
        self.deliveries
            .values()
            .filter(|delivery| due(delivery).is_some_and(|due_at| due_at <= self.now))
            .take(usize::try_from(limit).unwrap())
            .map(|delivery| (delivery.clone(), self.events[&delivery.event_id].clone()))
            .collect()
    }

    /// The worker tells the store.
    pub(super) fn save(&mut self, round: &Round, run: &TaskRun) {
        let asked: Vec<EventId> = round
            .sent
            .iter()
            .map(|sent| sent.delivery.event_id.clone())
            .collect();
        let loaded = self.load(&asked);
        let changes = if asked.is_empty() {
            on_nothing_due(&loaded, &round.endpoint.id, run)
        } else {
            on_replies(&loaded, round, run, self.now, &self.ids)
        };
        self.apply(changes);
        self.check();
    }

    /// One undisturbed round at the time the task is due, which is returned; none if there is no task.
    pub(super) fn round(&mut self, reply: impl FnMut(&Event) -> Reply) -> Option<Timestamp> {
        let due_at = self.task.as_ref()?.due_at;
        self.now = self.now.max(due_at);
        let run = self.claim();
        let round = self.send(reply);
        self.save(&round, &run);
        Some(self.now)
    }

    /// What must always be true: whatever is pending at an enabled endpoint has a task, which comes in time.
    pub(super) fn check(&self) {
        let enabled = self
            .endpoint
            .as_ref()
            .is_some_and(|endpoint| endpoint.state == EndpointState::Enabled);
        let Some(due_at) = self.deliveries.values().filter_map(due).min() else {
            return;
        };
        match &self.task {
            None => assert!(!enabled, "something is pending and nobody will look"),
            Some(task) if task.lease.is_none() && enabled => {
                let latest = due_at.max(self.now).plus_ms(10 * MINUTE_MS);
                assert!(task.due_at <= latest, "somebody will look too late");
            }
            Some(_) => {}
        }
    }

    /// The changes of a merchant's PATCH.
    pub(super) fn patch(&mut self, patch: EndpointPatch) {
        let (_, changes) = update(self.endpoint(), patch, self.now);
        self.apply(changes);
    }

    /// The changes of a merchant's resend of one event.
    pub(super) fn resend(&mut self, n: u32) {
        let wanted = [Wanted {
            event_id: super::event_id(n),
            event_type: EventType::PaymentPaid,
        }];
        let known = self.load(&[super::event_id(n)]).deliveries;
        let (_, changes) = resend(self.endpoint(), &known, &wanted, false, self.now).unwrap();
        self.apply(changes);
    }
}

pub(super) fn due(delivery: &Delivery) -> Option<Timestamp> {
    match delivery.state {
        DeliveryState::Pending { due_at } => Some(due_at),
        DeliveryState::Delivered { .. } | DeliveryState::Failed { .. } => None,
    }
}
