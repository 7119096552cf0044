//! Reconciliations as merchants see them: in API answers, in events.

use fen::Fen;
use serde::Serialize;

use super::model::{Difference, DifferenceState, Reconciliation, Tally};
use crate::payment::view::rfc3339;

/// One day of a merchant: WeChat's bill against our books. Amounts are integers in fen, times RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReconciliationView {
    /// The day in Beijing.
    #[schema(example = "2026-01-05")]
    pub date: String,
    /// The merchant.
    pub mchid: String,
    /// `waiting` (no bill yet), `checking` (WeChat is being asked about lines that our books do not have), `completed`, `empty` (no bill, and nothing in
    /// our books) or `unavailable` (older than WeChat keeps bills).
    #[schema(example = "completed")]
    pub state: &'static str,
    /// What the bill says. Absent before it was had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bill: Option<TallyView>,
    /// What of it is in our books as well. Absent before the bill was had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<TallyView>,
    /// How many differences there are.
    pub differences: DifferenceCounts,
    /// Why there is no bill yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// When the bill was had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_at: Option<String>,
    /// When it was compared and everything was asked that was to be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
}

/// How many, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TallyView {
    /// Payments.
    #[schema(example = 120)]
    pub payments: u64,
    /// Their sum in fen.
    #[schema(value_type = i64, example = 238_800)]
    pub paid_fen: Fen,
    /// Refunds that WeChat accepted, however they ended.
    #[schema(example = 2)]
    pub refunds: u64,
    /// Their sum in fen.
    #[schema(value_type = i64, example = 2_490)]
    pub refunded_fen: Fen,
    /// Payments by payment code that were taken back: no money.
    pub revoked: u64,
    /// WeChat's fees in yuan with five decimals, as bills write them: they have parts of a fen. What was given back is subtracted.
    #[schema(example = "14.17860")]
    pub fees_yuan: String,
}

/// How many differences there are, by where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DifferenceCounts {
    /// WeChat is being asked.
    pub asked: u64,
    /// A person has to look.
    pub open: u64,
    /// None any more.
    pub resolved: u64,
}

impl From<&Tally> for TallyView {
    fn from(tally: &Tally) -> Self {
        let sign = if tally.fees < 0 { "-" } else { "" };
        let fees = tally.fees.unsigned_abs();
        Self {
            payments: tally.payments,
            paid_fen: tally.paid,
            refunds: tally.refunds,
            refunded_fen: tally.refunded,
            revoked: tally.revoked,
            fees_yuan: format!("{sign}{}.{:05}", fees / 100_000, fees % 100_000),
        }
    }
}

impl ReconciliationView {
    /// A day with its differences.
    pub fn new(day: &Reconciliation, differences: &[Difference]) -> Self {
        let mut counts = DifferenceCounts {
            asked: 0,
            open: 0,
            resolved: 0,
        };
        for difference in differences {
            match difference.state {
                DifferenceState::Asked => counts.asked += 1,
                DifferenceState::Open => counts.open += 1,
                DifferenceState::Resolved { .. } => counts.resolved += 1,
            }
        }
        Self {
            date: day.date.to_string(),
            mchid: day.mchid.to_string(),
            state: day.state.as_str(),
            bill: day.bill.as_ref().map(TallyView::from),
            matched: day.bill.as_ref().map(|_| TallyView::from(&day.matched)),
            differences: counts,
            trouble: day.trouble.clone(),
            fetched_at: day.fetched_at.map(rfc3339),
            completed_at: day.completed_at.map(rfc3339),
        }
    }

    /// As JSON text: the body of events.
    pub fn to_json(&self) -> String {
        // Serialising plain strings and integers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Something that is in the bill and not in our books, or the other way round, or differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DifferenceView {
    /// In which day's bill it was found.
    #[schema(example = "2026-01-05")]
    pub date: String,
    /// The merchant.
    pub mchid: String,
    /// `not_paid_here`, `refund_not_here`, `amount_differs`, `number_differs`, `unknown_order`, `missing_in_bill`, `foreign_merchant`, `unknown_state` or
    /// `doubled_line`.
    #[schema(example = "missing_in_bill")]
    pub kind: &'static str,
    /// `asked` (WeChat is being asked), `open` (a person has to look) or `resolved`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// The order at WeChat.
    pub out_trade_no: String,
    /// The refund at WeChat, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_refund_no: Option<String>,
    /// WeChat's number of the payment, if the bill names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// WeChat's number of the refund, if the bill names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_refund_id: Option<String>,
    /// The payment, when the order is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// What the bill says, in fen; absent if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub bill_fen: Option<Fen>,
    /// What our books say, in fen; absent if they say nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, example = 1990)]
    pub books_fen: Option<Fen>,
    /// For people.
    pub detail: String,
    /// When it was found.
    pub found_at: String,
    /// When it was none any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<String>,
    /// `books` (WeChat was asked, and our books say the same now) or `bill` (a later or newer bill does).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_by: Option<&'static str>,
}

impl From<&Difference> for DifferenceView {
    fn from(difference: &Difference) -> Self {
        let (resolved_at, resolved_by) = match difference.state {
            DifferenceState::Resolved { at, by } => (Some(rfc3339(at)), Some(by.as_str())),
            DifferenceState::Asked | DifferenceState::Open => (None, None),
        };
        Self {
            date: difference.date.to_string(),
            mchid: difference.mchid.to_string(),
            kind: difference.kind.as_str(),
            state: difference.state.as_str(),
            out_trade_no: difference.out_trade_no.clone(),
            out_refund_no: difference.out_refund_no.clone(),
            transaction_id: difference.transaction_id.clone(),
            wechat_refund_id: difference.wechat_refund_id.clone(),
            payment_id: difference.payment_id.as_ref().map(ToString::to_string),
            bill_fen: difference.in_bill,
            books_fen: difference.in_books,
            detail: difference.detail.clone(),
            found_at: rfc3339(difference.found_at),
            resolved_at,
            resolved_by,
        }
    }
}

impl DifferenceView {
    /// As JSON text: the body of events.
    pub fn to_json(&self) -> String {
        // Serialising plain strings and integers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
