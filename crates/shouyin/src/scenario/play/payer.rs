//! What payers do on their phones.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use shouyin_core::product::{AskedBy, Product};

use super::{cashier, login, outcome, same, shop, till};
use crate::scenario::app::ShopApp;
use crate::scenario::step::{Pay, Step, Tap};
use crate::scenario::world::{Call, World};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Login(it) => login::take(world, it).await,
        Step::Tap(it) => tap(world, it).await,
        Step::Answered(answered) => {
            let (request, tap) = world
                .later
                .pop_front()
                .context("nothing was sent later whose answer is still to come")?;
            let answer = request.await??;
            if let Some((who, order_no)) = tap {
                cashier::keep(world, &who, &order_no, &answer);
            }
            same(&outcome(&answer), &answered.answered)
        }
        Step::Pay(it) => pay(world, it).await,
        Step::Confirm(confirm) => {
            let call = match world.product().asked_by() {
                AskedBy::Payer => {
                    phone_call(world, &confirm.confirm, &confirm.by, None, "confirm").await?
                }
                AskedBy::Merchant | AskedBy::Till => {
                    let id = world.payment_id(&confirm.confirm).await?;
                    shop::post(world, format!("/v1/payments/{id}/sync"), None)
                }
            };
            let got = outcome(&world.send(call).await?);
            match &confirm.answers {
                Some(wanted) => same(&got, wanted),
                None => Ok(got),
            }
        }
        Step::PhoneNumber(wanted) => {
            let user = json!({ "user": wanted.phone_number });
            let code = world.control.post("/phone-codes", user).await?;
            let got = phone_number(world, &code).await?;
            match &wanted.answers {
                Some(wanted) => same(&got, wanted),
                None => same(&got, "ok"),
            }
        }
        other => bail!("{other:?} is no step of the payer"),
    }
}

/// A call from this user's phone, with its session in the app where the shop sells, or in this one.
async fn phone_call(
    world: &mut World,
    order_no: &str,
    who: &str,
    app: Option<ShopApp>,
    what: &str,
) -> anyhow::Result<Call> {
    let app = app.unwrap_or(ShopApp::of(world.product()));
    let bearer = login::session(world, app, who).await?;
    let id = world.payment_id(order_no).await?;
    Ok(Call {
        method: "POST",
        path: format!("/mp/v1/payments/{id}/{what}"),
        bearer,
        key: None,
        body: Some(json!({})),
    })
}

async fn tap(world: &mut World, tap: &Tap) -> anyhow::Result<String> {
    let mut calls = Vec::new();
    match world.product().asked_by() {
        AskedBy::Payer => {
            let call = phone_call(world, &tap.tap, &tap.by, tap.app, "pay").await?;
            calls.extend((0..tap.times).map(|_| call.clone()));
        }
        AskedBy::Merchant => {
            let path = format!("/v1/payments/{}/pay", world.payment_id(&tap.tap).await?);
            let body = if world.product() == Product::H5 {
                json!({
                    "payer_ip": address(&tap.by), "redirect_url": "https://shop.example.com/back",
                })
            } else {
                json!({})
            };
            // Every tap of the payer's is a request of its own.
            calls.extend(
                (0..tap.times).map(|_| shop::post(world, path.clone(), Some(body.clone()))),
            );
        }
        AskedBy::Till => {
            ensure!(
                tap.answers.is_none() && !tap.later && tap.times == 1,
                "a payment code is only shown: what is answered is said where it is scanned"
            );
            return till::show(world, &tap.by, None, None).await;
        }
    }
    if tap.later {
        let call = calls.pop().context("a tap at least once")?;
        let whose = Some((tap.by.clone(), tap.tap.clone()));
        world.send_later(call, whose).await?;
        return Ok(String::new());
    }
    let taps = calls.into_iter().map(|call| world.send(call));
    let answers = futures_util::future::try_join_all(taps).await?;
    let wanted = tap.answers.as_deref().unwrap_or("ready");
    for answer in &answers {
        same(&outcome(answer), wanted)?;
        cashier::keep(world, &tap.by, &tap.tap, answer);
    }
    Ok(wanted.to_owned())
}

/// Where this user's browser is, of the addresses that are for documentation.
fn address(who: &str) -> String {
    let sum: u32 = who.bytes().map(u32::from).sum();
    format!("203.0.113.{}", sum % 254 + 1)
}

async fn pay(world: &mut World, pay: &Pay) -> anyhow::Result<String> {
    if world.product().asked_by() != AskedBy::Till {
        return cashier::pay(world, pay).await;
    }
    ensure!(
        pay.cashier.is_none() && pay.refused.is_none() && pay.action == "pay",
        "a till has no cashier: show_code and scan say more"
    );
    till::scan(world, &till::plain_scan(&pay.pay, &pay.by)).await
}

async fn phone_number(world: &mut World, code: &Value) -> anyhow::Result<String> {
    if world.mini_program.is_none() {
        use wechat_miniprogram::http::{HttpOptions, HttpTransport};
        let transport = HttpTransport::new(HttpOptions::at(world.api_base_url()?))?;
        let clock = std::sync::Arc::clone(&world.clock);
        world.mini_program = Some(wechat_miniprogram::Client::new(
            World::appid(),
            wechat_miniprogram::AppSecret::new(world.app_secret()?),
            std::sync::Arc::new(transport),
            std::sync::Arc::new(move || clock.now_ms() / 1000),
        ));
    }
    let client = world.mini_program.as_ref().context("no client")?;
    let path = "/wxa/business/getuserphonenumber";
    match client.post(path, code).await {
        Ok(answer) if answer["phone_info"]["purePhoneNumber"].is_string() => Ok("ok".to_owned()),
        Ok(answer) => bail!("no number in {answer}"),
        Err(why) => Ok(why.to_string()),
    }
}
