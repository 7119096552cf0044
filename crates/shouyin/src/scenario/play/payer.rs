//! What payers do on their phones.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::{check, outcome, same};
use crate::scenario::step::{Pay, Step, Tap};
use crate::scenario::world::{Answer, Call, World};

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Login(login) => {
            log_in(world, &login.login, login.again, login.answers.as_deref()).await
        }
        Step::Tap(tap) => tap_pay(world, tap).await,
        Step::Answered(answered) => {
            let (request, tap) = world
                .later
                .pop_front()
                .context("nothing was sent later whose answer is still to come")?;
            let answer = request.await??;
            if let Some((who, order_no)) = tap {
                keep_cashier(world, &who, &order_no, &answer);
            }
            same(&outcome(&answer), &answered.answered)
        }
        Step::Pay(pay) => pay_at_the_cashier(world, pay).await,
        Step::Confirm(confirm) => {
            let call = phone_call(world, &confirm.confirm, &confirm.by, "confirm").await?;
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

async fn log_in(
    world: &mut World,
    who: &str,
    again: bool,
    wanted: Option<&str>,
) -> anyhow::Result<String> {
    let known = world
        .phones
        .get(who)
        .and_then(|phone| phone.code.clone())
        .filter(|_| again);
    let code = match known {
        Some(code) => code,
        None => {
            let made = world
                .control
                .post(
                    "/login-codes",
                    json!({ "appid": World::appid(), "user": who }),
                )
                .await?;
            made["code"].as_str().unwrap_or_default().to_owned()
        }
    };
    let call = Call {
        method: "POST",
        path: "/mp/v1/login".to_owned(),
        bearer: None,
        key: None,
        body: Some(json!({ "appid": World::appid(), "code": code })),
    };
    let answer = world.send(call).await?;
    let phone = world.phones.entry(who.to_owned()).or_default();
    phone.code = Some(code);
    if let Some(token) = answer.body["session_token"].as_str() {
        phone.session = Some(token.to_owned());
    }
    check(&answer, wanted)
}

async fn phone_call(
    world: &mut World,
    order_no: &str,
    who: &str,
    what: &str,
) -> anyhow::Result<Call> {
    let session = |world: &World| {
        world
            .phones
            .get(who)
            .and_then(|phone| phone.session.clone())
    };
    if session(world).is_none() {
        log_in(world, who, false, None).await?;
    }
    let id = world.payment_id(order_no).await?;
    Ok(Call {
        method: "POST",
        path: format!("/mp/v1/payments/{id}/{what}"),
        bearer: session(world),
        key: None,
        body: Some(json!({})),
    })
}

async fn tap_pay(world: &mut World, tap: &Tap) -> anyhow::Result<String> {
    let call = phone_call(world, &tap.tap, &tap.by, "pay").await?;
    if tap.later {
        world
            .send_later(call, Some((tap.by.clone(), tap.tap.clone())))
            .await?;
        return Ok(String::new());
    }
    let taps = (0..tap.times).map(|_| world.send(call.clone()));
    let answers = futures_util::future::try_join_all(taps).await?;
    let wanted = tap.answers.as_deref().unwrap_or("ready");
    for answer in &answers {
        same(&outcome(answer), wanted)?;
        keep_cashier(world, &tap.by, &tap.tap, answer);
    }
    Ok(wanted.to_owned())
}

fn keep_cashier(world: &mut World, who: &str, order_no: &str, answer: &Answer) {
    let parameters = &answer.body["request_payment"];
    if parameters.is_object() {
        let phone = world.phones.entry(who.to_owned()).or_default();
        let cashiers = phone.cashiers.entry(order_no.to_owned()).or_default();
        cashiers.push(parameters.clone());
    }
}

async fn pay_at_the_cashier(world: &World, pay: &Pay) -> anyhow::Result<String> {
    let cashiers = world
        .phones
        .get(&pay.by)
        .and_then(|phone| phone.cashiers.get(&pay.pay));
    let parameters = match pay.cashier.as_deref() {
        None | Some("newest" | "opened") => cashiers.and_then(|all| all.last()),
        Some("first") => cashiers.and_then(|all| all.first()),
        Some(other) => bail!("cashier is newest, first or opened, not {other:?}"),
    };
    let mut refusal = None;
    let prepay_id = match parameters {
        Some(parameters) if pay.cashier.as_deref() == Some("opened") => prepay_id_of(parameters),
        Some(parameters) => {
            let mut open = parameters.clone();
            open["appid"] = json!(World::appid());
            open["user"] = json!(pay.by);
            let (status, answer) = world.control.try_post("/cashier/open", &open).await?;
            if status != 200 {
                refusal = Some(answer);
            }
            prepay_id_of(parameters)
        }
        None => newest_prepay_id(world, &pay.by).await?,
    };
    if refusal.is_none() {
        let body = json!({ "prepay_id": prepay_id, "user": pay.by, "action": pay.action });
        let (status, answer) = world.control.try_post("/cashier/pay", &body).await?;
        if status == 200 {
            ensure!(
                pay.refused.is_none(),
                "the cashier takes it, expected a refusal"
            );
            let told = answer["errMsg"].as_str().or(answer["message"].as_str());
            return Ok(told.unwrap_or_default().to_owned());
        }
        refusal = Some(answer);
    }
    let refusal = refusal.unwrap_or_default();
    let reason = refusal["reason"].as_str().unwrap_or_default();
    match &pay.refused {
        Some(wanted) if reason.contains(wanted) => Ok(reason.to_owned()),
        Some(wanted) => bail!("the cashier says {reason:?}, expected {wanted:?}"),
        None => bail!("the cashier refuses: {reason}"),
    }
}

fn prepay_id_of(parameters: &Value) -> String {
    let package = parameters["package"].as_str().unwrap_or_default();
    package.trim_start_matches("prepay_id=").to_owned()
}

/// What WeChat's books know although the phone was told nothing.
async fn newest_prepay_id(world: &World, who: &str) -> anyhow::Result<String> {
    let orders = world.control.get(&format!("/orders?user={who}")).await?;
    let newest = orders
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|order| order["prepay_id"].as_str());
    newest
        .map(str::to_owned)
        .with_context(|| format!("WeChat has no order that {who} could pay"))
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
