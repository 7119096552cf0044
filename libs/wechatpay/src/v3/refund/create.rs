use fen::Fen;
use serde_json::json;

use super::Refund;
use crate::text::{NotifyUrl, OutRefundNo, OutTradeNo, RefundReason, TransactionId};
use crate::v3::operation::{json as read, same};
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Which order a refund belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OrderNumber {
    /// By WeChat's number.
    TransactionId(TransactionId),
    /// By the merchant's number.
    OutTradeNo(OutTradeNo),
}

/// Asks for a refund: `POST /v3/refund/domestic/refunds`. A 200 means accepted; the status tells the rest.
///
/// `out_refund_no` is what makes it safe to repeat: the same number with the same members is the same refund.
/// Another number is a second refund, so never take a new one while the old one is unresolved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateRefund {
    /// The paid order.
    pub order: OrderNumber,
    /// The merchant's number of this refund.
    pub out_refund_no: OutRefundNo,
    /// What the payer reads.
    pub reason: Option<RefundReason>,
    /// Where the notification goes; without it, the address set in the merchant console.
    pub notify_url: Option<NotifyUrl>,
    /// How much goes back.
    pub refund: Fen,
    /// The total of the order.
    pub total: Fen,
}

impl Operation for CreateRefund {
    type Answer = Refund;

    fn request(&self) -> Request {
        let mut body = json!({
            "out_refund_no": self.out_refund_no.as_str(),
            "amount": { "refund": self.refund.get(), "total": self.total.get(), "currency": "CNY" },
        });
        match &self.order {
            OrderNumber::TransactionId(number) => body["transaction_id"] = json!(number.as_str()),
            OrderNumber::OutTradeNo(number) => body["out_trade_no"] = json!(number.as_str()),
        }
        if let Some(reason) = &self.reason {
            body["reason"] = json!(reason.as_str());
        }
        if let Some(notify_url) = &self.notify_url {
            body["notify_url"] = json!(notify_url.as_str());
        }
        Request::post_json(
            Target::path(&["v3", "refund", "domestic", "refunds"]),
            &body,
        )
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Refund, ParseError> {
        let refund: Refund = read(status, verified)?;
        same(
            "out_refund_no",
            self.out_refund_no.as_str(),
            &refund.out_refund_no,
        )?;
        match &self.order {
            OrderNumber::TransactionId(number) => {
                same("transaction_id", number.as_str(), &refund.transaction_id)?;
            }
            OrderNumber::OutTradeNo(number) => {
                same("out_trade_no", number.as_str(), &refund.out_trade_no)?;
            }
        }
        Ok(refund)
    }
}
