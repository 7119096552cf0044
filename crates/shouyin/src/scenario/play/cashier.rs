//! WeChat's cashier: how the payer comes there with what the shop gave, and what the payer does in it.

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use shouyin_core::product::Product;

use crate::scenario::app::ShopApp;
use crate::scenario::step::Pay;
use crate::scenario::world::{Answer, World};

/// Keeps what a tap gave where it is used: on the phone that asked, or for everybody to see.
pub(super) fn keep(world: &mut World, who: &str, order_no: &str, answer: &Answer) {
    let parameters = &answer.body["request_payment"];
    if parameters.is_object() {
        let phone = world.phones.entry(who.to_owned()).or_default();
        let cashiers = phone.cashiers.entry(order_no.to_owned()).or_default();
        cashiers.push(parameters.clone());
    }
    let shown = ["code_url", "h5_url", "app"].map(|name| &answer.body[name]);
    for means in shown.into_iter().filter(|means| !means.is_null()) {
        let all = world.shown.entry(order_no.to_owned()).or_default();
        all.push(means.clone());
    }
}

pub(super) async fn pay(world: &World, pay: &Pay) -> anyhow::Result<String> {
    let phone = world.phones.get(&pay.by);
    let own = phone.and_then(|phone| phone.cashiers.get(&pay.pay));
    let means = own.or_else(|| world.shown.get(&pay.pay));
    let means = match pay.cashier.as_deref() {
        None | Some("newest" | "opened") => means.and_then(|all| all.last()),
        Some("first") => means.and_then(|all| all.first()),
        Some(other) => bail!("cashier is newest, first or opened, not {other:?}"),
    };
    let was_opened = pay.cashier.as_deref() == Some("opened");
    let came = match means {
        Some(means) if !was_opened => open(world, &pay.by, means).await?,
        Some(means) => Ok(opened(world, means).await?),
        None => Ok(newest_prepay_id(world, &pay.by).await?),
    };
    let refusal = match came {
        Err(refusal) => refusal,
        Ok(prepay_id) => {
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
            answer
        }
    };
    let reason = refusal["reason"].as_str().unwrap_or_default();
    match &pay.refused {
        Some(wanted) if reason.contains(wanted) => Ok(reason.to_owned()),
        Some(wanted) => bail!("the cashier says {reason:?}, expected {wanted:?}"),
        None => bail!("the cashier refuses: {refusal}"),
    }
}

/// The payer comes to the cashier: its prepay id, or what the phone says instead.
async fn open(world: &World, who: &str, means: &Value) -> anyhow::Result<Result<String, Value>> {
    let (path, body) = match world.product() {
        Product::MiniProgram => {
            let mut open = means.clone();
            open["appid"] = json!(world.appid_of(ShopApp::MiniProgram)?);
            ("/cashier/open", open)
        }
        // The page hands on all that it was given, its appId too.
        Product::Jsapi => ("/cashier/open", means.clone()),
        Product::App => ("/cashier/app", means.clone()),
        Product::Native | Product::H5 => ("/cashier/follow", json!({ "url": means })),
        Product::Code => bail!("a till has no cashier"),
    };
    let mut body = body;
    body["user"] = json!(who);
    let (status, answer) = world.control.try_post(path, &body).await?;
    if status != 200 {
        return Ok(Err(answer));
    }
    let prepay_id = answer["prepay_id"].as_str();
    let prepay_id =
        prepay_id.with_context(|| format!("a cashier without a prepay id: {answer}"))?;
    Ok(Ok(prepay_id.to_owned()))
}

/// The prepay id of a cashier that was opened with this before.
async fn opened(world: &World, means: &Value) -> anyhow::Result<String> {
    let package = means["package"].as_str().unwrap_or_default();
    if let Some(prepay_id) = package.strip_prefix("prepay_id=") {
        return Ok(prepay_id.to_owned());
    }
    if let Some(prepay_id) = means["prepayid"].as_str() {
        return Ok(prepay_id.to_owned());
    }
    let link = means.as_str().unwrap_or_default();
    let orders = world.control.get("/orders").await?;
    let behind = |order: &&Value| {
        let known = order["link"].as_str();
        known.is_some_and(|known| !known.is_empty() && link.starts_with(known))
    };
    let order = orders.as_array().into_iter().flatten().find(behind);
    let prepay_id = order.and_then(|order| order["prepay_id"].as_str());
    prepay_id
        .map(str::to_owned)
        .with_context(|| format!("WeChat knows no cashier behind {link}"))
}

/// What WeChat's books know although the phone was told nothing: of orders made for this payer, or for nobody in particular.
async fn newest_prepay_id(world: &World, who: &str) -> anyhow::Result<String> {
    let orders = world.control.get("/orders").await?;
    let newest = orders
        .as_array()
        .into_iter()
        .flatten()
        .filter(|order| order["user"] == who || order["openid"] == "")
        .find_map(|order| order["prepay_id"].as_str());
    newest
        .map(str::to_owned)
        .with_context(|| format!("WeChat has no order that {who} could pay"))
}
