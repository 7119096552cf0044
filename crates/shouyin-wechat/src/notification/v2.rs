//! Notifications of the older protocol: from the SDK's form to core's. Payments are signed and count; refunds are only encrypted,
//! and are a reason to ask.

use shouyin_core::id::{OutRefundNo, OutTradeNo};
use shouyin_core::notification::{Notice, NoticeContent, NoticeRefused};
use wechatpay::v2::notification::{Notification, NotificationError, RefundHint};
use wechatpay::v2::pay::Order;
use wechatpay::v2::refund::RefundNews;
use wechatpay::v2::{SignType, Verified};

use crate::trade::v2::trade;

/// [`Notice::event_type`] of a payment. WeChat has no names for them in this protocol.
const PAYMENT: &str = "V2.PAYMENT";
/// [`Notice::event_type`] of news of a refund.
const REFUND: &str = "V2.REFUND";

/// Whatever is wrong with it, nobody is known to have sent it.
pub(crate) fn refused(error: NotificationError) -> NoticeRefused {
    NoticeRefused::NotVerified(error.to_string())
}

pub(crate) fn notice(
    notification: Notification,
    sign_type: SignType,
) -> Result<Notice, NoticeRefused> {
    match notification {
        Notification::Payment(verified) => payment(&verified, sign_type),
        Notification::RefundHint(hint) => refund(&hint),
    }
}

fn payment(verified: &Verified, sign_type: SignType) -> Result<Notice, NoticeRefused> {
    let state = verified.get("trade_state");
    if state.is_some_and(|state| state != "SUCCESS") {
        // Answers to queries are signed with the same key, and may say that nothing is paid. They are no notifications.
        let found = "an answer to a query, sent as a notification".to_owned();
        return Err(NoticeRefused::NotVerified(found));
    }
    let order = Order::from_notification(verified)
        .map_err(|error| NoticeRefused::Unreadable(error.to_string()))?;
    let trade = trade(order).map_err(NoticeRefused::Unreadable)?;
    let wechat_id = trade.transaction_id.as_ref().map(ToString::to_string);
    Ok(Notice {
        // It has no id of its own; its repetitions have this in common.
        wechat_id: wechat_id.unwrap_or_default(),
        event_type: PAYMENT.to_owned(),
        content: NoticeContent::Payment(Box::new(trade)),
        // There is one key, and no number for it.
        serial: sign_type.as_str().to_owned(),
    })
}

fn refund(hint: &RefundHint) -> Result<Notice, NoticeRefused> {
    let unreadable = |error: String| NoticeRefused::Unreadable(error);
    let news = RefundNews::read(hint).map_err(|error| unreadable(error.to_string()))?;
    let out_trade_no =
        OutTradeNo::parse(news.out_trade_no).map_err(|error| unreadable(error.to_string()))?;
    let out_refund_no =
        OutRefundNo::parse(news.out_refund_no).map_err(|error| unreadable(error.to_string()))?;
    Ok(Notice {
        wechat_id: out_refund_no.to_string(),
        event_type: REFUND.to_owned(),
        content: NoticeContent::RefundHint {
            out_trade_no,
            out_refund_no,
        },
        serial: "unsigned".to_owned(),
    })
}

#[cfg(test)]
mod tests;
