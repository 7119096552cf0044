//! Notifications out of the ordinary: forgeries and copies.

use serde_json::{Value, json};
use wechatpay::time::format_beijing;

use super::Delivery;
use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::seal::Flaw;

impl Wechat {
    /// Sends something in WeChat's name that WeChat did not send: the order as if it were paid, with this flaw.
    pub(crate) fn forge(&mut self, key: &OrderKey, flaw: Flaw) -> Option<u64> {
        let mut new = self.payment_notice(key)?;
        let order = self.book.orders.get(key)?;
        if order.payment().is_none() {
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
        let delivery = self.add_delivery(new, false, true, flaw);
        self.send(delivery, Flaw::None, false);
        Some(delivery)
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
