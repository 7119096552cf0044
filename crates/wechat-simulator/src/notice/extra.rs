//! Notifications out of the ordinary: forgeries, copies, and what contradicts the order.

use serde_json::{Value, json};
use wechatpay::time::format_beijing;

use super::{Attempt, Delivery, DeliveryState, NewDelivery, refund_notice};
use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::log::{Entry, Message};
use crate::message::{Dispatch, Output};
use crate::order::Payment;
use crate::protocol::Protocol;
use crate::seal::Flaw;
use crate::timer::Timer;
use crate::v2;

/// Receivers must refuse what was signed longer ago (WeChat Pay APIv3, "signature verification").
const FRESH_MS: i64 = 5 * 60_000;

impl Wechat {
    /// Sends something in WeChat's name that WeChat did not send: the order as if it were paid, with this flaw.
    pub(crate) fn forge(&mut self, key: &OrderKey, flaw: Flaw) -> Option<u64> {
        let new = self.claimed_payment(key)?;
        let delivery = self.add_delivery(new, false, true, flaw);
        self.send(delivery, Flaw::None, false);
        Some(delivery)
    }

    /// The notification of an order as if it were paid, paid or not.
    fn claimed_payment(&mut self, key: &OrderKey) -> Option<NewDelivery> {
        let mut new = self.payment_notice(key)?;
        let order = self.book.orders.get(key)?;
        if order.payment().is_none() && order.protocol != Protocol::V3 {
            let payment = Payment {
                transaction_id: self.ids.transaction_id(self.now_ms),
                at_ms: self.now_ms,
                payer_total: order.total,
                coupon: None,
                bank_type: "OTHERS".to_owned(),
                refunded: false,
            };
            new.resource = v2::payment_notice(order, &payment);
        } else if order.payment().is_none() {
            // What an attacker would write who knows the order: everything right but the signature.
            let (now_ms, openid, total) = (self.now_ms, order.openid.clone(), order.total.get());
            let transaction_id = self.ids.transaction_id(now_ms);
            if let Some(members) = new.resource.as_object_mut() {
                for (name, value) in [
                    ("transaction_id", Value::from(transaction_id)),
                    ("trade_type", Value::from("JSAPI")),
                    ("bank_type", Value::from("OTHERS")),
                    ("success_time", Value::from(format_beijing(now_ms))),
                    ("payer", json!({ "openid": openid })),
                    (
                        "amount",
                        json!({ "total": total, "payer_total": total, "currency": "CNY", "payer_currency": "CNY" }),
                    ),
                ] {
                    members.insert(name.to_owned(), value);
                }
            }
        }
        Some(new)
    }

    /// WeChat itself, with the right key, reports something else than the order or refund.
    pub(crate) fn misreport(
        &mut self,
        key: &OrderKey,
        out_refund_no: Option<&str>,
        changes: &Value,
    ) -> Option<u64> {
        let mut new = match out_refund_no {
            None => self.claimed_payment(key)?,
            Some(number) => self.claimed_refund(key, number)?,
        };
        merge(&mut new.resource, changes);
        let delivery = self.add_delivery(new, false, true, Flaw::Contradicting);
        self.send(delivery, Flaw::None, false);
        Some(delivery)
    }

    /// The notification of a refund as if it had succeeded.
    fn claimed_refund(&self, key: &OrderKey, out_refund_no: &str) -> Option<NewDelivery> {
        let refund = self
            .book
            .refunds
            .get(&(key.0.clone(), out_refund_no.to_owned()))?;
        let order = self.book.orders.get(key)?;
        let url = refund.notify_url.as_ref().unwrap_or(&order.notify_url);
        let appid = Some(order.appid.clone());
        let mut new = refund_notice(refund, appid, url.clone(), "REFUND.SUCCESS", "退款成功");
        let success = match refund.protocol {
            Protocol::V3 => {
                json!({ "refund_status": "SUCCESS", "success_time": format_beijing(self.now_ms) })
            }
            Protocol::V2Md5 | Protocol::V2HmacSha256 => v2::refund_success(self.now_ms),
        };
        merge(&mut new.resource, &success);
        Some(new)
    }

    /// Somebody who listened sends a genuine notification again, byte for byte: to the same address, or to another.
    pub(crate) fn replay(&mut self, delivery: u64, url: Option<String>) -> Option<u64> {
        let old = self.post.deliveries.get(&delivery)?;
        let sent = old.sent.clone()?;
        let flaw = if url.as_ref().is_some_and(|url| *url != old.url) {
            Flaw::Misdirected
        } else if old.protocol == Protocol::V3 && self.now_ms - sent.at_ms > FRESH_MS {
            Flaw::Replayed
        } else {
            // Within its five minutes it is the same message twice, which is nothing new. In the older protocol nothing
            // in a message says when it was sent.
            Flaw::None
        };
        let copy = Delivery {
            url: url.unwrap_or_else(|| old.url.clone()),
            genuine: false,
            state: DeliveryState::InFlight,
            once: true,
            timer: None,
            sent: None,
            attempts: vec![Attempt {
                attempt: 1,
                at_ms: self.now_ms,
                flaw,
                lost: false,
                status: None,
                waiting: true,
            }],
            ..old.clone()
        };
        self.post.last += 1;
        let number = self.post.last;
        let timer = self.timing.answer_timeout_ms.map(|timeout_ms| {
            let timer = Timer::NotifyTimeout(number, 1);
            self.timers.set(self.now_ms + timeout_ms, timer)
        });
        self.log.add(self.now_ms, || Entry {
            kind: "notification",
            operation: Some(copy.operation.name().to_owned()),
            mchid: Some(copy.mchid.clone()),
            out_trade_no: Some(copy.out_trade_no.clone()),
            request: Some(Message::new(
                format!("POST {}", copy.url),
                &sent.headers,
                &sent.body,
            )),
            fault: (flaw != Flaw::None).then(|| format!("{flaw:?}")),
            note: Some(format!(
                "delivery {number}: delivery {delivery} again, byte for byte"
            )),
            ..Entry::default()
        });
        self.outputs.push(Output::SendNotification(Dispatch {
            delivery: number,
            attempt: 1,
            url: copy.url.clone(),
            headers: sent.headers,
            body: sent.body,
        }));
        let copy = Delivery {
            delivery: number,
            timer,
            ..copy
        };
        self.post.deliveries.insert(number, copy);
        Some(number)
    }

    /// Sends a notification once more, as WeChat's console can.
    pub(crate) fn resend(&mut self, delivery: u64) -> bool {
        let Some(old) = self.post.deliveries.get(&delivery) else {
            return false;
        };
        let copy = Delivery {
            attempts: Vec::new(),
            once: true,
            timer: None,
            sent: None,
            ..old.clone()
        };
        self.post.last += 1;
        let number = self.post.last;
        self.post.deliveries.insert(
            number,
            Delivery {
                delivery: number,
                ..copy
            },
        );
        self.send(number, Flaw::None, false);
        true
    }
}

/// JSON Merge Patch (RFC 7396): members replace members, `null` removes one.
fn merge(target: &mut Value, changes: &Value) {
    let (Some(members), Some(changes)) = (target.as_object_mut(), changes.as_object()) else {
        *target = changes.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}
