//! The rows, and how a decision finds and changes them.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::api_key::ApiKey;
use shouyin_core::event::Event;
use shouyin_core::id::{IdempotencyKey, Mchid, OrderNo, OutTradeNo, PaymentId};
use shouyin_core::idempotency::IdempotencyRecord;
use shouyin_core::incident::Incident;
use shouyin_core::notification::NotificationRecord;
use shouyin_core::payment::{Payment, PaymentState};
use shouyin_core::ports::{
    Changes, EndpointChange, Load, Loaded, PaymentFilter, PaymentKey, StoreError,
};
use shouyin_core::session::Session;
use shouyin_core::task::{Subject, TaskKey, TaskKind};
use shouyin_core::webhook::decide::fan_out;

use super::event::Events;
use super::ledger::Ledger;
use super::reconciliation::Reconciliations;
use super::refund::Refunds;
use super::task::{self, Tasks};
use super::webhook::{self, Webhooks};
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
    pub(super) refunds: Refunds,
    pub(super) ledger: Ledger,
    pub(super) reconciliations: Reconciliations,
    pub(super) events: Events,
    pub(super) webhooks: Webhooks,
    pub(super) tasks: Tasks,
    pub(super) notifications: Vec<NotificationRecord>,
    pub(super) incidents: Vec<Incident>,
    idempotency: BTreeMap<(Mchid, IdempotencyKey), IdempotencyRecord>,
    pub(super) sessions: Vec<Session>,
    pub(super) api_keys: BTreeMap<String, ApiKey>,
}

impl Data {
    pub(super) fn payment(&self, key: &PaymentKey) -> Option<&Payment> {
        let seq = match key {
            PaymentKey::Id(_, id) | PaymentKey::AnyId(id) => self.payment_ids.get(id).copied(),
            PaymentKey::OrderNo(mchid, order_no) => self
                .order_nos
                .get(&(mchid.clone(), order_no.clone()))
                .and_then(BTreeSet::last)
                .copied(),
            PaymentKey::OutTradeNo(mchid, number) => {
                self.attempts.get(&(mchid.clone(), number.clone())).copied()
            }
            PaymentKey::Refund(_, id) => self.refunds.payment_of(id),
        };
        let payment = seq.and_then(|seq| self.payments.get(&seq))?;
        match key {
            PaymentKey::Id(mchid, _) | PaymentKey::Refund(mchid, _) if payment.mchid != *mchid => {
                None
            }
            PaymentKey::Id(..)
            | PaymentKey::AnyId(_)
            | PaymentKey::OrderNo(..)
            | PaymentKey::OutTradeNo(..)
            | PaymentKey::Refund(..) => Some(payment),
        }
    }

    pub(super) fn load(&self, load: &Load) -> Loaded {
        let (deliveries, next_delivery_due) = match &load.deliveries {
            Some((id, asked)) => self.webhooks.load(id, asked),
            None => (Vec::new(), None),
        };
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
            endpoints: load
                .endpoints
                .as_ref()
                .map(|mchid| self.webhooks.of_merchant(mchid))
                .unwrap_or_default(),
            deliveries,
            next_delivery_due,
            reconciliation: load
                .reconciliation
                .as_ref()
                .and_then(|(mchid, date)| self.reconciliations.day(mchid, *date))
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
        self.ledger.check(&changes.postings)?;
        let owners = self.webhooks.check_endpoints(&changes.endpoints)?;
        self.events.check(&changes.events)?;
        webhook::check_deliveries(&owners, changes, &self.events)?;
        task::check(&changes.tasks)?;
        if let Some(record) = &changes.idempotency {
            let key = (record.mchid.clone(), record.key.clone());
            if self.idempotency.contains_key(&key) {
                return conflict(format!("idempotency key {} exists", record.key));
            }
        }
        Ok(())
    }

    fn check_payment(&self, before: Option<&Payment>, payment: &Payment) -> Result<(), StoreError> {
        rules::check_payment(payment)?;
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
        self.refunds
            .check(payment, before.map_or(0, |before| before.refunds.len()))
    }

    /// Saves what [`Data::check`] has let through.
    pub(super) fn apply(&mut self, changes: Changes) {
        self.reconciliations.apply(&changes);
        if let Some(payment) = changes.payment {
            self.save_payment(payment);
        }
        self.ledger.apply(changes.postings);
        for change in changes.endpoints {
            self.apply_endpoint(change);
        }
        self.events.apply(&changes.events);
        self.fan_out(&changes.events);
        for change in changes.deliveries {
            self.webhooks.apply_delivery(change, &self.events);
        }
        for attempt in changes.delivery_attempts {
            self.webhooks.apply_log(attempt, &self.events);
        }
        for change in changes.tasks {
            self.tasks.apply(change);
        }
        self.notifications.extend(changes.notification);
        for incident in changes.incidents {
            let known = self.incidents.iter().any(|known| {
                known.mchid == incident.mchid
                    && known.kind == incident.kind
                    && known.out_trade_no == incident.out_trade_no
                    && known.out_refund_no == incident.out_refund_no
                    && known.bill_date == incident.bill_date
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

    fn apply_endpoint(&mut self, change: EndpointChange) {
        if let EndpointChange::Delete(id) = &change {
            self.tasks.remove(&TaskKey {
                kind: TaskKind::DeliverWebhooks,
                subject: Subject::Endpoint(id.clone()),
            });
        }
        self.webhooks.apply_endpoint(change);
    }

    /// Puts new events, which are stored already, on their way to everybody who wants them.
    fn fan_out(&mut self, events: &[Event]) {
        let merchants: BTreeSet<&Mchid> = events.iter().map(|event| &event.mchid).collect();
        for mchid in merchants {
            let (deliveries, tasks) = fan_out(&self.webhooks.of_merchant(mchid), events);
            for change in deliveries {
                self.webhooks.apply_delivery(change, &self.events);
            }
            for change in tasks {
                self.tasks.apply(change);
            }
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
        self.refunds.apply(seq, &payment);
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
