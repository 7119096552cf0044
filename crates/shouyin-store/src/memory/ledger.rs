//! Postings: the books. Only ever added to.

use std::collections::BTreeSet;

use shouyin_core::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use shouyin_core::ledger::{Balance, Posting, PostingKind};
use shouyin_core::ports::StoreError;

use crate::rules;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// In the order of storing.
    pub(super) postings: Vec<Posting>,
    once: BTreeSet<Once>,
}

/// What happens once: an order is paid, and a refund goes back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Once {
    Paid(Mchid, OutTradeNo),
    Refunded(Mchid, OutRefundNo),
}

fn once(posting: &Posting) -> Option<Once> {
    match (posting.kind, &posting.out_refund_no) {
        (PostingKind::Paid, _) => Some(Once::Paid(
            posting.mchid.clone(),
            posting.out_trade_no.clone(),
        )),
        (PostingKind::Refunded, Some(number)) => {
            Some(Once::Refunded(posting.mchid.clone(), number.clone()))
        }
        (PostingKind::Refunded, None) | (PostingKind::Reserve | PostingKind::Release, _) => None,
    }
}

impl Ledger {
    pub(super) fn check(&self, postings: &[Posting]) -> Result<(), StoreError> {
        let mut new = BTreeSet::new();
        for posting in postings {
            rules::check_posting(posting)?;
            let Some(once) = once(posting) else {
                continue;
            };
            if self.once.contains(&once) || !new.insert(once) {
                return Err(StoreError::Conflict(format!(
                    "posting {} of payment {} exists",
                    posting.kind.as_str(),
                    posting.payment_id
                )));
            }
        }
        Ok(())
    }

    /// Keeps what [`Ledger::check`] has let through.
    pub(super) fn apply(&mut self, postings: Vec<Posting>) {
        self.once.extend(postings.iter().filter_map(once));
        self.postings.extend(postings);
    }

    pub(super) fn of_payment(&self, mchid: &Mchid, id: &PaymentId) -> Vec<Posting> {
        self.postings
            .iter()
            .filter(|posting| posting.mchid == *mchid && posting.payment_id == *id)
            .cloned()
            .collect()
    }

    pub(super) fn balance(&self, mchid: &Mchid) -> Result<Balance, StoreError> {
        let ours = self.postings.iter().filter(|p| p.mchid == *mchid);
        rules::balance(ours.map(|posting| (posting.kind, posting.amount)))
    }
}
