//! The rules of reconciliation: pure functions. None of them changes money; they ask, and they write down what differs.

mod day;
mod judge;
mod lines;
mod look;

#[cfg(test)]
mod tests;

pub use day::{BILL_LEASE_MS, Begun, NoBill, begin, finish, is_last_look, no_bill, owe, run_again};
pub use judge::{Question, Verdict, judge};
pub use lines::{Page, compare, doubled, missing};
pub use look::look;

use super::model::{BillRow, Difference, DifferenceKind, DifferenceState, RowKind};
use super::view::DifferenceView;
use crate::event::{Event, EventType};
use crate::id::{EventId, Mchid, OutRefundNo, OutTradeNo};
use crate::incident::{Incident, IncidentKind};
use crate::ports::{Changes, Ids};
use crate::task::{Subject, Task, TaskKey, TaskKind};
use crate::time::{BillDate, Timestamp};

/// At most so many differences of one day become an event and an incident each. The list is complete; but a merchant who takes payments with another
/// program, too, must not be told of each of them.
pub const MAX_TOLD: usize = 100;

/// The task of a merchant's day.
pub fn task(mchid: &Mchid, date: BillDate, due_at: Timestamp) -> Task {
    Task {
        key: TaskKey {
            kind: TaskKind::FetchBill,
            subject: Subject::Bill(mchid.clone(), date),
        },
        mchid: mchid.clone(),
        due_at,
        tries: 0,
        lease: None,
    }
}

/// A difference that a person has to know of: told once, as an event and as an incident.
fn tell(difference: &Difference, now: Timestamp, ids: &dyn Ids, changes: &mut Changes) {
    changes.events.push(Event {
        id: EventId::fresh(ids, now),
        mchid: difference.mchid.clone(),
        event_type: EventType::ReconciliationDifferenceFound,
        payment_id: difference.payment_id.clone(),
        refund_id: None,
        at: now,
        data: DifferenceView::from(difference).to_json(),
    });
    changes.incidents.push(Incident {
        mchid: difference.mchid.clone(),
        kind: match difference.kind {
            DifferenceKind::AmountDiffers if difference.out_refund_no.is_none() => {
                IncidentKind::AmountMismatch
            }
            DifferenceKind::AmountDiffers => IncidentKind::RefundMismatch,
            DifferenceKind::NumberDiffers if difference.out_refund_no.is_none() => {
                IncidentKind::TransactionMismatch
            }
            DifferenceKind::NumberDiffers => IncidentKind::RefundMismatch,
            DifferenceKind::UnknownOrder => IncidentKind::UnknownOrder,
            DifferenceKind::ForeignMerchant => IncidentKind::OwnerMismatch,
            DifferenceKind::MissingInBill => IncidentKind::MissingInBill,
            DifferenceKind::NotPaidHere
            | DifferenceKind::RefundNotHere
            | DifferenceKind::UnknownState
            | DifferenceKind::DoubledLine => IncidentKind::BillDiffers,
        },
        // A number of somebody else's program need not be one that we could have made.
        out_trade_no: OutTradeNo::parse(difference.out_trade_no.as_str()).ok(),
        out_refund_no: difference
            .out_refund_no
            .as_deref()
            .and_then(|number| OutRefundNo::parse(number).ok()),
        bill_date: Some(difference.date),
        payment_id: difference.payment_id.clone(),
        at: now,
        detail: difference.detail.clone(),
    });
}

/// What a difference says about a line, as a line again: to be judged anew.
fn row_of(difference: &Difference) -> BillRow {
    let amount = difference.in_bill.unwrap_or(fen::Fen::ZERO);
    BillRow {
        mchid: difference.mchid.to_string(),
        out_trade_no: difference.out_trade_no.clone(),
        transaction_id: difference.transaction_id.clone().unwrap_or_default(),
        kind: match &difference.out_refund_no {
            None => RowKind::Paid { total: amount },
            Some(number) => RowKind::Refunded {
                out_refund_no: number.clone(),
                refund_id: difference.wechat_refund_id.clone().unwrap_or_default(),
                amount,
            },
        },
        fee: 0,
    }
}

/// A difference in a line, as it begins.
fn found(
    mchid: &Mchid,
    date: BillDate,
    row: &BillRow,
    kind: DifferenceKind,
    state: DifferenceState,
    now: Timestamp,
) -> Difference {
    let (out_refund_no, wechat_refund_id) = match &row.kind {
        RowKind::Refunded {
            out_refund_no,
            refund_id,
            ..
        } => (Some(out_refund_no.clone()), Some(refund_id.clone())),
        RowKind::Paid { .. } | RowKind::Revoked | RowKind::Other(_) => (None, None),
    };
    Difference {
        mchid: mchid.clone(),
        date,
        kind,
        out_trade_no: row.out_trade_no.clone(),
        out_refund_no,
        transaction_id: Some(row.transaction_id.clone()),
        wechat_refund_id,
        payment_id: None,
        in_bill: row.kind.amount(),
        in_books: None,
        state,
        found_at: now,
        detail: String::new(),
    }
}
