//! Afterwards: what WeChat's books say, what the server's say, and where they disagree.

mod compare;

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use super::desk::Desk;
use super::receiver::Seen;
use super::shop::Promises;

/// Both sides' books, read through the doors that everybody has.
#[derive(Debug)]
pub(super) struct Books {
    /// WeChat's orders by number.
    orders: BTreeMap<String, Value>,
    /// WeChat's refunds by number.
    wechat_refunds: BTreeMap<String, Value>,
    /// Our payments by id.
    payments: BTreeMap<String, Value>,
    /// Our refunds by their number at WeChat.
    refunds: BTreeMap<String, Value>,
    /// Our events in the order of commits.
    events: Vec<Value>,
    incidents: Vec<Value>,
    balance: Value,
}

/// Sums for the last line.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Figures {
    pub(super) payments: usize,
    pub(super) paid: usize,
    pub(super) refunds: usize,
    pub(super) events: usize,
}

impl Books {
    pub(super) fn read(desk: &Desk) -> Result<Self> {
        let by = |list: Vec<Value>, name: &str| -> Result<BTreeMap<String, Value>> {
            list.into_iter()
                .map(|item| Ok((text(&item, name)?, item)))
                .collect()
        };
        let all = |path: &str| pages(desk, path);
        let wechat = |path: &str| -> Result<Vec<Value>> {
            Ok(serde_json::from_value(desk.wechat.get(path, "")?)?)
        };
        Ok(Self {
            orders: by(wechat("/orders")?, "out_trade_no")?,
            wechat_refunds: by(wechat("/refunds")?, "out_refund_no")?,
            payments: by(all("/v1/payments")?, "id")?,
            refunds: by(all("/v1/refunds")?, "out_refund_no")?,
            events: all("/v1/events")?,
            incidents: all("/v1/incidents")?,
            balance: desk.server.get("/v1/balance", &desk.api_key)?,
        })
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            payments: self.payments.len(),
            paid: self.orders.values().filter(|order| is_paid(order)).count(),
            refunds: self.wechat_refunds.len(),
            events: self.events.len(),
        }
    }

    /// Every disagreement, as a sentence. None is what must be.
    pub(super) fn disagreements(&self, promises: &Promises, seen: &Seen) -> Vec<String> {
        let mut found = promises.broken.clone();
        self.compare_orders(&mut found);
        self.compare_payments(&mut found);
        self.compare_refunds(&mut found);
        self.compare_sums(&mut found);
        self.compare_promises(promises, &mut found);
        self.compare_events(seen, &mut found);
        self.compare_incidents(&mut found);
        found
    }
}

fn is_paid(order: &Value) -> bool {
    order["trade_state"] == "SUCCESS" || order["trade_state"] == "REFUND"
}

fn fen(refund: &Value) -> i64 {
    refund["refund_fen"].as_i64().unwrap_or_default()
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name]
        .as_str()
        .with_context(|| format!("no {name} in {value}"))?
        .to_owned())
}

/// All pages of a list of the server.
fn pages(desk: &Desk, path: &str) -> Result<Vec<Value>> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let cursor = if after.is_empty() {
            String::new()
        } else {
            format!("&after={after}")
        };
        let mut page = desk
            .server
            .get(&format!("{path}?limit=100{cursor}"), &desk.api_key)?;
        let items: Vec<Value> = serde_json::from_value(page["data"].take())?;
        let more = !items.is_empty();
        all.extend(items);
        match page["next"].as_str() {
            Some(next) if more => next.clone_into(&mut after),
            _ => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests;
