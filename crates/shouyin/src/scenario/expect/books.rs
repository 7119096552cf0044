//! At the end of every scenario.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::{equal, text};
use crate::scenario::file::Setup;
use crate::scenario::world::World;
use crate::scenario::world::receiver::Receiver;

/// Our books say what WeChat's say, every fact was told once, and every message to the shop was signed and its copies
/// were the same.
pub(in crate::scenario) async fn at_the_end(world: &World, setup: &Setup) -> anyhow::Result<()> {
    let findings = world.control.get("/findings").await?;
    let found = findings.as_array().map_or(0, Vec::len);
    ensure!(
        found == setup.findings,
        "what a receiver of notifications must not do: {findings}"
    );
    for (name, endpoint) in &world.endpoints {
        let messages = endpoint.receiver.iter().flat_map(Receiver::messages);
        let mut bodies = BTreeMap::new();
        for message in messages {
            let id = message.id;
            if let Some(problem) = message.problem {
                bail!("webhook {id} to {name}: {problem}");
            }
            let first = bodies.entry(id.clone()).or_insert(message.body.clone());
            ensure!(
                *first == message.body,
                "webhook {id} to {name}: a copy says something else"
            );
        }
    }
    if setup.books_stay_open || world.process.is_none() {
        return Ok(());
    }
    let (payments, refunds) = books(world).await?;
    let orders = of_this_merchant(world.control.get("/orders").await?);
    let at_wechat = of_this_merchant(world.control.get("/refunds").await?);
    orders_agree(&payments, &orders)?;
    refunds_agree(&refunds, &at_wechat)?;
    told_once(world, &payments).await?;
    let paid: i64 = orders.iter().map(paid_fen).sum();
    let back: i64 = at_wechat
        .iter()
        .filter(|refund| refund["status"] == "SUCCESS")
        .filter_map(|refund| refund["refund_fen"].as_i64())
        .sum();
    let balance = world.get("/v1/balance").await?;
    equal("cash_fen", &balance["cash_fen"], &Value::from(paid - back))
}

fn paid_fen(order: &Value) -> i64 {
    if matches!(order["trade_state"].as_str(), Some("SUCCESS" | "REFUND")) {
        order["amount_fen"].as_i64().unwrap_or(0)
    } else {
        0
    }
}

fn of_this_merchant(list: Value) -> Vec<Value> {
    let Value::Array(mut all) = list else {
        return Vec::new();
    };
    all.retain(|one| one["mchid"] == World::mchid());
    all
}

/// All our payments and refunds.
async fn books(world: &World) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let mut all = Vec::new();
    for what in ["payments", "refunds"] {
        let mut rows = Vec::new();
        let mut path = format!("/v1/{what}?limit=100");
        loop {
            let page = world.get(&path).await?;
            rows.extend(page["data"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => path = format!("/v1/{what}?limit=100&after={next}"),
                None => break,
            }
        }
        all.push(rows);
    }
    let refunds = all.pop().unwrap_or_default();
    Ok((all.pop().unwrap_or_default(), refunds))
}

fn orders_agree(payments: &[Value], orders: &[Value]) -> anyhow::Result<()> {
    let mut known = BTreeMap::new();
    for payment in payments {
        for attempt in payment["attempts"].as_array().into_iter().flatten() {
            let order_no = text(&payment["order_no"]);
            known.insert(
                text(&attempt["out_trade_no"]),
                (order_no, text(&attempt["state"])),
            );
        }
    }
    for order in orders {
        let number = text(&order["out_trade_no"]);
        let paid = paid_fen(order) > 0;
        let Some((order_no, state)) = known.remove(&number) else {
            ensure!(
                !paid,
                "WeChat has money for {number}, our books know no such order"
            );
            continue;
        };
        let at_wechat = text(&order["trade_state"]);
        ensure!(
            paid == (state == "paid"),
            "{order_no}: the attempt is {state}, WeChat says {at_wechat}"
        );
    }
    for (number, (order_no, state)) in known {
        ensure!(
            state != "paid" && state != "open",
            "{order_no}: attempt {number} is {state}, WeChat knows no such order"
        );
    }
    Ok(())
}

fn refunds_agree(ours: &[Value], at_wechat: &[Value]) -> anyhow::Result<()> {
    let mut states: BTreeMap<String, String> = ours
        .iter()
        .map(|refund| (text(&refund["out_refund_no"]), text(&refund["state"])))
        .collect();
    for refund in at_wechat {
        let number = text(&refund["out_refund_no"]);
        let status = text(&refund["status"]);
        let state = states
            .remove(&number)
            .with_context(|| format!("our books know no refund {number}, WeChat says {status}"))?;
        let agree = match status.as_str() {
            "SUCCESS" => state == "succeeded",
            "CLOSED" => state == "closed",
            "ABNORMAL" => state == "abnormal",
            _ => state == "processing" || state == "recorded",
        };
        ensure!(agree, "refund {number} is {state}, WeChat says {status}");
    }
    for (number, state) in states {
        ensure!(
            matches!(state.as_str(), "recorded" | "rejected"),
            "refund {number} is {state}, WeChat knows no such refund"
        );
    }
    Ok(())
}

/// Each payment is told paid once, each refund told ended once.
async fn told_once(world: &World, payments: &[Value]) -> anyhow::Result<()> {
    let mut told: BTreeMap<(String, String), u32> = BTreeMap::new();
    for event in world.events().await? {
        let kind = match event["type"].as_str().unwrap_or_default() {
            "payment.paid" | "payment.paid_late" => "paid",
            "refund.succeeded" => "succeeded",
            _ => continue,
        };
        let about = if kind == "paid" {
            "payment_id"
        } else {
            "refund_id"
        };
        *told
            .entry((kind.to_owned(), text(&event[about])))
            .or_default() += 1;
    }
    for ((kind, id), count) in &told {
        ensure!(*count == 1, "{id} was told {kind} {count} times");
    }
    for payment in payments {
        let id = text(&payment["id"]);
        let was_told = told.contains_key(&("paid".to_owned(), id.clone()));
        ensure!(
            was_told == (payment["state"] == "paid"),
            "{id} is {}, told paid: {was_told}",
            payment["state"]
        );
    }
    Ok(())
}
