//! What goes wrong: kills, full disks, clocks that move. Everything is over when [`make`] returns, and the server runs.

use std::fmt;

use anyhow::Result;
use serde_json::json;

use super::clock::sleep_ms;
use super::desk::Desk;
use super::random::Random;

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Kills of a server that was listening.
    pub(super) kills: u32,
    /// Kills of a server that was starting.
    pub(super) early_kills: u32,
    /// Times the disk was full.
    pub(super) full_disks: u32,
    /// Moves of WeChat's clock.
    pub(super) their_clock: u32,
    /// Moves of the server's clock.
    pub(super) our_clock: u32,
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills ({} of them while it started), {} times a full disk, {} clock moves ({} of the server's)",
            self.kills + self.early_kills,
            self.early_kills,
            self.full_disks,
            self.their_clock + self.our_clock,
            self.our_clock
        )
    }
}

/// The farthest a clock is moved, in seconds: WeChat refuses what is 300 s off, and that is part of it.
const FAR_S: u64 = 400;
/// Moves of the server's clock into the future leave tasks that are due then, so they stay within what the calm makes up for.
const AHEAD_S: u64 = 120;

/// Makes trouble until the server was killed this often.
pub(super) fn make(desk: &Desk, random: &mut Random, kills: u32) -> Result<Troubles> {
    let mut done = Troubles::default();
    while done.kills + done.early_kills < kills {
        sleep_ms(random.between(100, 1_200));
        // In turn, so that no run is without one of them.
        match (done.kills + done.early_kills) % 5 {
            1 => fill_the_disk(desk, random, &mut done),
            2 => move_their_clock(desk, random, &mut done)?,
            3 => move_our_clock(desk, random, &mut done)?,
            _ => {}
        }
        // While requests are under way: somewhere between a commit and its answer, and everywhere else.
        desk.kill()?;
        done.kills += 1;
        if random.percent(20) && done.kills + done.early_kills < kills {
            desk.kill_in_the_cradle(random.between(1, 120))?;
            done.early_kills += 1;
        }
        if let Some(clock) = &desk.clock {
            clock.set(0)?;
        }
        desk.start()?;
    }
    Ok(done)
}

/// The disk is full for a moment. Half of the times the server is killed while it is.
fn fill_the_disk(desk: &Desk, random: &mut Random, done: &mut Troubles) {
    if !desk.set_room(Some(random.between(0, 40_000))) {
        return;
    }
    done.full_disks += 1;
    sleep_ms(random.between(200, 900));
    if random.percent(50) && desk.set_room(None) {
        sleep_ms(random.between(100, 500));
    }
}

/// WeChat's clock runs ahead for a moment, and is set back to the real time.
fn move_their_clock(desk: &Desk, random: &mut Random, done: &mut Troubles) -> Result<()> {
    let rate = random.between(50, 1_000);
    desk.wechat.post("/clock", &json!({ "rate": rate }))?;
    done.their_clock += 1;
    sleep_ms(random.between(100, FAR_S));
    let now = desk.wechat.post("/clock", &json!({ "rate": 1 }))?;
    let ahead_ms = now["offset_ms"].as_i64().unwrap_or_default();
    let now_ms = now["now"].as_i64().unwrap_or_default();
    desk.wechat
        .post("/clock", &json!({ "set_ms": now_ms - ahead_ms }))?;
    Ok(())
}

fn move_our_clock(desk: &Desk, random: &mut Random, done: &mut Troubles) -> Result<()> {
    let Some(clock) = &desk.clock else {
        return Ok(());
    };
    let seconds = if random.percent(50) {
        i64::try_from(random.between(1, AHEAD_S))?
    } else {
        -i64::try_from(random.between(1, FAR_S))?
    };
    clock.set(seconds)?;
    done.our_clock += 1;
    sleep_ms(random.between(200, 900));
    if random.percent(50) {
        clock.set(0)?;
        sleep_ms(random.between(100, 400));
    }
    Ok(())
}
