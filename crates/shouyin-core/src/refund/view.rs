//! The refund as merchants see it: in API answers, in events.

use fen::Fen;
use serde::Serialize;

use super::model::{Refund, RefundState};
use crate::payment::Payment;
use crate::payment::view::rfc3339;

/// A refund. Amounts are integers in fen, times RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RefundView {
    /// `ref_` and 32 hexadecimal digits.
    #[schema(example = "ref_0199c1a2b3c47d5e8f90123456789abc")]
    pub id: String,
    /// The payment it belongs to.
    pub payment_id: String,
    /// The shop's number of that payment.
    pub order_no: String,
    /// The shop's own number of the refund; absent if the shop did not ask for it through this API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_no: Option<String>,
    /// The merchant.
    pub mchid: String,
    /// Its number at WeChat.
    pub out_refund_no: String,
    /// The order at WeChat whose money it gives back.
    pub out_trade_no: String,
    /// WeChat's number, once it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wechat_refund_id: Option<String>,
    /// How much goes back, in fen.
    #[schema(value_type = i64, minimum = 1, example = 500)]
    pub amount_fen: Fen,
    /// Always `CNY`.
    #[schema(example = "CNY")]
    pub currency: &'static str,
    /// What the payer reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who wanted it: `merchant`, `late_policy`, `surplus_policy` or `console`.
    #[schema(example = "merchant")]
    pub origin: &'static str,
    /// `recorded`, `processing`, `abnormal`, `succeeded`, `closed` or `rejected`. Only the last three are final.
    #[schema(example = "processing")]
    pub state: &'static str,
    /// When the money went back; `succeeded` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<String>,
    /// True if a person must do something: top up the merchant's balance, or find another way to the payer.
    pub action_needed: bool,
    /// WeChat's last refusal: why it is rejected, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleView>,
    /// Where the money arrives, in WeChat's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_account: Option<String>,
    /// When it was recorded.
    pub created_at: String,
}

/// A refusal in WeChat's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TroubleView {
    /// WeChat's code.
    #[schema(example = "NOT_ENOUGH")]
    pub wechat_code: String,
    /// WeChat's message.
    pub message: String,
}

impl RefundView {
    /// A refund of this payment.
    pub fn new(payment: &Payment, refund: &Refund) -> Self {
        let succeeded_at = match refund.state {
            RefundState::Succeeded { at } => Some(rfc3339(at)),
            RefundState::Recorded
            | RefundState::Processing
            | RefundState::Abnormal
            | RefundState::Closed { .. }
            | RefundState::Rejected { .. } => None,
        };
        Self {
            id: refund.id.to_string(),
            payment_id: payment.id.to_string(),
            order_no: payment.order_no.to_string(),
            refund_no: refund.refund_no.as_ref().map(ToString::to_string),
            mchid: payment.mchid.to_string(),
            out_refund_no: refund.out_refund_no.to_string(),
            out_trade_no: refund.out_trade_no.to_string(),
            wechat_refund_id: refund.wechat_id.as_ref().map(ToString::to_string),
            amount_fen: refund.amount,
            currency: "CNY",
            reason: refund.reason.clone(),
            origin: refund.origin.as_str(),
            state: refund.state.as_str(),
            succeeded_at,
            action_needed: refund.needs_action(),
            trouble: refund.trouble.as_ref().map(|trouble| TroubleView {
                wechat_code: trouble.code.clone(),
                message: trouble.message.clone(),
            }),
            received_account: refund.received_account.clone(),
            created_at: rfc3339(refund.created_at),
        }
    }

    /// As JSON text: the body of events and of remembered answers.
    pub fn to_json(&self) -> String {
        // Serialising plain strings and integers cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
