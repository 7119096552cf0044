//! Notifications: WeChat's messages to us. A notification is answered 2xx only after the commit made here.

use crate::id::{Mchid, OutTradeNo, PaymentId};
use crate::incident::{Incident, IncidentKind};
use crate::payment::decide::{self, Mismatch};
use crate::ports::{Changes, Load, PaymentKey, Ports, StoreError, Trade, transact};
use crate::time::Timestamp;

/// A notification whose signature, age and encryption were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// WeChat's id of the notification.
    pub wechat_id: String,
    /// For example `TRANSACTION.SUCCESS`.
    pub event_type: String,
    /// What it says.
    pub content: NoticeContent,
    /// Serial of the key that signed it.
    pub serial: String,
}

/// What a notification is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeContent {
    /// A payment.
    Payment(Box<Trade>),
    /// Something this version does not act on; kept as evidence.
    Other,
}

/// Why a notification was refused. Nothing was stored and WeChat was not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeRefused {
    /// No such merchant here.
    #[error("no merchant with this number is configured")]
    UnknownMerchant,
    /// WeChat's deliberate test of our signature check (`WECHATPAY/SIGNTEST/`); refusing it is right.
    #[error("signature probe by WeChat: refused, as it should be")]
    Probe,
    /// Signature, serial or headers are wrong.
    #[error("not verified: {0}")]
    NotVerified(String),
    /// Older or newer than the time window allows.
    #[error("stale: {0}")]
    Stale(String),
    /// Genuine signature, but the content cannot be decrypted or understood.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// A verified notification, kept as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRecord {
    /// Whose.
    pub mchid: Mchid,
    /// WeChat's id of the notification. May repeat: WeChat sends again until it gets a 2xx.
    pub wechat_id: String,
    /// For example `TRANSACTION.SUCCESS`.
    pub event_type: String,
    /// The order, for payment notifications.
    pub out_trade_no: Option<OutTradeNo>,
    /// The payment, when the order is known.
    pub payment_id: Option<PaymentId>,
    /// When we got it.
    pub received_at: Timestamp,
    /// Serial of the key that signed it.
    pub serial: String,
    /// What it did.
    pub effect: NotificationEffect,
    /// The body exactly as received; encrypted content, no secrets of ours.
    pub body: Vec<u8>,
}

/// What a notification did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationEffect {
    /// The payment changed.
    Applied,
    /// Everything in it was known.
    Known,
    /// It contradicts our record; see the incident.
    Mismatch,
    /// About something this version does not act on.
    Ignored,
}

impl NotificationEffect {
    /// The name in logs and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Known => "known",
            Self::Mismatch => "mismatch",
            Self::Ignored => "ignored",
        }
    }

    /// The inverse of [`NotificationEffect::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Applied, Self::Known, Self::Mismatch, Self::Ignored]
            .into_iter()
            .find(|e| e.as_str() == text)
    }
}

/// How a verified notification ended. Everything here is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Stored; answer 2xx.
    Accepted {
        /// What it did.
        effect: NotificationEffect,
        /// To which payment.
        payment_id: Option<PaymentId>,
    },
    /// Genuine, but it contradicts our record. Kept as an incident; answer 4xx so that WeChat comes again.
    Contradiction(Mismatch),
}

/// Why a notification gets no 2xx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// Not believed.
    #[error(transparent)]
    Refused(#[from] NoticeRefused),
    /// Believed, but not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies a notification and applies it through the same rules as any other proof of payment.
pub async fn receive(
    ports: &Ports,
    mchid: &Mchid,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Result<Received, NotificationError> {
    let now = ports.clock.now();
    let notice = ports
        .acquirer
        .open_notification(mchid, headers, &body, now)?;
    let mut record = NotificationRecord {
        mchid: mchid.clone(),
        wechat_id: notice.wechat_id,
        event_type: notice.event_type,
        out_trade_no: None,
        payment_id: None,
        received_at: now,
        serial: notice.serial,
        effect: NotificationEffect::Ignored,
        body,
    };
    let trade = match notice.content {
        NoticeContent::Payment(trade) => trade,
        NoticeContent::Other => {
            let changes = Changes {
                notification: Some(record),
                ..Changes::default()
            };
            transact(&*ports.store, Load::default(), move |_| ((), changes)).await?;
            return Ok(Received::Accepted {
                effect: NotificationEffect::Ignored,
                payment_id: None,
            });
        }
    };
    record.out_trade_no = Some(trade.out_trade_no.clone());
    let load = Load {
        payment: Some(PaymentKey::OutTradeNo(
            mchid.clone(),
            trade.out_trade_no.clone(),
        )),
        ..Load::default()
    };
    let ids = std::sync::Arc::clone(&ports.ids);
    let mchid = mchid.clone();
    let received = transact(&*ports.store, load, move |loaded| {
        let Some(payment) = loaded.payment else {
            return unknown_order(&mchid, record, &trade, now);
        };
        record.payment_id = Some(payment.id.clone());
        match decide::on_trade(&payment, &trade, now, &*ids) {
            Ok(mut changes) => {
                record.effect = if changes.payment.is_some() {
                    NotificationEffect::Applied
                } else {
                    NotificationEffect::Known
                };
                let received = Received::Accepted {
                    effect: record.effect,
                    payment_id: Some(payment.id),
                };
                changes.notification = Some(record);
                (received, changes)
            }
            Err(mismatch) => {
                record.effect = NotificationEffect::Mismatch;
                let incident = mismatch.incident(&payment, &trade.out_trade_no, now);
                let changes = Changes {
                    notification: Some(record),
                    incidents: vec![incident],
                    ..Changes::default()
                };
                (Received::Contradiction(mismatch), changes)
            }
        }
    })
    .await?;
    Ok(received)
}

fn unknown_order(
    mchid: &Mchid,
    mut record: NotificationRecord,
    trade: &Trade,
    now: Timestamp,
) -> (Received, Changes) {
    let mismatch = Mismatch {
        kind: IncidentKind::UnknownOrder,
        detail: "this out_trade_no is not in our books".into(),
    };
    record.effect = NotificationEffect::Mismatch;
    let incident = Incident {
        mchid: mchid.clone(),
        kind: mismatch.kind,
        out_trade_no: trade.out_trade_no.clone(),
        payment_id: None,
        at: now,
        detail: mismatch.detail.clone(),
    };
    let changes = Changes {
        notification: Some(record),
        incidents: vec![incident],
        ..Changes::default()
    };
    (Received::Contradiction(mismatch), changes)
}
