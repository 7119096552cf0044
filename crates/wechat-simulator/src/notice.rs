//! Notifications: what WeChat tells a merchant by itself, how often it tries, and what it remembers of each attempt.
//!
//! Rules: WeChat Pay APIv3 documentation, "payment notification" and "refund notification": any answer but 200 or 204
//! within five seconds is a failure, and failures are retried on a fixed ladder for about a day.

mod answer;
mod dispatch;
mod envelope;
mod extra;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::book::{OrderKey, RefundKey};
use crate::heart::Wechat;
use crate::protocol::Protocol;
use crate::refund::{Refund, RefundState};
use crate::route::Operation;
use crate::seal::Flaw;
use crate::timer::TimerKey;
use crate::v2;

/// The waits before the re-sends, milliseconds: 15 s, 15 s, 30 s, 3 min, 10 min, 20 min, 30 min three times, 60 min,
/// 3 h three times, 6 h twice.
pub const RETRY_LADDER_MS: [i64; 15] = [
    15_000, 15_000, 30_000, 180_000, 600_000, 1_200_000, 1_800_000, 1_800_000, 1_800_000,
    3_600_000, 10_800_000, 10_800_000, 10_800_000, 21_600_000, 21_600_000,
];
/// How long WeChat waits for the answer, network time included.
pub const ANSWER_TIMEOUT_MS: i64 = 5_000;

/// One notification and every attempt to deliver it.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct Delivery {
    /// Counts from 1.
    pub delivery: u64,
    /// `id` of the envelope.
    pub notification_id: String,
    /// Whose.
    pub mchid: String,
    /// Where to.
    pub url: String,
    /// For example `TRANSACTION.SUCCESS`.
    pub event_type: String,
    /// About which order.
    pub out_trade_no: String,
    /// About which refund.
    pub out_refund_no: Option<String>,
    /// In which protocol.
    pub protocol: Protocol,
    /// Whether WeChat sent it, or somebody else did in WeChat's name.
    pub genuine: bool,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the fact happened, Unix milliseconds.
    pub created_ms: i64,
    /// Every attempt, oldest first.
    pub attempts: Vec<Attempt>,
    /// The decrypted resource; in the older protocol the fields.
    #[schema(value_type = Object)]
    pub resource: Value,
    /// The app the order was made in.
    #[serde(skip)]
    pub(crate) appid: Option<String>,
    #[serde(skip)]
    pub(crate) operation: Operation,
    #[serde(skip)]
    pub(crate) original_type: &'static str,
    #[serde(skip)]
    pub(crate) summary: &'static str,
    /// Sent once, whatever the answer: copies and forgeries.
    #[serde(skip)]
    pub(crate) once: bool,
    /// What is wrong with every attempt of it.
    #[serde(skip)]
    pub(crate) flaw: Flaw,
    #[serde(skip)]
    pub(crate) timer: Option<TimerKey>,
    /// The last genuine attempt as it left, for replays; kept only while the log is on.
    #[serde(skip)]
    pub(crate) sent: Option<Sent>,
}

/// An attempt as it left.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Sent {
    pub(crate) at_ms: i64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The next attempt has a time.
    Waiting,
    /// An attempt is under way.
    InFlight,
    /// Held back until a later notification has left.
    Held,
    /// The receiver answered 200 or 204.
    Delivered,
    /// The ladder is used up, or it was to be sent once only.
    GaveUp,
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// From 1.
    pub attempt: u32,
    /// When it left, Unix milliseconds.
    pub at_ms: i64,
    /// What was wrong with it on purpose.
    pub flaw: Flaw,
    /// Whether it was lost on the way.
    pub lost: bool,
    /// The answer's HTTP status; absent while there is none and after a timeout.
    pub status: Option<u16>,
    /// Whether WeChat still waits for an answer.
    pub waiting: bool,
}

/// Something the receiver did that would cost money or trouble at the real WeChat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Finding {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// What.
    pub finding: String,
    /// By which delivery.
    pub delivery: Option<u64>,
}

/// The post office.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    pub(crate) deliveries: BTreeMap<u64, Delivery>,
    pub(crate) last: u64,
    /// Deliveries held back until a later one has left.
    pub(crate) held: Vec<u64>,
    pub(crate) findings: Vec<Finding>,
}

/// What a new delivery is made of.
pub(crate) struct NewDelivery {
    pub(crate) mchid: String,
    pub(crate) url: String,
    pub(crate) event_type: String,
    pub(crate) operation: Operation,
    pub(crate) original_type: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) out_trade_no: String,
    pub(crate) out_refund_no: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) appid: Option<String>,
    pub(crate) resource: Value,
}

impl Wechat {
    /// A payment was made: tell the merchant.
    pub(crate) fn notify_payment(&mut self, key: &OrderKey) {
        if let Some(new) = self.payment_notice(key) {
            let delivery = self.add_delivery(new, true, false, Flaw::None);
            self.dispatch(delivery);
        }
    }

    fn payment_notice(&self, key: &OrderKey) -> Option<NewDelivery> {
        let order = self.book.orders.get(key)?;
        if order.notify_url.is_empty() {
            // Payments by payment code are never told.
            return None;
        }
        let resource = match (order.protocol, order.payment()) {
            (Protocol::V3, _) => {
                // A payment's notice says SUCCESS even when it is sent again after a refund has begun.
                let mut resource = order.view(&self.assumptions);
                if let Some(members) = resource.as_object_mut() {
                    members.insert("trade_state".to_owned(), Value::from("SUCCESS"));
                    members.insert("trade_state_desc".to_owned(), Value::from("支付成功"));
                }
                resource
            }
            (Protocol::V2Md5 | Protocol::V2HmacSha256, Some(payment)) => {
                v2::payment_notice(order, payment)
            }
            (Protocol::V2Md5 | Protocol::V2HmacSha256, None) => Value::Null,
        };
        Some(NewDelivery {
            mchid: order.mchid.clone(),
            url: order.notify_url.clone(),
            event_type: "TRANSACTION.SUCCESS".to_owned(),
            operation: Operation::PaymentNotification,
            original_type: "transaction",
            summary: "支付成功",
            out_trade_no: order.out_trade_no.clone(),
            out_refund_no: None,
            protocol: order.protocol,
            appid: Some(order.appid.clone()),
            resource,
        })
    }

    /// A refund has ended or got stuck: tell the merchant, if there is an address.
    pub(crate) fn notify_refund(&mut self, key: &RefundKey) {
        let Some(refund) = self.book.refunds.get(key) else {
            return;
        };
        let (event_type, summary) = match refund.state {
            RefundState::Success { .. } => ("REFUND.SUCCESS", "退款成功"),
            RefundState::Abnormal => ("REFUND.ABNORMAL", "退款异常"),
            RefundState::Closed => ("REFUND.CLOSED", "退款关闭"),
            RefundState::Processing => return,
        };
        let Some(url) = refund.notify_url.clone() else {
            return;
        };
        let appid = self.refunded_app(refund);
        let new = refund_notice(refund, appid, url, event_type, summary);
        let delivery = self.add_delivery(new, true, false, Flaw::None);
        self.dispatch(delivery);
    }

    /// The app of the order a refund is of.
    fn refunded_app(&self, refund: &Refund) -> Option<String> {
        let key = (refund.mchid.clone(), refund.out_trade_no.clone());
        let order = self.book.orders.get(&key);
        order.map(|order| order.appid.clone())
    }

    pub(crate) fn add_delivery(
        &mut self,
        new: NewDelivery,
        genuine: bool,
        once: bool,
        flaw: Flaw,
    ) -> u64 {
        self.post.last += 1;
        let delivery = self.post.last;
        self.post.deliveries.insert(
            delivery,
            Delivery {
                delivery,
                notification_id: self.ids.notification_id(),
                mchid: new.mchid,
                url: new.url,
                event_type: new.event_type,
                out_trade_no: new.out_trade_no,
                out_refund_no: new.out_refund_no,
                protocol: new.protocol,
                genuine,
                state: DeliveryState::Waiting,
                created_ms: self.now_ms,
                attempts: Vec::new(),
                resource: new.resource,
                appid: new.appid,
                operation: new.operation,
                original_type: new.original_type,
                summary: new.summary,
                once,
                flaw,
                timer: None,
                sent: None,
            },
        );
        delivery
    }
}

fn refund_notice(
    refund: &Refund,
    appid: Option<String>,
    url: String,
    event_type: &str,
    summary: &'static str,
) -> NewDelivery {
    NewDelivery {
        mchid: refund.mchid.clone(),
        url,
        event_type: event_type.to_owned(),
        operation: Operation::RefundNotification,
        original_type: "refund",
        summary,
        out_trade_no: refund.out_trade_no.clone(),
        out_refund_no: Some(refund.out_refund_no.clone()),
        protocol: refund.protocol,
        appid,
        resource: match refund.protocol {
            Protocol::V3 => refund.notice(),
            Protocol::V2Md5 | Protocol::V2HmacSha256 => v2::refund_notice(refund),
        },
    }
}
