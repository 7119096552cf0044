//! Plays a scenario: one step after the other, and after each everything that follows from it at that moment.

mod cashier;
mod login;
mod machine;
mod payer;
mod shop;
mod till;
mod wechat;

pub(super) use shop::endpoint_id;

use anyhow::{Context, bail, ensure};

use super::file::{Scenario, Variant};
use super::step::Step;
use super::timeline::Timeline;
use super::world::{Answer, World};
use super::{expect, words};

/// How it ended.
#[derive(Debug)]
pub(crate) struct Report {
    /// What happened, line by line.
    pub(crate) lines: Vec<String>,
    /// What was expected and did not come, if so.
    pub(crate) failure: Option<String>,
}

/// Plays it from the beginning. With `live`, lines are printed as they happen.
pub(crate) async fn play(
    scenario: &Scenario,
    variant: &Variant,
    lang: words::Lang,
    live: bool,
) -> Report {
    let mut timeline = Timeline::new(lang, live);
    timeline.title(scenario, variant);
    let failure = match run(variant, &mut timeline).await {
        Ok(()) => None,
        Err(why) => Some(format!("{why:#}")),
    };
    timeline.verdict(variant, failure.as_deref());
    Report {
        lines: timeline.into_lines(),
        failure,
    }
}

async fn run(variant: &Variant, timeline: &mut Timeline) -> anyhow::Result<()> {
    let domains = variant
        .steps
        .iter()
        .any(|step| matches!(step, Step::PrimaryDomain(_)));
    let mut world = World::start(variant, domains).await?;
    let played = steps(variant, &mut world, timeline).await;
    let ended = world.end().await;
    played?;
    ended
}

async fn steps(
    variant: &Variant,
    world: &mut World,
    timeline: &mut Timeline,
) -> anyhow::Result<()> {
    for (index, step) in variant.steps.iter().enumerate() {
        timeline.step(world, step);
        let done = take(world, step).await;
        let settled = match &done {
            Ok(_) => world.settle().await,
            Err(_) => Ok(()),
        };
        timeline.messages(world).await;
        let remark = done
            .and_then(|remark| settled.map(|()| remark))
            .with_context(|| {
                format!(
                    "step {} ({})",
                    index + 1,
                    words::step(step, timeline.lang())
                )
            })?;
        timeline.remark(&remark);
    }
    expect::at_the_end(world, &variant.setup).await
}

/// What a step came to, in a word.
fn outcome(answer: &Answer) -> String {
    match answer.problem() {
        Some(code) => code.to_owned(),
        None => answer.body["state"].as_str().unwrap_or("ok").to_owned(),
    }
}

/// A success, or the problem that was asked for.
fn check(answer: &Answer, wanted: Option<&str>) -> anyhow::Result<String> {
    match (answer.problem(), wanted) {
        (None, None) => {}
        (Some(code), Some(wanted)) if code == wanted => {}
        (Some(code), None) => bail!("refused with {code}: {}", answer.body),
        (None, Some(wanted)) => bail!("answered {}, expected {wanted}", answer.status),
        (Some(code), Some(wanted)) => bail!("refused with {code}, expected {wanted}"),
    }
    Ok(outcome(answer))
}

fn same(got: &str, wanted: &str) -> anyhow::Result<String> {
    ensure!(got == wanted, "answered {got}, expected {wanted}");
    Ok(got.to_owned())
}

async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Create(_)
        | Step::Revise(_)
        | Step::Close(_)
        | Step::Sync(_)
        | Step::Refund(_)
        | Step::SyncRefund(_)
        | Step::Remedy(_)
        | Step::Endpoint(_)
        | Step::SendAgain(_)
        | Step::Enable(_)
        | Step::RotateSecret(_)
        | Step::RunDay(_) => shop::take(world, step).await,
        Step::Login(_)
        | Step::Tap(_)
        | Step::Answered(_)
        | Step::Pay(_)
        | Step::Confirm(_)
        | Step::PhoneNumber(_) => payer::take(world, step).await,
        Step::ShowCode(_) | Step::Scan(_) | Step::Decide(_) => till::take(world, step).await,
        Step::FaultSwitch(_)
        | Step::ClearFaults(_)
        | Step::Assume(_)
        | Step::Forge(_)
        | Step::Replay(_)
        | Step::SendNotificationAgain(_)
        | Step::Misreport(_)
        | Step::ConsoleRefund(_)
        | Step::FinishRefund(_)
        | Step::SetBalance(_)
        | Step::SignWith(_)
        | Step::Rotate(_)
        | Step::NewKey(_)
        | Step::NewCertificate(_)
        | Step::PrimaryDomain(_)
        | Step::Release(_)
        | Step::ReplaceToken(_) => wechat::take(world, step).await,
        Step::Wait(_)
        | Step::Freeze(_)
        | Step::Kill(_)
        | Step::Start(_)
        | Step::Disk(_)
        | Step::Database(_)
        | Step::OurClock(_)
        | Step::Backup(_)
        | Step::Restore(_)
        | Step::Receiver(_) => machine::take(world, step).await,
        Step::Expect(_)
        | Step::ExpectRefund(_)
        | Step::ExpectEvents(_)
        | Step::ExpectIncidents(_)
        | Step::ExpectCalls(_)
        | Step::ExpectAtMost(_)
        | Step::ExpectOrders(_)
        | Step::ExpectRefundsAtWechat(_)
        | Step::ExpectNotifications(_)
        | Step::ExpectBalance(_)
        | Step::ExpectWebhooks(_)
        | Step::ExpectEndpoint(_)
        | Step::ExpectDay(_)
        | Step::ExpectQr(_)
        | Step::ExpectReady(_) => expect::check(world, step).await,
    }
}
