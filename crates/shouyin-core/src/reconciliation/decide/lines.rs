//! The lines of a bill against our books, and our books against the lines.

use std::collections::{BTreeMap, BTreeSet};

use super::judge::{Verdict, judge};
use super::{MAX_TOLD, found, tell};
use crate::id::{Mchid, OutTradeNo};
use crate::ledger::Posting;
use crate::payment::Payment;
use crate::ports::{Changes, Ids};
use crate::reconciliation::model::{
    Bill, BillLine, BillRow, Difference, DifferenceKind, DifferenceState, Resolution, RowKind,
    Tally,
};
use crate::task::TaskChange;
use crate::time::{BillDate, Timestamp};

/// Some lines of a bill, with what is known about them.
#[derive(Debug)]
pub struct Page<'a> {
    /// Whose bill.
    pub mchid: &'a Mchid,
    /// Of which day.
    pub date: BillDate,
    /// The lines. True: an earlier one of the same bill says the same.
    pub rows: &'a [(BillRow, bool)],
    /// The payments that own their orders.
    pub payments: &'a BTreeMap<OutTradeNo, Payment>,
    /// What was found in this day's bill before.
    pub known: &'a [Difference],
    /// What was missing in bills, of any day, and still is.
    pub missing: &'a [Difference],
}

/// The lines, each with whether an earlier one is about the same payment or refund.
pub fn doubled(bill: Bill) -> Vec<(BillRow, bool)> {
    let mut seen = BTreeSet::new();
    bill.rows
        .into_iter()
        .map(|row| {
            let key = match &row.kind {
                RowKind::Paid { .. } => Some((row.out_trade_no.clone(), String::new())),
                RowKind::Refunded { out_refund_no, .. } => {
                    Some((row.out_trade_no.clone(), out_refund_no.clone()))
                }
                RowKind::Revoked | RowKind::Other(_) => None,
            };
            let again = key.is_some_and(|key| !seen.insert(key));
            (row, again)
        })
        .collect()
}

/// Compares some lines. Returns what of them is in our books.
pub fn compare(page: &Page<'_>, now: Timestamp, ids: &dyn Ids) -> (Tally, Changes) {
    let (mut matched, mut changes) = (Tally::default(), Changes::default());
    for (row, again) in page.rows {
        let numbers = row.numbers();
        let payment = numbers
            .as_ref()
            .and_then(|numbers| page.payments.get(&numbers.out_trade_no));
        if *again {
            let found = Difference {
                payment_id: payment.map(|payment| payment.id.clone()),
                detail: "the bill has this line more than once".into(),
                ..found(
                    page.mchid,
                    page.date,
                    row,
                    DifferenceKind::DoubledLine,
                    DifferenceState::Open,
                    now,
                )
            };
            put(page, found, now, ids, &mut changes);
            continue;
        }
        let verdict = judge(row, page.mchid, payment);
        if let Some(line) = line(page, row, &verdict) {
            resolve_missing(page, &line, now, &mut changes);
            changes.bill_lines.push(line);
        }
        let (kind, state, in_books, detail) = match verdict {
            Verdict::NoMoney => {
                matched.add(row);
                continue;
            }
            Verdict::Matched => {
                matched.add(row);
                resolve_line(page, row, now, &mut changes);
                continue;
            }
            Verdict::Ask { kind, about } => {
                if let Some(payment) = payment {
                    changes
                        .tasks
                        .push(TaskChange::Wake(about.task(payment, now)));
                }
                let detail = "the bill has it, our books do not; WeChat is being asked".to_owned();
                (kind, DifferenceState::Asked, None, detail)
            }
            Verdict::Differs {
                kind,
                in_books,
                detail,
            } => (kind, DifferenceState::Open, in_books, detail),
        };
        let found = Difference {
            payment_id: payment.map(|payment| payment.id.clone()),
            in_books,
            detail,
            ..found(page.mchid, page.date, row, kind, state, now)
        };
        put(page, found, now, ids, &mut changes);
    }
    (matched, changes)
}

/// What is kept of a line of ours.
fn line(page: &Page<'_>, row: &BillRow, verdict: &Verdict) -> Option<BillLine> {
    let foreign = matches!(
        verdict,
        Verdict::Differs {
            kind: DifferenceKind::ForeignMerchant,
            ..
        }
    );
    let amount = match &row.kind {
        RowKind::Paid { total } => *total,
        RowKind::Refunded { amount, .. } => *amount,
        RowKind::Revoked | RowKind::Other(_) => return None,
    };
    let numbers = row.numbers().filter(|_| !foreign)?;
    Some(BillLine {
        mchid: page.mchid.clone(),
        out_trade_no: numbers.out_trade_no,
        out_refund_no: numbers.refund.map(|(number, _)| number),
        date: page.date,
        amount,
    })
}

fn put(
    page: &Page<'_>,
    mut found: Difference,
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    let before = page.known.iter().find(|known| known.key() == found.key());
    match before {
        // Found again by a later run: it was told already, or waits for its answer already.
        Some(before) => {
            found.found_at = before.found_at;
            if before.state == DifferenceState::Open {
                found.state = DifferenceState::Open;
            }
        }
        None => {
            let told = page.known.len() + changes.differences.len();
            if found.state == DifferenceState::Open && told < MAX_TOLD {
                tell(&found, now, ids, changes);
            }
        }
    }
    if before != Some(&found) {
        changes.differences.push(found);
    }
}

/// The bill, or our books, say now what they did not say when this line differed.
fn resolve_line(page: &Page<'_>, row: &BillRow, now: Timestamp, changes: &mut Changes) {
    let refund = match &row.kind {
        RowKind::Refunded { out_refund_no, .. } => Some(out_refund_no.as_str()),
        RowKind::Paid { .. } | RowKind::Revoked | RowKind::Other(_) => None,
    };
    let same = page.known.iter().filter(|known| {
        !known.state.is_resolved()
            && known.out_trade_no == row.out_trade_no
            && known.out_refund_no.as_deref() == refund
    });
    for known in same {
        let by = match known.kind {
            DifferenceKind::NotPaidHere
            | DifferenceKind::RefundNotHere
            | DifferenceKind::UnknownOrder => Resolution::Books,
            DifferenceKind::AmountDiffers
            | DifferenceKind::NumberDiffers
            | DifferenceKind::MissingInBill
            | DifferenceKind::UnknownState => Resolution::Bill,
            DifferenceKind::ForeignMerchant | DifferenceKind::DoubledLine => continue,
        };
        changes.differences.push(Difference {
            state: DifferenceState::Resolved { at: now, by },
            ..known.clone()
        });
    }
}

/// A line that was missing is here: it came late.
fn resolve_missing(page: &Page<'_>, line: &BillLine, now: Timestamp, changes: &mut Changes) {
    let late = page.missing.iter().find(|missing| {
        missing.kind == DifferenceKind::MissingInBill
            && missing.out_trade_no == line.out_trade_no.as_str()
            && missing.out_refund_no.as_deref()
                == line.out_refund_no.as_ref().map(|number| number.as_str())
    });
    if let Some(late) = late {
        changes.differences.push(Difference {
            state: DifferenceState::Resolved {
                at: now,
                by: Resolution::Bill,
            },
            in_bill: Some(line.amount),
            ..late.clone()
        });
    }
}

/// What our books have and no bill has.
pub fn missing(
    mchid: &Mchid,
    date: BillDate,
    postings: &[Posting],
    known: &[Difference],
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut changes = Changes::default();
    for posting in postings {
        let found = Difference {
            mchid: mchid.clone(),
            date,
            kind: DifferenceKind::MissingInBill,
            out_trade_no: posting.out_trade_no.to_string(),
            out_refund_no: posting.out_refund_no.as_ref().map(ToString::to_string),
            transaction_id: None,
            wechat_refund_id: None,
            payment_id: Some(posting.payment_id.clone()),
            in_bill: None,
            in_books: Some(posting.amount),
            state: DifferenceState::Open,
            found_at: now,
            detail: "it is in our books and in no bill".into(),
        };
        let is_known = known
            .iter()
            .any(|known| known.key() == found.key() && !known.state.is_resolved());
        if is_known {
            continue;
        }
        if known.len() + changes.differences.len() < MAX_TOLD {
            tell(&found, now, ids, &mut changes);
        }
        changes.differences.push(found);
    }
    changes
}
