//! WeChat was asked about lines: what came of it?

use std::collections::BTreeMap;

use super::judge::{Verdict, judge};
use super::{MAX_TOLD, row_of, tell};
use crate::id::OutTradeNo;
use crate::payment::Payment;
use crate::ports::{Changes, Ids};
use crate::reconciliation::model::{
    Difference, DifferenceKind, DifferenceState, Resolution, Tally,
};
use crate::task::TaskChange;
use crate::time::Timestamp;

/// Judges differences anew that are to be in our books by now. With `is_last`, what is still not there becomes a matter for a person; WeChat is asked
/// about it all the same. Returns what is in our books now.
pub fn look(
    differences: &[Difference],
    payments: &BTreeMap<OutTradeNo, Payment>,
    is_last: bool,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Tally, Changes) {
    let (mut matched, mut changes) = (Tally::default(), Changes::default());
    for (place, before) in differences.iter().enumerate() {
        if before.state.is_resolved() || !may_resolve_itself(before.kind) {
            continue;
        }
        let row = row_of(before);
        let payment = OutTradeNo::parse(before.out_trade_no.as_str())
            .ok()
            .and_then(|number| payments.get(&number));
        let was_asked = before.state == DifferenceState::Asked;
        let mut after = before.clone();
        after.payment_id = payment.map(|payment| payment.id.clone());
        match judge(&row, &before.mchid, payment) {
            Verdict::Matched | Verdict::NoMoney => {
                matched.add(&row);
                after.state = DifferenceState::Resolved {
                    at: now,
                    by: Resolution::Books,
                };
                after.in_books = row.kind.amount();
                after.detail = "WeChat confirmed it; our books have it now".into();
            }
            Verdict::Ask { about, .. } => {
                if let Some(payment) = payment {
                    changes
                        .tasks
                        .push(TaskChange::Wake(about.task(payment, now)));
                }
                if was_asked && is_last {
                    after.state = DifferenceState::Open;
                    after.detail =
                        "the bill has it, and asking WeChat has not brought it into our books"
                            .into();
                }
            }
            Verdict::Differs {
                kind,
                in_books,
                detail,
            } if kind != before.kind => {
                // It is here, and is not the same: another difference.
                let other = Difference {
                    kind,
                    state: DifferenceState::Open,
                    in_books,
                    found_at: now,
                    detail,
                    ..after.clone()
                };
                let is_known = differences.iter().any(|it| it.key() == other.key());
                if !is_known {
                    if place < MAX_TOLD {
                        tell(&other, now, ids, &mut changes);
                    }
                    changes.differences.push(other);
                }
                after.state = DifferenceState::Resolved {
                    at: now,
                    by: Resolution::Books,
                };
                after.in_books = in_books;
                after.detail = "WeChat confirmed it, and it is not what the bill says".into();
            }
            Verdict::Differs {
                in_books, detail, ..
            } => {
                after.state = DifferenceState::Open;
                after.in_books = in_books;
                after.detail = detail;
            }
        }
        if was_asked && after.state == DifferenceState::Open && place < MAX_TOLD {
            tell(&after, now, ids, &mut changes);
        }
        if after != *before {
            changes.differences.push(after);
        }
    }
    (matched, changes)
}

/// True if our books may catch up with the bill.
fn may_resolve_itself(kind: DifferenceKind) -> bool {
    match kind {
        DifferenceKind::NotPaidHere
        | DifferenceKind::RefundNotHere
        | DifferenceKind::UnknownOrder => true,
        DifferenceKind::AmountDiffers
        | DifferenceKind::NumberDiffers
        | DifferenceKind::MissingInBill
        | DifferenceKind::ForeignMerchant
        | DifferenceKind::UnknownState
        | DifferenceKind::DoubledLine => false,
    }
}
