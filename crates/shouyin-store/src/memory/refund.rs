//! Where refunds are: they are kept in their payments.

use std::collections::{BTreeMap, BTreeSet};

use shouyin_core::id::{Mchid, OutRefundNo, PaymentId, RefundId};
use shouyin_core::payment::Payment;
use shouyin_core::ports::{RefundFilter, StoreError};
use shouyin_core::refund::Refund;

#[derive(Debug, Default)]
pub(super) struct Refunds {
    /// By the order of storing, each with its payment and its position there.
    places: BTreeMap<u64, (u64, usize)>,
    ids: BTreeMap<RefundId, u64>,
    numbers: BTreeSet<(Mchid, OutRefundNo)>,
}

impl Refunds {
    /// The payment that owns a refund.
    pub(super) fn payment_of(&self, id: &RefundId) -> Option<u64> {
        let seq = self.ids.get(id)?;
        self.places.get(seq).map(|(payment, _)| *payment)
    }

    /// `known` refunds of the payment are stored already.
    pub(super) fn check(&self, payment: &Payment, known: usize) -> Result<(), StoreError> {
        let mut new_ids = BTreeSet::new();
        let mut new_numbers = BTreeSet::new();
        for (position, refund) in payment.refunds.iter().enumerate().skip(known) {
            if self.ids.contains_key(&refund.id) || !new_ids.insert(&refund.id) {
                return conflict(format!("refund {} exists", refund.id));
            }
            let key = (payment.mchid.clone(), refund.out_refund_no.clone());
            if self.numbers.contains(&key) || !new_numbers.insert(key) {
                return conflict(format!("out_refund_no {} exists", refund.out_refund_no));
            }
            let mut earlier = payment.refunds.iter().take(position);
            if let Some(number) = &refund.refund_no
                && earlier.any(|other| other.refund_no.as_ref() == Some(number))
            {
                return conflict(format!("refund_no {number} exists"));
            }
        }
        Ok(())
    }

    /// Remembers where the refunds of a payment are.
    pub(super) fn apply(&mut self, payment_seq: u64, payment: &Payment) {
        for (position, refund) in payment.refunds.iter().enumerate() {
            if self.ids.contains_key(&refund.id) {
                continue;
            }
            let seq = self.places.last_key_value().map_or(0, |(seq, _)| *seq) + 1;
            self.places.insert(seq, (payment_seq, position));
            self.ids.insert(refund.id.clone(), seq);
            self.numbers
                .insert((payment.mchid.clone(), refund.out_refund_no.clone()));
        }
    }

    pub(super) fn page(
        &self,
        payments: &BTreeMap<u64, Payment>,
        mchid: &Mchid,
        filter: &RefundFilter,
    ) -> Vec<(PaymentId, Refund)> {
        let find = |seq: &u64| {
            let (payment, position) = self.places.get(seq)?;
            let payment = payments.get(payment).filter(|p| p.mchid == *mchid)?;
            Some((payment, payment.refunds.get(*position)?))
        };
        let end = match &filter.before {
            None => u64::MAX,
            // A cursor that is not this merchant's leads nowhere.
            Some(id) => self
                .ids
                .get(id)
                .copied()
                .filter(|seq| find(seq).is_some())
                .unwrap_or(0),
        };
        self.places
            .range(..end)
            .rev()
            .filter_map(|(seq, _)| find(seq))
            .filter(|(payment, _)| {
                let wanted = filter.payment_id.as_ref();
                wanted.is_none_or(|id| payment.id == *id)
            })
            .filter(|(_, refund)| {
                let state = filter.state.as_deref();
                state.is_none_or(|state| refund.state.as_str() == state)
            })
            .take(usize::try_from(filter.limit).unwrap_or(usize::MAX))
            .map(|(payment, refund)| (payment.id.clone(), refund.clone()))
            .collect()
    }
}

fn conflict(what: String) -> Result<(), StoreError> {
    Err(StoreError::Conflict(what))
}
