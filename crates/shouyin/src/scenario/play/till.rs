//! What happens at the till: the payer's phone shows a payment code, the shop scans and charges it.

use anyhow::{Context, bail, ensure};
use serde_json::json;

use super::{outcome, same, shop};
use crate::scenario::span::Span;
use crate::scenario::step::{Decide, Scan, Step};
use crate::scenario::world::{Answer, World};

/// The shop's own number of the till's place, for WeChat's records.
const STORE: &str = "shop-7";

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::ShowCode(it) => show(world, &it.show_code, it.story.as_deref(), it.after).await,
        Step::Scan(it) => scan(world, it).await,
        Step::Decide(it) => decide(world, it).await,
        other => bail!("{other:?} is no step at the till"),
    }
}

/// The phone shows a fresh code.
pub(super) async fn show(
    world: &mut World,
    who: &str,
    story: Option<&str>,
    after: Option<Span>,
) -> anyhow::Result<String> {
    let body = json!({
        "user": who, "story": story.unwrap_or("pays"), "after_ms": after.map(|after| after.0),
    });
    let made = world.control.post("/payment-codes", body).await?;
    let code = made["auth_code"].as_str().context("no payment code")?;
    let phone = world.phones.entry(who.to_owned()).or_default();
    phone.payment_codes.push(code.to_owned());
    Ok(code.to_owned())
}

/// A scan of the payer's newest code that is expected to be paid.
pub(super) fn plain_scan(order_no: &str, by: &str) -> Scan {
    Scan {
        scan: order_no.to_owned(),
        by: by.to_owned(),
        code: None,
        again: false,
        later: false,
        answers: None,
        wechat: None,
    }
}

pub(super) async fn scan(world: &mut World, scan: &Scan) -> anyhow::Result<String> {
    let call = if scan.again {
        let last = world.scans.get(&scan.scan).cloned();
        last.with_context(|| format!("nothing was scanned for {} before", scan.scan))?
    } else {
        let code = code(world, scan)?;
        let id = world.payment_id(&scan.scan).await?;
        let body = json!({ "auth_code": code, "store_id": STORE });
        shop::post(world, format!("/v1/payments/{id}/pay"), Some(body))
    };
    world.scans.insert(scan.scan.clone(), call.clone());
    if scan.later {
        world.send_later(call, None).await?;
        return Ok(String::new());
    }
    let answer = world.send(call).await?;
    said(&answer, scan)
}

/// What the till was told is what was expected.
fn said(answer: &Answer, scan: &Scan) -> anyhow::Result<String> {
    same(&outcome(answer), scan.answers.as_deref().unwrap_or("paid"))?;
    let wechat = answer.body["wechat"]["code"].as_str().unwrap_or_default();
    if let Some(wanted) = &scan.wechat {
        same(wechat, wanted)?;
    }
    Ok(format!("{} {wechat}", outcome(answer))
        .trim_end()
        .to_owned())
}

fn code(world: &World, scan: &Scan) -> anyhow::Result<String> {
    let shown = world.phones.get(&scan.by).map(|phone| &phone.payment_codes);
    let shown = shown.into_iter().flatten();
    let found = match scan.code.as_deref() {
        None | Some("newest") => shown.last(),
        Some("first") => shown.into_iter().next(),
        Some(digits) => return Ok(digits.to_owned()),
    };
    found
        .cloned()
        .with_context(|| format!("{}'s phone has shown no payment code", scan.by))
}

async fn decide(world: &World, decide: &Decide) -> anyhow::Result<String> {
    let phone = world.phones.get(&decide.decide);
    let code = phone.and_then(|phone| phone.payment_codes.last());
    let code = code.with_context(|| format!("{} has shown no payment code", decide.decide))?;
    let path = format!("/payment-codes/{code}/decide");
    let body = json!({ "pays": decide.pays });
    let (status, answer) = world.control.try_post(&path, &body).await?;
    let asked = match status {
        200 => true,
        400 => false,
        _ => bail!("the simulator answers {path} with {answer}"),
    };
    ensure!(
        asked != decide.nobody_asks,
        "the phone asks for the password: {asked}, {answer}"
    );
    Ok(String::new())
}
