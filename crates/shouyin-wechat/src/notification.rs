//! Notifications: from the SDK's verified form to core's.

use shouyin_core::notification::{Notice, NoticeContent, NoticeRefused};
use wechatpay::v3::VerificationError;
use wechatpay::v3::notification::{Notification, NotificationError, Resource};

use crate::refund;
use crate::trade::trade;

pub(crate) mod v2;

pub(crate) fn refused(error: NotificationError) -> NoticeRefused {
    match error {
        NotificationError::Unverified(VerificationError::Probe) => NoticeRefused::Probe,
        NotificationError::Unverified(why @ VerificationError::Stale { .. }) => {
            NoticeRefused::Stale(why.to_string())
        }
        NotificationError::Unverified(why) => NoticeRefused::NotVerified(why.to_string()),
        unreadable @ (NotificationError::Malformed(_)
        | NotificationError::UnsupportedAlgorithm(_)
        | NotificationError::Undecryptable(_)
        | NotificationError::Resource { .. }
        | NotificationError::NoApiV3Key) => NoticeRefused::Unreadable(unreadable.to_string()),
    }
}

pub(crate) fn notice(notification: Notification) -> Result<Notice, NoticeRefused> {
    let content = match notification.resource {
        Resource::Transaction(order) => {
            NoticeContent::Payment(Box::new(trade(*order).map_err(NoticeRefused::Unreadable)?))
        }
        Resource::Refund(refund) => NoticeContent::Refund(Box::new(
            refund::notice(*refund).map_err(NoticeRefused::Unreadable)?,
        )),
        Resource::Other(_) => NoticeContent::Other,
    };
    Ok(Notice {
        wechat_id: notification.id,
        event_type: notification.event_type,
        content,
        serial: notification.serial_no,
    })
}
