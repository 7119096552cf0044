//! The payment as merchants see it: in API answers, in events. No openid: it stays on the server.

use fen::Fen;
use serde::Serialize;

use super::model::{Payment, PaymentState};
use crate::product::Product;
use crate::time::Timestamp;

/// A payment. Amounts are integers in fen, times RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PaymentView {
    /// `pay_` and 32 hexadecimal digits.
    #[schema(value_type = String, example = "pay_0199c1a2b3c47d5e8f90123456789abc")]
    pub id: String,
    /// The shop's own number.
    #[schema(example = "coffee-1001")]
    pub order_no: String,
    /// The app it is paid in.
    pub appid: String,
    /// How it is paid.
    pub product: Product,
    /// The merchant.
    pub mchid: String,
    /// How much, in fen (1 fen = 0.01 yuan).
    #[schema(value_type = i64, minimum = 1, example = 1990)]
    pub amount_fen: Fen,
    /// Always `CNY`.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// Shown to the payer.
    pub description: String,
    /// The shop's own text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attach: Option<String>,
    /// `open`, `closing`, `paid` or `closed`.
    #[schema(example = "open")]
    pub state: &'static str,
    /// When it was made.
    pub created_at: String,
    /// Until when it may be paid.
    pub expires_at: String,
    /// The proof, once paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid: Option<PaidView>,
    /// Once closed or closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedView>,
    /// What went back already, in fen.
    #[schema(value_type = i64)]
    pub refunded_fen: Fen,
    /// What refunds that are not final may still take, in fen.
    #[schema(value_type = i64)]
    pub refunding_fen: Fen,
    /// Orders at WeChat, oldest first.
    pub attempts: Vec<AttemptView>,
}

/// The proof that a payment is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PaidView {
    /// When, according to WeChat.
    pub at: String,
    /// WeChat's number.
    pub transaction_id: String,
    /// The attempt that was paid.
    pub out_trade_no: String,
    /// What the payer paid after coupons, in fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    pub payer_total_fen: Option<Fen>,
    /// True if it was closed here before WeChat reported it paid: refund or deliver, your decision.
    pub late: bool,
}

/// How a payment was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ClosedView {
    /// `merchant` or `expired`.
    pub reason: &'static str,
    /// When WeChat confirmed it; absent while closing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// One order at WeChat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AttemptView {
    /// Its number at WeChat.
    pub out_trade_no: String,
    /// What it asks for, in fen. Differs from the payment's amount if that was revised since.
    #[schema(value_type = i64)]
    pub amount_fen: Fen,
    /// `recorded`, `open`, `paid`, `closed` or `rejected`.
    pub state: &'static str,
    /// When it was recorded.
    pub created_at: String,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let (paid, closed) = match &payment.state {
            PaymentState::Open => (None, None),
            PaymentState::Closing { reason } => (
                None,
                Some(ClosedView {
                    reason: reason.as_str(),
                    at: None,
                }),
            ),
            PaymentState::Closed { reason, at } => (
                None,
                Some(ClosedView {
                    reason: reason.as_str(),
                    at: Some(rfc3339(*at)),
                }),
            ),
            PaymentState::Paid(paid) => (
                Some(PaidView {
                    at: rfc3339(paid.at),
                    transaction_id: paid.transaction_id.to_string(),
                    out_trade_no: paid.out_trade_no.to_string(),
                    payer_total_fen: paid.payer_total,
                    late: paid.late,
                }),
                None,
            ),
        };
        let (refunded_fen, refunding_fen) = payment.refunded();
        Self {
            id: payment.id.to_string(),
            order_no: payment.order_no.to_string(),
            appid: payment.appid.to_string(),
            product: payment.product,
            mchid: payment.mchid.to_string(),
            amount_fen: payment.amount,
            currency: "CNY",
            description: payment.description.clone(),
            attach: payment.attach.clone(),
            state: payment.state.as_str(),
            created_at: rfc3339(payment.created_at),
            expires_at: rfc3339(payment.expires_at),
            paid,
            closed,
            refunded_fen,
            refunding_fen,
            attempts: payment
                .attempts
                .iter()
                .map(|attempt| AttemptView {
                    out_trade_no: attempt.out_trade_no.to_string(),
                    amount_fen: attempt.amount,
                    state: attempt.state.as_str(),
                    created_at: rfc3339(attempt.created_at),
                })
                .collect(),
        }
    }
}

impl PaymentView {
    /// As JSON text: the body of events and of remembered answers.
    pub fn to_json(&self) -> String {
        // Serialising plain strings and integers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// RFC 3339 in UTC with milliseconds, for example `2026-01-05T04:03:04.000Z`.
pub fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis())
        .map(|t| format!("{t:.3}"))
        .unwrap_or_else(|_| at.as_millis().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc3339_in_utc() {
        assert_eq!(
            rfc3339(Timestamp::from_millis(1_767_585_784_120)),
            "2026-01-05T04:03:04.120Z"
        );
    }
}
