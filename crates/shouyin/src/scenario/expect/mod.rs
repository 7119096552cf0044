//! What must be: after a step that says so, and at the end of every scenario.

mod books;

pub(super) use books::at_the_end;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::notice_answer::NoticeAnswer;
use super::play::endpoint_id;
use super::step::{Expect, ExpectDay, ExpectEndpoint, ExpectRefund, ExpectWebhooks, Step};
use super::world::World;

fn equal<T: PartialEq + Debug + ?Sized>(what: &str, got: &T, wanted: &T) -> anyhow::Result<()> {
    ensure!(got == wanted, "{what}: {got:?}, expected {wanted:?}");
    Ok(())
}

/// Equal, if it is asked for.
fn if_asked<T: PartialEq + Debug>(what: &str, got: &T, wanted: Option<&T>) -> anyhow::Result<()> {
    match wanted {
        Some(wanted) => equal(what, got, wanted),
        None => Ok(()),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// This member of every element.
fn each(list: &Value, member: &str) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    all.map(|one| text(&one[member])).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn check(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Expect(wanted) => payment(world, wanted).await?,
        Step::ExpectRefund(wanted) => refund(world, wanted).await?,
        Step::ExpectEvents(wanted) => {
            let mut events = world.events().await?;
            if let Some(order_no) = &wanted.of {
                let id = world.payment_id(order_no).await?;
                events.retain(|event| event["payment_id"] == id.as_str());
            }
            let got: Vec<String> = events.iter().map(|event| text(&event["type"])).collect();
            equal("events", &got, &wanted.expect_events)?;
        }
        Step::ExpectIncidents(wanted) => {
            let list = world.get("/v1/incidents?limit=100").await?;
            let mut got = each(&list["data"], "kind");
            got.reverse();
            equal("incidents", &got, &wanted.expect_incidents)?;
        }
        Step::ExpectCalls(wanted) => {
            let calls = calls(world).await?;
            for (operation, wanted) in &wanted.expect_calls {
                let got = calls.get(operation).copied().unwrap_or(0);
                equal(&format!("requests for {operation}"), &got, wanted)?;
            }
        }
        Step::ExpectAtMost(wanted) => {
            let calls = calls(world).await?;
            for (operation, most) in &wanted.expect_calls_at_most {
                let got = calls.get(operation).copied().unwrap_or(0);
                ensure!(
                    got <= *most,
                    "requests for {operation}: {got}, expected at most {most}"
                );
            }
        }
        Step::ExpectOrders(wanted) => {
            let orders = world.control.get("/orders").await?;
            let got = orders.as_array().map_or(0, Vec::len);
            equal("orders at WeChat", &got, &wanted.expect_orders_at_wechat)?;
        }
        Step::ExpectRefundsAtWechat(wanted) => {
            let refunds = world.control.get("/refunds").await?;
            let mut all = refunds.as_array().cloned().unwrap_or_default();
            all.sort_by_key(|refund| refund["created_at_ms"].as_i64());
            let got: Vec<String> = all.iter().map(|refund| text(&refund["status"])).collect();
            equal("refunds at WeChat", &got, &wanted.expect_refunds_at_wechat)?;
        }
        Step::ExpectNotifications(wanted) => {
            let all = world.control.get("/notifications").await?;
            let mut got = Vec::new();
            for delivery in all.as_array().into_iter().flatten() {
                let protocol = delivery["protocol"].as_str().unwrap_or_default();
                let attempts = delivery["attempts"].as_array().into_iter().flatten();
                got.extend(
                    attempts.map(|attempt| NoticeAnswer::of(attempt["status"].as_u64(), protocol)),
                );
            }
            equal(
                "answers to notifications",
                &got,
                &wanted.expect_notifications,
            )?;
        }
        Step::ExpectBalance(wanted) => {
            let balance = world.get("/v1/balance").await?;
            for (member, wanted) in &wanted.expect_balance {
                equal(member, &balance[member.as_str()], wanted)?;
            }
        }
        Step::ExpectWebhooks(wanted) => webhooks(world, wanted)?,
        Step::ExpectEndpoint(wanted) => endpoint(world, wanted).await?,
        Step::ExpectDay(wanted) => day(world, wanted).await?,
        Step::ExpectQr(wanted) => qr(world, &wanted.expect_qr, wanted.drawn).await?,
        Step::ExpectReady(wanted) => {
            let answer = world.send(world.shop("GET", "/readyz".to_owned())).await?;
            equal("ready", &(answer.status == 200), &wanted.expect_ready)?;
        }
        other => bail!("{other:?} expects nothing"),
    }
    Ok(String::new())
}

/// The picture is drawn in both forms, or is said not to be ready in both.
async fn qr(world: &World, order_no: &str, drawn: bool) -> anyhow::Result<()> {
    let id = world.payment_id(order_no).await?;
    for form in ["svg", "png"] {
        let path = format!("/v1/payments/{id}/qr.{form}");
        let answer = world.send(world.shop("GET", path)).await?;
        let wanted = (!drawn).then_some("qr_not_ready");
        equal(&format!("qr.{form}"), &answer.problem(), &wanted)?;
    }
    Ok(())
}

/// How many requests of each kind WeChat got so far.
async fn calls(world: &World) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut calls = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = world.control.get(&format!("/log?after={after}")).await?;
        let entries = page["entries"].as_array().cloned().unwrap_or_default();
        if entries.is_empty() {
            return Ok(calls);
        }
        for entry in &entries {
            if entry["kind"] == "request" {
                *calls.entry(text(&entry["operation"])).or_default() += 1;
            }
        }
        after = page["next"].as_u64().context("a page without next")?;
    }
}

async fn payment(world: &World, wanted: &Expect) -> anyhow::Result<()> {
    let found = world.payment(&wanted.expect).await?;
    if_asked("known", &found.is_some(), wanted.known.as_ref())?;
    let Some(payment) = found else {
        ensure!(
            wanted.known == Some(false),
            "our books know no payment {:?}",
            wanted.expect
        );
        return Ok(());
    };
    let state = text(&payment["state"]);
    if_asked("state", &state, wanted.state.as_ref())?;
    let late = payment["paid"]["late"].as_bool().unwrap_or(false);
    if_asked("late", &late, wanted.late.as_ref())?;
    let attempts = each(&payment["attempts"], "state");
    if_asked("attempts", &attempts, wanted.attempts.as_ref())?;
    let fen = |name: &str| payment[name].as_i64().unwrap_or(0);
    let refunded = fen("refunded_fen");
    if_asked("refunded_fen", &refunded, wanted.refunded_fen.as_ref())?;
    let refunding = fen("refunding_fen");
    if_asked("refunding_fen", &refunding, wanted.refunding_fen.as_ref())?;
    if let Some(wanted_refunds) = &wanted.refunds {
        let refunds = world.refunds(&wanted.expect).await?;
        let got: Vec<String> = refunds
            .iter()
            .map(|refund| text(&refund["state"]))
            .collect();
        equal("refunds", &got, wanted_refunds)?;
    }
    if let Some(wanted) = &wanted.at_wechat {
        let numbers = each(&payment["attempts"], "out_trade_no");
        let mut got = Vec::new();
        for number in &numbers {
            let found = world.control.get(&format!("/orders/{number}")).await;
            got.push(found.map_or_else(
                |_| "unknown".to_owned(),
                |order| text(&order["trade_state"]),
            ));
        }
        equal("orders at WeChat", &got, wanted)?;
    }
    Ok(())
}

async fn refund(world: &World, wanted: &ExpectRefund) -> anyhow::Result<()> {
    let refund = world.refund(&wanted.expect_refund).await?;
    if_asked("state", &text(&refund["state"]), wanted.state.as_ref())?;
    let fen = refund["amount_fen"].as_i64().unwrap_or(0);
    if_asked("amount_fen", &fen, wanted.fen.as_ref())?;
    if_asked("origin", &text(&refund["origin"]), wanted.origin.as_ref())?;
    let needed = refund["action_needed"].as_bool().unwrap_or(false);
    if_asked("action_needed", &needed, wanted.action_needed.as_ref())?;
    let trouble = text(&refund["trouble"]["wechat_code"]);
    if_asked("trouble", &trouble, wanted.trouble.as_ref())
}

async fn day(world: &World, wanted: &ExpectDay) -> anyhow::Result<()> {
    let path = format!("/v1/reconciliations/{}", wanted.expect_day);
    let day = world.get(&path).await?;
    if_asked("state", &text(&day["state"]), wanted.state.as_ref())?;
    let bill = &day["bill"];
    let count = |name: &str| bill[name].as_u64().unwrap_or(0);
    if_asked("payments", &count("payments"), wanted.payments.as_ref())?;
    if_asked("refunds", &count("refunds"), wanted.refunds.as_ref())?;
    let paid = bill["paid_fen"].as_i64().unwrap_or(0);
    if_asked("paid_fen", &paid, wanted.paid_fen.as_ref())?;
    let matched = day["matched"]["paid_fen"].as_i64().unwrap_or(0);
    if_asked("matched_fen", &matched, wanted.matched_fen.as_ref())?;
    let items = day["items"].as_array().into_iter().flatten();
    let differences: Vec<String> = items
        .map(|item| format!("{}: {}", text(&item["kind"]), text(&item["state"])))
        .collect();
    if_asked("differences", &differences, wanted.differences.as_ref())?;
    if let Some(wanted) = &wanted.trouble {
        let trouble = text(&day["trouble"]);
        ensure!(
            trouble.contains(wanted),
            "trouble: {trouble:?}, expected {wanted:?}"
        );
    }
    Ok(())
}

fn webhooks(world: &World, wanted: &ExpectWebhooks) -> anyhow::Result<()> {
    let endpoint = world.endpoints.get(&wanted.expect_webhooks);
    let messages = endpoint
        .and_then(|endpoint| endpoint.receiver.as_ref())
        .with_context(|| format!("the shop has no receiver {:?}", wanted.expect_webhooks))?
        .messages();
    if let Some(wanted) = &wanted.got {
        let mut seen = BTreeSet::new();
        let mut got: Vec<String> = messages
            .iter()
            .filter(|message| message.taken && seen.insert(message.id.clone()))
            .map(|message| message.event_type.clone())
            .collect();
        // Webhooks promise no order: what is due together is sent together.
        let mut wanted = wanted.clone();
        got.sort();
        wanted.sort();
        equal("webhooks", &got, &wanted)?;
    }
    let count = messages.len();
    if_asked("messages", &count, wanted.messages.as_ref())?;
    if let Some(least) = wanted.at_least {
        ensure!(
            count >= least,
            "messages: {count}, expected at least {least}"
        );
    }
    let signatures = messages.last().map_or(0, |message| message.signatures);
    if_asked("signatures", &signatures, wanted.signatures.as_ref())
}

async fn endpoint(world: &World, wanted: &ExpectEndpoint) -> anyhow::Result<()> {
    let id = endpoint_id(world, &wanted.expect_endpoint)?;
    let endpoint = world.get(&format!("/v1/webhook_endpoints/{id}")).await?;
    if_asked("state", &text(&endpoint["state"]), wanted.state.as_ref())?;
    for (state, wanted) in [
        ("pending", wanted.pending),
        ("delivered", wanted.delivered),
        ("failed", wanted.failed),
    ] {
        if let Some(wanted) = wanted {
            let path = format!("/v1/webhook_endpoints/{id}/deliveries?limit=100&state={state}");
            let list = world.get(&path).await?;
            let got = list["data"].as_array().map_or(0, Vec::len);
            equal(&format!("{state} deliveries"), &got, &wanted)?;
        }
    }
    Ok(())
}
