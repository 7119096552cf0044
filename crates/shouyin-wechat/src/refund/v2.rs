//! A refund of the older protocol as a domain type, and core's orders for refunds as its calls.

use shouyin_core::Timestamp;
use shouyin_core::id::{OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use shouyin_core::ports::{RefundAt, RefundFact, RefundOrder, RefundStatus};
use wechatpay::text;
use wechatpay::v2::refund::{Accepted, CreateRefund, QueryRefund, Refund};

use super::{status, words};

/// The call for a refund. The same order always makes the same call.
pub(crate) fn create(
    order: &RefundOrder,
    notify_url: &text::NotifyUrl,
) -> Result<CreateRefund, text::TextError> {
    Ok(CreateRefund {
        appid: text::Appid::parse(order.appid.as_str())?,
        out_trade_no: text::OutTradeNo::parse(order.out_trade_no.as_str())?,
        out_refund_no: text::OutRefundNo::parse(order.out_refund_no.as_str())?,
        total_fee: order.total,
        refund_fee: order.amount,
        refund_desc: order
            .reason
            .as_deref()
            .map(text::RefundReason::parse)
            .transpose()?,
        notify_url: Some(notify_url.clone()),
    })
}

/// The question for a refund's state.
pub(crate) fn query(refund: &RefundAt) -> Result<QueryRefund, text::TextError> {
    Ok(QueryRefund {
        appid: text::Appid::parse(refund.appid.as_str())?,
        out_refund_no: text::OutRefundNo::parse(refund.out_refund_no.as_str())?,
    })
}

/// WeChat took the refund, which is all that a success of this call means. The SDK has compared both numbers with those asked for.
pub(crate) fn accepted(order: &RefundOrder, accepted: Accepted) -> Result<RefundFact, String> {
    Ok(RefundFact {
        // An answer is bound to the merchant by the call that it answers.
        mchid: None,
        out_trade_no: order.out_trade_no.clone(),
        transaction_id: TransactionId::parse(accepted.transaction_id).map_err(words)?,
        out_refund_no: order.out_refund_no.clone(),
        refund_id: WechatRefundId::parse(accepted.refund_id).map_err(words)?,
        status: RefundStatus::Processing,
        amount: accepted.refund_fee,
        total: accepted.total_fee,
        currency: None,
        success_at: None,
        received_account: None,
    })
}

/// The refund in a verified answer.
pub(crate) fn answer(refund: Refund) -> Result<RefundFact, String> {
    Ok(RefundFact {
        mchid: None,
        out_trade_no: OutTradeNo::parse(refund.out_trade_no).map_err(words)?,
        transaction_id: TransactionId::parse(refund.transaction_id).map_err(words)?,
        out_refund_no: OutRefundNo::parse(refund.out_refund_no).map_err(words)?,
        refund_id: WechatRefundId::parse(refund.refund_id).map_err(words)?,
        status: status(refund.status),
        amount: refund.refund_fee,
        total: refund.total_fee,
        currency: None,
        success_at: refund.success_at_ms.map(Timestamp::from_millis),
        received_account: refund.received_account,
    })
}

#[cfg(test)]
mod tests;
