//! What WeChat does, and whoever pretends to be WeChat: the simulator's switches.

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::scenario::step::{FaultSwitch, Step};
use crate::scenario::variant::Protocol;
use crate::scenario::world::{OTHER_MCHID, World};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::FaultSwitch(fault) => throw_fault(world, fault).await?,
        Step::ClearFaults(_) => world.control.clear_faults().await?,
        Step::Assume(assume) => {
            let changes = serde_json::to_value(&assume.assume)?;
            world.control.patch("/assumptions", &changes).await?;
        }
        Step::Forge(forge) => {
            let number = out_trade_no(world, &forge.forge).await?;
            let flaw = forge.flaw.as_deref().unwrap_or("wrong_signature");
            let body = json!({ "out_trade_no": number, "flaw": flaw });
            world.control.post("/notifications/forge", body).await?;
        }
        Step::Replay(replay) => {
            let delivery = last_delivery(world, &replay.replay, None).await?;
            let url = match replay.to.as_deref() {
                None => None,
                Some("other_merchant") => Some(world.notify_url(OTHER_MCHID)),
                Some(other) => bail!("to is other_merchant, not {other:?}"),
            };
            let path = format!("/notifications/{delivery}/replay");
            world.control.post(&path, json!({ "url": url })).await?;
        }
        Step::SendNotificationAgain(again) => {
            let delivery =
                last_delivery(world, &again.notify_again, again.of_refund.as_deref()).await?;
            let path = format!("/notifications/{delivery}/resend");
            world.control.post(&path, json!({})).await?;
        }
        Step::Misreport(misreport) => {
            let number = out_trade_no(world, &misreport.misreport).await?;
            let refund = match &misreport.of_refund {
                Some(name) => world.refund(name).await?["out_refund_no"].clone(),
                None => Value::Null,
            };
            let body = json!({
                "out_trade_no": number, "out_refund_no": refund, "changes": misreport.says,
            });
            world.control.post("/notifications/misreport", body).await?;
        }
        Step::ConsoleRefund(refund) => {
            let number = out_trade_no(world, &refund.console_refund).await?;
            let body = json!({
                "out_trade_no": number, "refund_fen": refund.fen, "out_refund_no": refund.no,
            });
            world.control.post("/refunds", body).await?;
        }
        Step::FinishRefund(finish) => {
            let refund = world.refund(&finish.finish_refund).await?;
            let number = refund["out_refund_no"].as_str().unwrap_or_default();
            let path = format!("/refunds/{number}/finish");
            world
                .control
                .post(&path, json!({ "to": finish.to }))
                .await?;
        }
        Step::SetBalance(balance) => {
            let fen = (balance.balance >= 0).then_some(balance.balance);
            let body = json!({ "mchid": World::mchid(), "balance_fen": fen });
            world.control.post("/balance", body).await?;
        }
        Step::SignWith(sign) => {
            let body = json!({ "mchid": World::mchid(), "to": sign.sign_with });
            world.control.post("/keys/switch", body).await?;
        }
        Step::Rotate(rotate) => {
            let body = json!({ "mchid": World::mchid(), "step": rotate.rotate });
            world.control.post("/keys/rotate", body).await?;
        }
        Step::NewKey(_) => new_key(world).await?,
        Step::NewCertificate(_) => {
            let body = json!({ "mchid": World::mchid() });
            let path = "/keys/replace-merchant-certificate";
            let made = world.control.post(path, body).await?;
            let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
            let merchant = world.merchant_mut()?;
            merchant.settings.serial_no = text("serial_no");
            merchant.credentials.merchant_key_pem = text("private_key_pem");
            merchant.credentials.merchant_certificate_pem = text("certificate_pem");
        }
        Step::PrimaryDomain(domain) => match domain.primary_domain.as_str() {
            "down" => world.set_domain(false).await?,
            "up" => world.set_domain(true).await?,
            other => bail!("primary_domain is up or down, not {other:?}"),
        },
        Step::Release(_) => {
            world.control.post("/held/release", json!({})).await?;
        }
        Step::ReplaceToken(_) => {
            let body = json!({ "appid": World::appid() });
            world.control.post("/access-token/replace", body).await?;
        }
        other => bail!("{other:?} is no step of WeChat"),
    }
    Ok(String::new())
}

async fn new_key(world: &mut World) -> anyhow::Result<()> {
    let body = json!({ "mchid": World::mchid() });
    let text = |made: &Value, name: &str| made[name].as_str().unwrap_or_default().to_owned();
    match world.protocol() {
        Protocol::V3 => {
            let made = world.control.post("/keys/apiv3", body).await?;
            let key = text(&made, "apiv3_key");
            let merchant = world.merchant_mut()?;
            merchant.settings.apiv3_key.clone_from(&key);
            merchant.credentials.api_v3_key = key;
        }
        Protocol::V2 => {
            let made = world.control.post("/keys/api", body).await?;
            let key = text(&made, "api_key");
            let merchant = world.merchant_mut()?;
            merchant.settings.api_key.clone_from(&key);
            merchant.credentials.api_key = key;
        }
    }
    Ok(())
}

async fn throw_fault(world: &World, fault: &FaultSwitch) -> anyhow::Result<()> {
    let mut body = json!({ "fault": fault.fault, "times": fault.times });
    let number = match &fault.of {
        Some(order_no) => Some(out_trade_no(world, order_no).await?),
        None => None,
    };
    let details = [
        ("out_trade_no", number.map(|it| json!(it))),
        ("operation", fault.at.as_ref().map(|it| json!(it))),
        ("delay_ms", fault.delay.map(|it| json!(it.0))),
        ("status", fault.status.map(|it| json!(it))),
        ("code", fault.code.as_ref().map(|it| json!(it))),
        ("message", fault.message.as_ref().map(|it| json!(it))),
    ];
    for (name, value) in details {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    world.control.post("/faults", body).await?;
    Ok(())
}

/// The number of a payment's newest attempt.
async fn out_trade_no(world: &World, order_no: &str) -> anyhow::Result<String> {
    let payment = world.payment(order_no).await?;
    let attempts = payment
        .as_ref()
        .and_then(|payment| payment["attempts"].as_array());
    let newest = attempts.and_then(|all| all.last());
    newest
        .and_then(|attempt| attempt["out_trade_no"].as_str())
        .map(str::to_owned)
        .with_context(|| format!("{order_no} was never taken to WeChat"))
}

/// The last genuine notification about a payment, or about a refund of it (by its place in WeChat's list, if the name is
/// not known to us).
async fn last_delivery(world: &World, order_no: &str, refund: Option<&str>) -> anyhow::Result<u64> {
    let number = out_trade_no(world, order_no).await?;
    let all = world.control.get("/notifications").await?;
    let fits = |delivery: &&Value| {
        delivery["genuine"] == true
            && delivery["out_trade_no"] == number.as_str()
            && delivery["out_refund_no"].is_string() == refund.is_some()
    };
    let found = all.as_array().into_iter().flatten().rev().find(fits);
    found
        .and_then(|delivery| delivery["delivery"].as_u64())
        .with_context(|| format!("WeChat has sent no such notification about {order_no}"))
}
