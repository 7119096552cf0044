//! Days of merchants, lines of their bills, and what differs.

use std::collections::BTreeMap;

use shouyin_core::Timestamp;
use shouyin_core::id::{Mchid, OutRefundNo, OutTradeNo};
use shouyin_core::ledger::{Posting, PostingKind};
use shouyin_core::ports::{Changes, DifferenceFilter};
use shouyin_core::reconciliation::model::{BillLine, Difference, Reconciliation};
use shouyin_core::time::BillDate;

type LineKey = (Mchid, OutTradeNo, Option<OutRefundNo>);

#[derive(Debug, Default)]
pub(super) struct Reconciliations {
    days: BTreeMap<(Mchid, BillDate), Reconciliation>,
    lines: BTreeMap<LineKey, BillLine>,
    /// In the order of storing.
    differences: Vec<Difference>,
}

impl Reconciliations {
    pub(super) fn apply(&mut self, changes: &Changes) {
        for day in &changes.reconciliations {
            self.days.insert((day.mchid.clone(), day.date), day.clone());
        }
        for line in &changes.bill_lines {
            let key = (
                line.mchid.clone(),
                line.out_trade_no.clone(),
                line.out_refund_no.clone(),
            );
            self.lines.entry(key).or_insert_with(|| line.clone());
        }
        for new in &changes.differences {
            let same = |known: &&mut Difference| {
                known.mchid == new.mchid && known.date == new.date && known.key() == new.key()
            };
            match self.differences.iter_mut().find(same) {
                Some(known) => *known = new.clone(),
                None => self.differences.push(new.clone()),
            }
        }
    }

    pub(super) fn day(&self, mchid: &Mchid, date: BillDate) -> Option<&Reconciliation> {
        self.days.get(&(mchid.clone(), date))
    }

    pub(super) fn page(
        &self,
        mchid: &Mchid,
        before: Option<BillDate>,
        limit: u32,
    ) -> Vec<Reconciliation> {
        self.days
            .values()
            .rev()
            .filter(|day| day.mchid == *mchid && before.is_none_or(|before| day.date < before))
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .cloned()
            .collect()
    }

    pub(super) fn differences(&self, mchid: &Mchid, filter: &DifferenceFilter) -> Vec<Difference> {
        self.differences
            .iter()
            .filter(|known| known.mchid == *mchid)
            .filter(|known| filter.date.is_none_or(|date| known.date == date))
            .filter(|known| !filter.unresolved || !known.state.is_resolved())
            .cloned()
            .collect()
    }

    /// Money that came or went, and of which no bill has had a line.
    pub(super) fn unbilled(
        &self,
        postings: &[Posting],
        mchid: &Mchid,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<Posting> {
        let is_money = |posting: &Posting| match posting.kind {
            PostingKind::Paid | PostingKind::Refunded => true,
            PostingKind::Reserve | PostingKind::Release => false,
        };
        let has_line = |posting: &Posting| {
            self.lines.contains_key(&(
                posting.mchid.clone(),
                posting.out_trade_no.clone(),
                posting.out_refund_no.clone(),
            ))
        };
        postings
            .iter()
            .filter(|posting| posting.mchid == *mchid && (from..until).contains(&posting.at))
            .filter(|posting| is_money(posting) && !has_line(posting))
            .cloned()
            .collect()
    }
}
