//! Notifications: WeChat's messages to us. A notification is answered 2xx only after the commit made here.

use std::sync::Arc;

use crate::id::{Mchid, OutRefundNo, OutTradeNo, PaymentId};
use crate::incident::{Incident, IncidentKind};
use crate::payment::decide::Mismatch;
use crate::payment::model::{AttemptState, Payment};
use crate::policy::Policy;
use crate::ports::{
    Changes, Ids, Load, PaymentKey, Ports, RefundFact, StoreError, Trade, transact,
};
use crate::task::TaskChange;
use crate::time::Timestamp;
use crate::{payment, refund};

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
    /// A refund.
    Refund(Box<RefundFact>),
    /// News of a refund that nobody signed (the older protocol only encrypts them): WeChat is asked, nothing in it counts.
    RefundHint {
        /// Of which order.
        out_trade_no: OutTradeNo,
        /// Which refund; perhaps one that was made in WeChat's console.
        out_refund_no: OutRefundNo,
    },
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
    /// The body exactly as received: no secrets of ours. The older protocol does not encrypt payments: there it names the payer.
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
    /// A refund of an order that is not known to be paid yet: that is asked for first.
    TooEarly,
    /// It proves nothing by itself; WeChat is being asked.
    Asked,
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
            Self::TooEarly => "too_early",
            Self::Asked => "asked",
            Self::Ignored => "ignored",
        }
    }

    /// The inverse of [`NotificationEffect::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [
            Self::Applied,
            Self::Known,
            Self::Mismatch,
            Self::TooEarly,
            Self::Asked,
            Self::Ignored,
        ]
        .into_iter()
        .find(|effect| effect.as_str() == text)
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
    /// Genuine, but it cannot be understood before something else is known, which is being asked for. Kept as evidence;
    /// answer 5xx so that WeChat comes again.
    TooEarly,
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
    let (out_trade_no, fact) = match notice.content {
        NoticeContent::Payment(trade) => (trade.out_trade_no.clone(), Fact::Payment(trade)),
        NoticeContent::Refund(fact) => (fact.out_trade_no.clone(), Fact::Refund(fact)),
        NoticeContent::RefundHint {
            out_trade_no,
            out_refund_no,
        } => (
            out_trade_no.clone(),
            Fact::RefundHint {
                out_trade_no,
                out_refund_no,
            },
        ),
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
    record.out_trade_no = Some(out_trade_no.clone());
    let load = Load {
        payment: Some(PaymentKey::OutTradeNo(mchid.clone(), out_trade_no)),
        ..Load::default()
    };
    let ids = Arc::clone(&ports.ids);
    let policy = ports.policies.of(mchid);
    let mchid = mchid.clone();
    transact(&*ports.store, load, move |loaded| match loaded.payment {
        None => unknown_order(&mchid, record, &fact, now),
        Some(payment) => apply(&payment, record, &fact, policy, now, &*ids),
    })
    .await
    .map_err(NotificationError::from)
}

/// What a notification says about money.
enum Fact {
    Payment(Box<Trade>),
    Refund(Box<RefundFact>),
    RefundHint {
        out_trade_no: OutTradeNo,
        out_refund_no: OutRefundNo,
    },
}

fn apply(
    payment: &Payment,
    mut record: NotificationRecord,
    fact: &Fact,
    policy: Policy,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Received, Changes) {
    record.payment_id = Some(payment.id.clone());
    let (applied, incident) = match fact {
        Fact::Payment(trade) => {
            let applied = payment::decide::on_trade(payment, trade, policy, now, ids);
            let incident = applied
                .as_ref()
                .err()
                .map(|why| why.incident(payment, &trade.out_trade_no, now));
            (applied, incident)
        }
        Fact::RefundHint {
            out_trade_no,
            out_refund_no,
        } => {
            let (received, effect, changes) = match ask_first(payment, out_trade_no, now) {
                Some(changes) => (Received::TooEarly, NotificationEffect::TooEarly, changes),
                None => {
                    let received = Received::Accepted {
                        effect: NotificationEffect::Asked,
                        payment_id: Some(payment.id.clone()),
                    };
                    let query = refund::decide::query_task(payment, out_refund_no, now);
                    let changes = Changes::tasks(vec![TaskChange::Wake(query)]);
                    (received, NotificationEffect::Asked, changes)
                }
            };
            record.effect = effect;
            let changes = Changes {
                notification: Some(record),
                ..changes
            };
            return (received, changes);
        }
        Fact::Refund(fact) => {
            if let Some(changes) = ask_first(payment, &fact.out_trade_no, now) {
                record.effect = NotificationEffect::TooEarly;
                let changes = Changes {
                    notification: Some(record),
                    ..changes
                };
                return (Received::TooEarly, changes);
            }
            let applied = refund::decide::on_fact(payment, fact, now, ids);
            let incident = applied
                .as_ref()
                .err()
                .map(|why| why.refund_incident(payment, fact, now));
            (applied, incident)
        }
    };
    match applied {
        Ok(mut changes) => {
            record.effect = if changes.payment.is_some() {
                NotificationEffect::Applied
            } else {
                NotificationEffect::Known
            };
            let received = Received::Accepted {
                effect: record.effect,
                payment_id: Some(payment.id.clone()),
            };
            changes.notification = Some(record);
            (received, changes)
        }
        Err(mismatch) => {
            record.effect = NotificationEffect::Mismatch;
            let changes = Changes {
                notification: Some(record),
                incidents: incident.into_iter().collect(),
                ..Changes::default()
            };
            (Received::Contradiction(mismatch), changes)
        }
    }
}

/// A refund overtook the news of its payment: the payment is asked for now, and WeChat will tell of the refund again.
fn ask_first(payment: &Payment, out_trade_no: &OutTradeNo, now: Timestamp) -> Option<Changes> {
    let attempt = payment.attempt(out_trade_no)?;
    let is_paid = matches!(attempt.state, AttemptState::Paid { .. });
    (!is_paid).then(|| {
        Changes::tasks(vec![TaskChange::Wake(payment::decide::query_task(
            payment,
            out_trade_no,
            now,
        ))])
    })
}

fn unknown_order(
    mchid: &Mchid,
    mut record: NotificationRecord,
    fact: &Fact,
    now: Timestamp,
) -> (Received, Changes) {
    let (out_trade_no, out_refund_no) = match fact {
        Fact::Payment(trade) => (&trade.out_trade_no, None),
        Fact::Refund(fact) => (&fact.out_trade_no, Some(&fact.out_refund_no)),
        Fact::RefundHint {
            out_trade_no,
            out_refund_no,
        } => (out_trade_no, Some(out_refund_no)),
    };
    let mismatch = Mismatch {
        kind: IncidentKind::UnknownOrder,
        detail: "this out_trade_no is not in our books".into(),
    };
    record.effect = NotificationEffect::Mismatch;
    let incident = Incident {
        mchid: mchid.clone(),
        kind: mismatch.kind,
        out_trade_no: Some(out_trade_no.clone()),
        out_refund_no: out_refund_no.cloned(),
        bill_date: None,
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
