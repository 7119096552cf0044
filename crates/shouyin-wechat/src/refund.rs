//! WeChat's refund as a domain type, and core's orders for refunds as calls.

use shouyin_core::id::{OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use shouyin_core::ports::{RefundFact, RefundOrder, RefundStatus, Remedy};
use wechatpay::text;
use wechatpay::v3::{Client, refund};
use wechatpay::wire::Wire;

use crate::trade::success_time;
use crate::unsendable::Unsendable;

pub(crate) mod v2;

fn status(wire: Wire<refund::RefundStatus>) -> RefundStatus {
    match wire {
        Wire::Known(refund::RefundStatus::Processing) => RefundStatus::Processing,
        Wire::Known(refund::RefundStatus::Success) => RefundStatus::Success,
        Wire::Known(refund::RefundStatus::Closed) => RefundStatus::Closed,
        Wire::Known(refund::RefundStatus::Abnormal) => RefundStatus::Abnormal,
        Wire::Other(name) => RefundStatus::Other(name),
    }
}

fn words(error: impl ToString) -> String {
    error.to_string()
}

/// The refund in a verified answer. One that breaks its own formats cannot be used as proof of anything.
pub(crate) fn answer(refund: refund::Refund) -> Result<RefundFact, String> {
    Ok(RefundFact {
        // Only the notification says. An answer is bound to the merchant by the call that it answers.
        mchid: None,
        out_trade_no: OutTradeNo::parse(refund.out_trade_no).map_err(words)?,
        transaction_id: TransactionId::parse(refund.transaction_id).map_err(words)?,
        out_refund_no: OutRefundNo::parse(refund.out_refund_no).map_err(words)?,
        refund_id: WechatRefundId::parse(refund.refund_id).map_err(words)?,
        status: status(refund.status),
        amount: refund.amount.refund,
        total: refund.amount.total,
        currency: refund.amount.currency,
        success_at: refund.success_time.map(success_time).transpose()?,
        received_account: refund.user_received_account,
    })
}

/// The refund in a verified notification.
pub(crate) fn notice(notice: refund::RefundNotice) -> Result<RefundFact, String> {
    // In partner mode the money is the sub-merchant's. A notification that names nobody is nobody's: core compares.
    let owner = notice.mchid.or(notice.sub_mchid).or(notice.sp_mchid);
    Ok(RefundFact {
        mchid: Some(owner.unwrap_or_default()),
        out_trade_no: OutTradeNo::parse(notice.out_trade_no).map_err(words)?,
        transaction_id: TransactionId::parse(notice.transaction_id).map_err(words)?,
        out_refund_no: OutRefundNo::parse(notice.out_refund_no).map_err(words)?,
        refund_id: WechatRefundId::parse(notice.refund_id).map_err(words)?,
        status: status(notice.refund_status),
        amount: notice.amount.refund,
        total: notice.amount.total,
        currency: None,
        success_at: notice.success_time.map(success_time).transpose()?,
        received_account: notice.user_received_account,
    })
}

/// The call for a refund. The same order always makes the same call.
pub(crate) fn create(
    order: &RefundOrder,
    notify_url: &text::NotifyUrl,
) -> Result<refund::CreateRefund, text::TextError> {
    let out_trade_no = text::OutTradeNo::parse(order.out_trade_no.as_str())?;
    Ok(refund::CreateRefund {
        order: refund::OrderNumber::OutTradeNo(out_trade_no),
        out_refund_no: text::OutRefundNo::parse(order.out_refund_no.as_str())?,
        reason: order
            .reason
            .as_deref()
            .map(text::RefundReason::parse)
            .transpose()?,
        notify_url: Some(notify_url.clone()),
        refund: order.amount,
        total: order.total,
    })
}

/// The call for another way out of an abnormal refund. A card is encrypted here; nothing of it is kept.
pub(crate) fn remedy(
    client: &Client,
    refund_id: &WechatRefundId,
    out_refund_no: &OutRefundNo,
    remedy: &Remedy,
) -> Result<refund::ApplyAbnormalRefund, Unsendable> {
    let to = match remedy {
        Remedy::MerchantBankCard => refund::AbnormalRefundTo::MerchantBankCard,
        Remedy::UserBankCard {
            bank_type,
            account,
            name,
        } => refund::AbnormalRefundTo::UserBankCard(refund::BankCard::encrypt(
            &client.encryptor()?,
            text::BankType::parse(bank_type)?,
            account,
            name,
        )?),
    };
    Ok(refund::ApplyAbnormalRefund {
        refund_id: text::RefundId::parse(refund_id.as_str())?,
        out_refund_no: text::OutRefundNo::parse(out_refund_no.as_str())?,
        to,
    })
}

/// The question for a refund's state.
pub(crate) fn query(number: &OutRefundNo) -> Result<refund::QueryRefund, text::TextError> {
    Ok(refund::QueryRefund {
        out_refund_no: text::OutRefundNo::parse(number.as_str())?,
    })
}

#[cfg(test)]
mod tests;
