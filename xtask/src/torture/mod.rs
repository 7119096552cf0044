//! `cargo xtask torture`: the release program as real processes. A street of shoppers pays without a pause while the server is
//! killed, its disk fills up, clocks move and WeChat loses notifications. Then everything calms down, and WeChat's books, the
//! server's books, the answers that were given and the webhooks that arrived must say the same.

mod books;
mod clock;
mod desk;
mod http;
mod random;
mod receiver;
mod shop;
mod trouble;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::json;

use self::books::{Books, Figures};
use self::clock::{Deadline, sleep_ms};
use self::desk::Desk;
use self::random::Random;
use self::receiver::Receiver;
use self::shop::Street;
use self::trouble::Troubles;
use crate::process;
use crate::repository::Repository;
use crate::stopwatch::Stopwatch;

/// Kills of the short form.
pub(crate) const SHORT_KILLS: u32 = 20;
/// Kills of the long one.
pub(crate) const LONG_KILLS: u32 = 300;
/// How many pay at the same time.
const SHOPPERS: usize = 6;
/// The calm ends when the books agree, or after so many seconds.
const CALM_S: u64 = 180;
/// Between two looks at the books, in milliseconds.
const LOOK_MS: u64 = 1_000;
/// In the calm our clock goes ahead by this much with every look, in seconds, so that leases, retries and the minute between
/// two refunds of one order need not be waited for; at most so far that WeChat still takes what is signed.
const AHEAD_STEP_S: i64 = 30;
const AHEAD_MOST_S: i64 = 240;

/// How it is run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How often the server is killed.
    pub(crate) kills: u32,
    /// Where chance begins.
    pub(crate) seed: u64,
    /// The program, if it is built already.
    pub(crate) program: Option<PathBuf>,
}

/// Runs it; fails when anything disagrees.
pub(crate) fn run(repository: &Repository, options: &Options) -> Result<()> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => build(repository)?,
    };
    let stopwatch = Stopwatch::start();
    let mut random = Random::new(options.seed);
    let desk = Desk::new(repository, program)?;
    desk.start()?;
    let receiver = Receiver::start()?;
    let endpoint = json!({ "url": receiver.url });
    desk.server
        .call(
            "POST",
            "/v1/webhook_endpoints",
            &desk.api_key,
            "endpoint",
            Some(&endpoint),
        )?
        .ok()
        .context("no endpoint for webhooks")?;
    let street = Street::new(&desk);
    let troubles = thread::scope(|scope| -> Result<Troubles> {
        for number in 0..SHOPPERS {
            let random = random.fork();
            let street = &street;
            scope.spawn(move || street.shop(number, random));
        }
        let made = trouble::make(&desk, &mut random, options.kills);
        street.stop.store(true, Ordering::Relaxed);
        made
    })?;
    println!("calm after {}: {troubles}", stopwatch.read());
    let (figures, mut disagreements) = calm(&desk, &street, &receiver)?;
    // Nothing of this may have been in memory only.
    desk.kill()?;
    desk.start()?;
    if disagreements.is_empty() {
        let books = Books::read(&desk)?;
        disagreements = books.disagreements(&street.promises(), &receiver.seen());
    }
    report(
        &desk,
        &street,
        &receiver,
        options,
        &troubles,
        figures,
        &disagreements,
    );
    println!("took {}", stopwatch.read());
    if disagreements.is_empty() {
        return Ok(());
    }
    bail!(
        "{} disagreements, with seed {}",
        disagreements.len(),
        options.seed
    )
}

fn build(repository: &Repository) -> Result<PathBuf> {
    process::run(
        repository
            .cargo()
            .args(["build", "--release", "--package", "shouyin"]),
    )?;
    Ok(repository.path("target/release/shouyin"))
}

/// Nothing goes wrong any more: time passes, until the books agree.
fn calm(desk: &Desk, street: &Street<'_>, receiver: &Receiver) -> Result<(Figures, Vec<String>)> {
    desk.wechat.call("DELETE", "/faults", "", "", None)?.ok()?;
    desk.set_room(None);
    let deadline = Deadline::after(CALM_S);
    let mut ahead_s = 0;
    loop {
        // WeChat's retries of notifications, and the ends of refunds.
        desk.wechat
            .post("/clock", &json!({ "advance_ms": 3_600_000 }))?;
        if let Some(clock) = &desk.clock {
            ahead_s = (ahead_s + AHEAD_STEP_S).min(AHEAD_MOST_S);
            clock.set(ahead_s)?;
        }
        sleep_ms(LOOK_MS);
        let books = Books::read(desk)?;
        let disagreements = books.disagreements(&street.promises(), &receiver.seen());
        if disagreements.is_empty() || deadline.passed() {
            return Ok((books.figures(), disagreements));
        }
    }
}

fn report(
    desk: &Desk,
    street: &Street<'_>,
    receiver: &Receiver,
    options: &Options,
    troubles: &Troubles,
    figures: Figures,
    disagreements: &[String],
) {
    let (promises, seen) = (street.promises(), receiver.seen());
    for line in disagreements.iter().take(40) {
        println!("  {line}");
    }
    if !disagreements.is_empty() {
        println!(
            "  the server's log and database are in {}",
            desk.folder().display()
        );
    }
    println!(
        "torture: {} orders paid of {} payments, {} refunds, {troubles}, {} notifications lost, \
         {} events in {} webhooks, {} calls failed, {} disagreements; seed {}",
        figures.paid,
        figures.payments,
        figures.refunds,
        promises.lost,
        figures.events,
        seen.arrived,
        promises.failed_calls,
        disagreements.len(),
        options.seed
    );
}
