//! The rows, and how a decision finds and changes them.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::api_key::ApiKey;
use shouyin_core::event::StoredEvent;
use shouyin_core::id::{EventId, IdempotencyKey, Mchid, OrderNo, OutTradeNo, PaymentId};
use shouyin_core::idempotency::IdempotencyRecord;
use shouyin_core::incident::Incident;
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::{Payment, PaymentState};
use shouyin_core::ports::{Changes, Load, Loaded, PaymentFilter, PaymentKey, StoreError};
use shouyin_core::session::Session;
use shouyin_core::task::{Task, TaskKey};

use crate::rules;

/// Everything a database would hold. Vectors are in the order of storing, oldest first.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) commits: u64,
    /// By the order of storing: the highest is the newest.
    pub(super) payments: BTreeMap<u64, Payment>,
    payment_ids: BTreeMap<PaymentId, u64>,
    order_nos: BTreeMap<(Mchid, OrderNo), BTreeSet<u64>>,
    attempts: BTreeMap<(Mchid, OutTradeNo), u64>,
    pub(super) events: Vec<StoredEvent>,
    event_ids: BTreeSet<EventId>,
    pub(super) tasks: BTreeMap<TaskKey, Task>,
    pub(super) notifications: Vec<NotificationRecord>,
    pub(super) incidents: Vec<Incident>,
    idempotency: BTreeMap<(Mchid, IdempotencyKey), IdempotencyRecord>,
    pub(super) sessions: Vec<Session>,
    pub(super) api_keys: BTreeMap<String, ApiKey>,
}

impl Data {
    pub(super) fn payment(&self, key: &PaymentKey) -> Option<&Payment> {
        let seq = match key {
            PaymentKey::Id(_, id) | PaymentKey::AnyId(id) => self.payment_ids.get(id),
            PaymentKey::OrderNo(mchid, order_no) => self
                .order_nos
                .get(&(mchid.clone(), order_no.clone()))
                .and_then(BTreeSet::last),
            PaymentKey::OutTradeNo(mchid, number) => {
                self.attempts.get(&(mchid.clone(), number.clone()))
            }
        };
        let payment = seq.and_then(|seq| self.payments.get(seq))?;
        match key {
            PaymentKey::Id(mchid, _) if payment.mchid != *mchid => None,
            PaymentKey::Id(..)
            | PaymentKey::AnyId(_)
            | PaymentKey::OrderNo(..)
            | PaymentKey::OutTradeNo(..) => Some(payment),
        }
    }

    pub(super) fn load(&self, load: &Load) -> Loaded {
        Loaded {
            payment: load
                .payment
                .as_ref()
                .and_then(|key| self.payment(key))
                .cloned(),
            idempotency: load
                .idempotency
                .as_ref()
                .and_then(|key| self.idempotency.get(key))
                .cloned(),
        }
    }

    pub(super) fn page(&self, mchid: &Mchid, filter: &PaymentFilter) -> Vec<Payment> {
        let end = match &filter.before {
            None => u64::MAX,
            Some(id) => match self.payment(&PaymentKey::Id(mchid.clone(), id.clone())) {
                Some(_) => self.payment_ids.get(id).copied().unwrap_or(0),
                None => 0,
            },
        };
        self.payments
            .range(..end)
            .rev()
            .map(|(_, payment)| payment)
            .filter(|payment| payment.mchid == *mchid)
            .filter(|payment| {
                let order_no = filter.order_no.as_ref();
                order_no.is_none_or(|order_no| payment.order_no == *order_no)
            })
            .filter(|payment| {
                let state = filter.state.as_deref();
                state.is_none_or(|state| payment.state.as_str() == state)
            })
            .take(usize::try_from(filter.limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }

    /// Everything a database's constraints would refuse, so that [`Data::apply`] cannot fail half-way.
    pub(super) fn check(
        &self,
        before: Option<&Payment>,
        changes: &Changes,
    ) -> Result<(), StoreError> {
        if let Some(payment) = &changes.payment {
            self.check_payment(before, payment)?;
        }
        let mut new_ids = BTreeSet::new();
        for event in &changes.events {
            if self.event_ids.contains(&event.id) || !new_ids.insert(&event.id) {
                return conflict(format!("event {} exists", event.id));
            }
        }
        if let Some(record) = &changes.idempotency {
            let key = (record.mchid.clone(), record.key.clone());
            if self.idempotency.contains_key(&key) {
                return conflict(format!("idempotency key {} exists", record.key));
            }
        }
        Ok(())
    }

    fn check_payment(&self, before: Option<&Payment>, payment: &Payment) -> Result<(), StoreError> {
        if !payment.amount.is_positive() {
            return Err(StoreError::Corrupt(format!(
                "refused by a rule of the database: payment {} asks for {} fen",
                payment.id, payment.amount
            )));
        }
        let before = before.filter(|before| before.id == payment.id);
        match before {
            Some(before) => rules::check_update(before, payment)?,
            None if self.payment_ids.contains_key(&payment.id) => {
                return conflict(format!("payment {} exists", payment.id));
            }
            None => {}
        }
        let order = (payment.mchid.clone(), payment.order_no.clone());
        let others = self.order_nos.get(&order).into_iter().flatten();
        let rival = others
            .filter_map(|seq| self.payments.get(seq))
            .find(|other| other.id != payment.id && is_current(other));
        if let Some(rival) = rival.filter(|_| is_current(payment)) {
            return conflict(format!(
                "order_no {} has payment {}",
                payment.order_no, rival.id
            ));
        }
        let known = before.map_or(0, |before| before.attempts.len());
        let mut new_numbers = BTreeSet::new();
        for attempt in payment.attempts.iter().skip(known) {
            let key = (payment.mchid.clone(), attempt.out_trade_no.clone());
            if self.attempts.contains_key(&key) || !new_numbers.insert(&attempt.out_trade_no) {
                return conflict(format!("out_trade_no {} exists", attempt.out_trade_no));
            }
        }
        Ok(())
    }

    /// Saves what [`Data::check`] has let through.
    pub(super) fn apply(&mut self, changes: Changes) {
        if let Some(payment) = changes.payment {
            self.save_payment(payment);
        }
        for event in changes.events {
            self.event_ids.insert(event.id.clone());
            let seq = self.events.last().map_or(1, |last| last.seq + 1);
            self.events.push(StoredEvent { seq, event });
        }
        for change in changes.tasks {
            super::task::apply(&mut self.tasks, change);
        }
        self.notifications.extend(changes.notification);
        for incident in changes.incidents {
            let known = self.incidents.iter().any(|known| {
                known.mchid == incident.mchid
                    && known.kind == incident.kind
                    && known.out_trade_no == incident.out_trade_no
            });
            if !known {
                self.incidents.push(incident);
            }
        }
        if let Some(record) = changes.idempotency {
            let key = (record.mchid.clone(), record.key.clone());
            self.idempotency.insert(key, record);
        }
    }

    fn save_payment(&mut self, payment: Payment) {
        let newest = self.payments.last_key_value().map_or(0, |(seq, _)| *seq);
        let seq = *self
            .payment_ids
            .entry(payment.id.clone())
            .or_insert(newest + 1);
        let order = (payment.mchid.clone(), payment.order_no.clone());
        self.order_nos.entry(order).or_default().insert(seq);
        for attempt in &payment.attempts {
            let key = (payment.mchid.clone(), attempt.out_trade_no.clone());
            self.attempts.insert(key, seq);
        }
        self.payments.insert(seq, payment);
    }
}

/// An order number has one current payment. Late money on a closed payment does not make it current again:
/// the shop may have asked anew since, and both facts must be kept.
fn is_current(payment: &Payment) -> bool {
    match &payment.state {
        PaymentState::Open | PaymentState::Closing { .. } => true,
        PaymentState::Paid(paid) => !paid.late,
        PaymentState::Closed { .. } => false,
    }
}

fn conflict(what: String) -> Result<(), StoreError> {
    Err(StoreError::Conflict(what))
}
