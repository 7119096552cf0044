//! Where two books disagree, as sentences.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Books, fen, is_paid};
use crate::torture::receiver::Seen;
use crate::torture::shop::Promises;

impl Books {
    /// The attempts of all payments: number, payment, attempt.
    fn attempts(&self) -> BTreeMap<&str, (&Value, &Value)> {
        let mut all = BTreeMap::new();
        for payment in self.payments.values() {
            for attempt in payment["attempts"].as_array().into_iter().flatten() {
                if let Some(number) = attempt["out_trade_no"].as_str() {
                    all.insert(number, (payment, attempt));
                }
            }
        }
        all
    }

    pub(super) fn compare_orders(&self, found: &mut Vec<String>) {
        let attempts = self.attempts();
        for (number, order) in &self.orders {
            let Some((payment, attempt)) = attempts.get(number.as_str()) else {
                found.push(format!("order {number} is at WeChat and not in our books"));
                continue;
            };
            let (theirs, ours) = (&order["trade_state"], &attempt["state"]);
            let agree = match theirs.as_str() {
                Some("SUCCESS" | "REFUND") => ours == "paid",
                Some("CLOSED") => ours == "closed",
                Some("NOTPAY") => ours == "open" || ours == "recorded",
                _ => false,
            };
            if !agree {
                found.push(format!(
                    "order {number} is {theirs} at WeChat and {ours} here, payment {}",
                    payment["state"]
                ));
            }
            if order["amount_fen"] != attempt["amount_fen"] {
                found.push(format!(
                    "order {number} is about {} at WeChat and {} here",
                    order["amount_fen"], attempt["amount_fen"]
                ));
            }
            let paid = &payment["paid"];
            if is_paid(order)
                && paid["out_trade_no"] == number.as_str()
                && paid["transaction_id"] != order["transaction_id"]
            {
                found.push(format!("order {number} has another transaction here"));
            }
        }
        for (number, (payment, attempt)) in &attempts {
            let order = self.orders.get(*number);
            if attempt["state"] == "paid" && !order.is_some_and(is_paid) {
                found.push(format!(
                    "order {number} of {} is paid here and not at WeChat",
                    payment["id"]
                ));
            }
        }
    }

    pub(super) fn compare_payments(&self, found: &mut Vec<String>) {
        let back_of = self.back();
        for (id, payment) in &self.payments {
            let orders: Vec<&Value> = payment["attempts"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|attempt| self.orders.get(attempt["out_trade_no"].as_str()?))
                .collect();
            let paid = orders.iter().any(|order| is_paid(order));
            let payable = orders.iter().any(|order| order["trade_state"] == "NOTPAY");
            match payment["state"].as_str() {
                Some("paid") if !paid => found.push(format!(
                    "{id} is paid here and none of its orders at WeChat"
                )),
                Some("paid") if payable => {
                    found.push(format!("{id} is paid and can be paid again"))
                }
                Some("closed") if paid || payable => {
                    found.push(format!("{id} is closed here and not at WeChat"))
                }
                Some("closing") => found.push(format!("{id} is still being closed")),
                // Money of a revised amount is surplus: the payment itself stays open.
                Some("open" | "paid" | "closed") => {}
                other => found.push(format!("{id} is in state {other:?}")),
            }
            let numbers = orders
                .iter()
                .filter_map(|order| order["out_trade_no"].as_str());
            let back: i64 = numbers
                .filter_map(|number| back_of.get(number))
                .map(|(_, arrived)| arrived)
                .sum();
            if payment["refunded_fen"].as_i64() != Some(back) {
                found.push(format!(
                    "{id}: {} fen went back here and {back} at WeChat",
                    payment["refunded_fen"]
                ));
            }
        }
    }

    /// What goes back of every order at WeChat, in fen: all of it, and what arrived.
    fn back(&self) -> BTreeMap<&str, (i64, i64)> {
        let mut back: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for refund in self.wechat_refunds.values() {
            let number = refund["out_trade_no"].as_str().unwrap_or_default();
            let (all, arrived) = back.entry(number).or_default();
            *all += fen(refund);
            if refund["status"] == "SUCCESS" {
                *arrived += fen(refund);
            }
        }
        back
    }

    /// WeChat never contradicts itself here. But who pays what was revised meanwhile, because a killed server had not closed it yet,
    /// is written down as well; all of that money is back.
    pub(super) fn compare_incidents(&self, found: &mut Vec<String>) {
        let back_of = self.back();
        for incident in &self.incidents {
            let number = incident["out_trade_no"].as_str().unwrap_or_default();
            let amount = self.orders.get(number).map(|order| &order["amount_fen"]);
            let arrived = back_of.get(number).map(|(_, arrived)| *arrived);
            let is_back = arrived.is_some() && amount.and_then(Value::as_i64) == arrived;
            if incident["kind"] != "surplus_paid" || !is_back {
                found.push(format!("an incident: {incident}"));
            }
        }
    }

    pub(super) fn compare_refunds(&self, found: &mut Vec<String>) {
        for (number, theirs) in &self.wechat_refunds {
            let Some(ours) = self.refunds.get(number) else {
                found.push(format!("refund {number} is at WeChat and not in our books"));
                continue;
            };
            let same_state = matches!(
                (theirs["status"].as_str(), ours["state"].as_str()),
                (Some("SUCCESS"), Some("succeeded"))
                    | (Some("CLOSED"), Some("closed"))
                    | (Some("ABNORMAL"), Some("abnormal"))
            );
            if !same_state {
                found.push(format!(
                    "refund {number} is {} at WeChat and {} here",
                    theirs["status"], ours["state"]
                ));
            }
            if theirs["refund_fen"] != ours["amount_fen"]
                || theirs["out_trade_no"] != ours["out_trade_no"]
            {
                found.push(format!(
                    "refund {number} is {theirs} at WeChat and {ours} here"
                ));
            }
        }
        for (number, ours) in &self.refunds {
            if !self.wechat_refunds.contains_key(number) && ours["state"] != "rejected" {
                found.push(format!(
                    "refund {number} is {} here and not at WeChat",
                    ours["state"]
                ));
            }
        }
        for (number, (back, _)) in self.back() {
            let order = self.orders.get(number);
            if Some(back) > order.and_then(|order| order["amount_fen"].as_i64()) {
                found.push(format!(
                    "{back} fen of order {number} went back, which is more than was paid"
                ));
            }
        }
    }

    pub(super) fn compare_sums(&self, found: &mut Vec<String>) {
        let paid: i64 = self
            .orders
            .values()
            .filter(|order| is_paid(order))
            .filter_map(|order| order["amount_fen"].as_i64())
            .sum();
        let back: i64 = self
            .wechat_refunds
            .values()
            .filter(|refund| refund["status"] == "SUCCESS")
            .map(fen)
            .sum();
        if self.balance["cash_fen"].as_i64() != Some(paid - back) {
            found.push(format!(
                "the ledger holds {} fen, WeChat {}",
                self.balance["cash_fen"],
                paid - back
            ));
        }
        if self.balance["reserved_fen"] != 0 {
            found.push(format!(
                "{} fen are still reserved",
                self.balance["reserved_fen"]
            ));
        }
    }

    pub(super) fn compare_promises(&self, promises: &Promises, found: &mut Vec<String>) {
        for (id, order_no) in &promises.payments {
            match self.payments.get(id) {
                Some(payment) if payment["order_no"] == order_no.as_str() => {}
                Some(payment) => found.push(format!(
                    "{id} was {order_no} and is {}",
                    payment["order_no"]
                )),
                None => found.push(format!("{id} ({order_no}) was answered and is gone")),
            }
        }
        for (states, name) in [(&promises.paid, "paid"), (&promises.closed, "closed")] {
            for id in states {
                let state = self
                    .payments
                    .get(id)
                    .map(|payment| payment["state"].clone());
                // A payment that was closed may be paid late; that is told, and no contradiction.
                let late = name == "closed" && state.as_ref().is_some_and(|state| state == "paid");
                if !late && state.as_ref().is_none_or(|state| state != name) {
                    found.push(format!("{id} was answered {name} and is {state:?}"));
                }
            }
        }
        let by_id: BTreeMap<&str, &Value> = self
            .refunds
            .values()
            .filter_map(|refund| Some((refund["id"].as_str()?, refund)))
            .collect();
        for (id, amount) in &promises.refunds {
            if by_id
                .get(id.as_str())
                .and_then(|refund| refund["amount_fen"].as_i64())
                != Some(*amount)
            {
                found.push(format!(
                    "refund {id} of {amount} fen was answered and is not in our books"
                ));
            }
        }
    }

    pub(super) fn compare_events(&self, seen: &Seen, found: &mut Vec<String>) {
        let mut known = BTreeSet::new();
        let mut once = BTreeSet::new();
        for event in &self.events {
            let id = event["id"].as_str().unwrap_or_default();
            known.insert(id);
            if !seen.bodies.contains_key(id) {
                found.push(format!("webhook {id} ({}) never arrived", event["type"]));
            }
            let of = if event["refund_id"].is_null() {
                "payment_id"
            } else {
                "refund_id"
            };
            let fact = (
                event["type"].as_str().unwrap_or_default(),
                event[of].as_str().unwrap_or_default(),
            );
            let repeats = matches!(
                fact.0,
                "payment.revised" | "refund.action_needed" | "payment.surplus_paid"
            );
            if !once.insert(fact) && !repeats {
                found.push(format!("event {} of {} is there twice", fact.0, fact.1));
            }
        }
        for id in seen.bodies.keys().filter(|id| !known.contains(id.as_str())) {
            found.push(format!("webhook {id} arrived and is no event"));
        }
        for id in &seen.changed {
            found.push(format!("webhook {id} came with two bodies"));
        }
        for (id, payment) in self
            .payments
            .iter()
            .filter(|(_, payment)| payment["state"] == "paid")
        {
            let told = ["payment.paid", "payment.paid_late"]
                .iter()
                .filter(|name| once.contains(&(**name, id.as_str())))
                .count();
            if told != 1 {
                found.push(format!(
                    "{id} is paid ({}) and was announced {told} times",
                    payment["order_no"]
                ));
            }
        }
    }
}
