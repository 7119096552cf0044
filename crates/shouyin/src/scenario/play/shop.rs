//! What the shop's backend does.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use shouyin_core::product::Product;

use super::check;
use crate::scenario::app::ShopApp;
use crate::scenario::step::{Create, Endpoint, Refund, Step};
use crate::scenario::world::receiver::Receiver;
use crate::scenario::world::{Answer, Call, ShopEndpoint, World};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Create(create) => {
            let call = create_call(world, create)?;
            if create.later {
                world.send_later(call, None).await?;
                return Ok(String::new());
            }
            let answer = world.send(call).await?;
            if let Some(id) = answer.body["id"].as_str() {
                world.ids.insert(create.create.clone(), id.to_owned());
            }
            check(&answer, create.answers.as_deref())
        }
        Step::Revise(revise) => {
            let id = world.payment_id(&revise.revise).await?;
            let mut body = json!({});
            if let Some(fen) = revise.fen {
                body["amount_fen"] = json!(fen);
            }
            if let Some(description) = &revise.description {
                body["description"] = json!(description);
            }
            if let Some(attach) = &revise.attach {
                body["attach"] = json!(attach);
            }
            let call = post(world, format!("/v1/payments/{id}/revise"), Some(body));
            finish(world, call, revise.later, revise.answers.as_deref()).await
        }
        Step::Close(close) => {
            let id = world.payment_id(&close.close).await?;
            let call = post(world, format!("/v1/payments/{id}/close"), None);
            finish(world, call, close.later, close.answers.as_deref()).await
        }
        Step::Sync(sync) => {
            let id = world.payment_id(&sync.sync).await?;
            let call = post(world, format!("/v1/payments/{id}/sync"), None);
            finish(world, call, false, sync.answers.as_deref()).await
        }
        Step::Refund(refund) => refund_now(world, refund).await,
        Step::SyncRefund(sync) => {
            let refund = world.refund(&sync.sync_refund).await?;
            let id = refund["id"].as_str().unwrap_or_default();
            let call = post(world, format!("/v1/refunds/{id}/sync"), None);
            finish(world, call, false, sync.answers.as_deref()).await
        }
        Step::Remedy(remedy) => {
            let refund = world.refund(&remedy.remedy).await?;
            let id = refund["id"].as_str().unwrap_or_default();
            let body = match remedy.to.as_str() {
                "user_bank_card" => json!({
                    "type": "user_bank_card", "bank_type": "CMB_DEBIT",
                    "account": "6225760000000000", "name": "张三",
                }),
                "merchant_bank_card" => json!({ "type": "merchant_bank_card" }),
                other => bail!("to is user_bank_card or merchant_bank_card, not {other:?}"),
            };
            let call = post(world, format!("/v1/refunds/{id}/remedy"), Some(body));
            finish(world, call, false, remedy.answers.as_deref()).await
        }
        Step::RunDay(run) => {
            let path = format!("/v1/reconciliations/{}/run", run.run_day);
            let call = post(world, path, None);
            finish(world, call, false, run.answers.as_deref()).await
        }
        Step::Endpoint(endpoint) => register(world, endpoint).await,
        Step::SendAgain(again) => {
            let id = endpoint_id(world, &again.send_again)?;
            let body = json!({ "after": "0", "only_failed": again.only_failed });
            let call = post(
                world,
                format!("/v1/webhook_endpoints/{id}/resend"),
                Some(body),
            );
            finish(world, call, false, None).await
        }
        Step::Enable(enable) => {
            let id = endpoint_id(world, &enable.enable)?;
            let mut call = world.shop("PATCH", format!("/v1/webhook_endpoints/{id}"));
            call.body = Some(json!({ "enabled": true }));
            finish(world, call, false, None).await
        }
        Step::RotateSecret(rotate) => {
            let id = endpoint_id(world, &rotate.rotate_secret)?;
            let body = json!({ "overlap_seconds": rotate.overlap.0 / 1000 });
            let path = format!("/v1/webhook_endpoints/{id}/rotate_secret");
            let call = post(world, path, Some(body));
            let answer = world.send(call).await?;
            let done = check(&answer, None)?;
            keep_secret(world, &rotate.rotate_secret, &answer);
            Ok(done)
        }
        other => bail!("{other:?} is no step of the shop"),
    }
}

/// A POST of the shop, under an idempotency key of its own.
pub(super) fn post(world: &mut World, path: String, body: Option<Value>) -> Call {
    let key = world.fresh_key();
    let mut call = world.shop("POST", path);
    call.key = Some(key);
    call.body = body;
    call
}

async fn finish(
    world: &mut World,
    call: Call,
    later: bool,
    wanted: Option<&str>,
) -> anyhow::Result<String> {
    if later {
        world.send_later(call, None).await?;
        return Ok(String::new());
    }
    check(&world.send(call).await?, wanted)
}

/// As a careful shop does it: the idempotency key belongs to the order, so that asking again is the same request.
pub(super) fn create_call(world: &World, create: &Create) -> anyhow::Result<Call> {
    let mut body = json!({
        "order_no": create.create,
        "amount_fen": create.fen,
        "description": create.description.as_deref().unwrap_or("拿铁 Latte"),
    });
    if let Some(attach) = &create.attach {
        body["attach"] = json!(attach);
    }
    if let Some(expires) = create.expires {
        body["expires_in_seconds"] = json!(expires.0 / 1000);
    }
    let product = world.product();
    // The only app of a shop that sells in mini programs alone need not be named.
    if product != Product::default() || create.app.is_some() {
        let app = create.app.unwrap_or(ShopApp::of(product));
        body["product"] = json!(product.as_str());
        body["appid"] = json!(world.appid_of(app)?);
    }
    let mut call = world.shop("POST", "/v1/payments".to_owned());
    call.key = Some(format!("create-{}", create.create));
    call.body = Some(body);
    Ok(call)
}

async fn refund_now(world: &mut World, refund: &Refund) -> anyhow::Result<String> {
    let payment = world
        .payment(&refund.refund)
        .await?
        .with_context(|| format!("our books know no payment {:?}", refund.refund))?;
    let id = payment["id"].as_str().unwrap_or_default().to_owned();
    let mut calls = Vec::new();
    for index in 1..=refund.times {
        let no = if refund.times == 1 {
            refund.no.clone()
        } else {
            format!("{}-{index}", refund.no)
        };
        let mut body = json!({ "refund_no": no });
        if let Some(fen) = refund.fen {
            body["amount_fen"] = json!(fen);
        }
        if let Some(reason) = &refund.reason {
            body["reason"] = json!(reason);
        }
        if let Some(attempt) = refund.attempt {
            let attempt = &payment["attempts"][attempt.saturating_sub(1)];
            body["out_trade_no"] = attempt["out_trade_no"].clone();
        }
        let mut call = world.shop("POST", format!("/v1/payments/{id}/refunds"));
        call.key = Some(format!("refund-{no}"));
        call.body = Some(body);
        calls.push(call);
    }
    if refund.times == 1
        && let Some(call) = calls.pop()
    {
        return finish(world, call, refund.later, refund.answers.as_deref()).await;
    }
    let all = calls.into_iter().map(|call| world.send(call));
    let answers = futures_util::future::try_join_all(all).await?;
    let mut taken = 0_u32;
    for answer in &answers {
        match answer.problem() {
            None => taken += 1,
            Some(_) => {
                check(answer, refund.answers.as_deref())?;
            }
        }
    }
    Ok(format!("{taken}/{}", refund.times))
}

async fn register(world: &mut World, endpoint: &Endpoint) -> anyhow::Result<String> {
    let receiver = match &endpoint.url {
        Some(_) => None,
        None => Some(Receiver::start(std::sync::Arc::clone(&world.clock)).await?),
    };
    let url = endpoint
        .url
        .clone()
        .or_else(|| receiver.as_ref().map(Receiver::url))
        .unwrap_or_default();
    let body = json!({
        "url": url, "description": endpoint.endpoint, "event_types": endpoint.events,
    });
    let call = post(world, "/v1/webhook_endpoints".to_owned(), Some(body));
    let answer = world.send(call).await?;
    let done = check(&answer, endpoint.answers.as_deref())?;
    if answer.problem().is_none() {
        let id = answer.body["id"].as_str().unwrap_or_default().to_owned();
        let kept = ShopEndpoint { id, receiver };
        world.endpoints.insert(endpoint.endpoint.clone(), kept);
        keep_secret(world, &endpoint.endpoint, &answer);
    }
    Ok(done)
}

fn keep_secret(world: &World, name: &str, answer: &Answer) {
    let receiver = world
        .endpoints
        .get(name)
        .and_then(|endpoint| endpoint.receiver.as_ref());
    if let (Some(receiver), Some(secret)) = (receiver, answer.body["secret"].as_str()) {
        receiver.add_secret(secret.to_owned());
    }
}

pub(in crate::scenario) fn endpoint_id(world: &World, name: &str) -> anyhow::Result<String> {
    let endpoint = world.endpoints.get(name);
    endpoint
        .map(|endpoint| endpoint.id.clone())
        .with_context(|| format!("the shop has no endpoint {name:?}"))
}
