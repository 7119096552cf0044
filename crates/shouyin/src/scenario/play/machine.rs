//! What time and our own machine do.

use anyhow::{Context, bail};

use super::shop::create_call;
use crate::scenario::step::{Create, Step};
use crate::scenario::world::World;
use crate::scenario::world::gate::Freeze;
use crate::scenario::world::receiver::Behaviour;

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "`take` sends no other steps here; a new one makes the compiler ask there"
)]
pub(super) async fn take(world: &mut World, step: &Step) -> anyhow::Result<String> {
    match step {
        Step::Wait(wait) => world.advance(wait.wait.0).await?,
        Step::Freeze(freeze) => {
            let at = match freeze.freeze.as_str() {
                "before_commit" => Freeze::BeforeCommit,
                "after_commit" => Freeze::AfterCommit,
                other => bail!("freeze is before_commit or after_commit, not {other:?}"),
            };
            world.gate.freeze(at, freeze.nth);
        }
        Step::Kill(_) => world.kill_server().await?,
        Step::Start(start) => {
            if start.new_keys {
                world.configure_new_keys();
            }
            if let Some(new_orders) = start.new_orders {
                world.speak_both(new_orders);
            }
            world.start_server().await?;
        }
        Step::Disk(disk) => match disk.disk.as_str() {
            "full" => return fill_the_disk(world).await,
            "free" => world.process()?.store().limit_pages(1_000_000).await?,
            other => bail!("disk is full or free, not {other:?}"),
        },
        Step::Database(database) => match database.database.as_str() {
            "down" => world.gate.set_down(true),
            "up" => world.gate.set_down(false),
            other => bail!("database is down or up, not {other:?}"),
        },
        Step::OurClock(clock) => {
            let by = clock.by.map_or(0, |by| by.0);
            match clock.our_clock.as_str() {
                "right" => world.clock.set_skew_ms(0),
                "ahead" => world.clock.set_skew_ms(by),
                "behind" => world.clock.set_skew_ms(by.saturating_neg()),
                other => bail!("our_clock is right, ahead or behind, not {other:?}"),
            }
        }
        Step::Backup(_) => world.back_up()?,
        Step::Restore(_) => {
            if world.process.is_some() {
                world.kill_server().await?;
            }
            world.restore()?;
            world.start_server().await?;
        }
        Step::Receiver(change) => {
            let named = Behaviour::NAMES
                .iter()
                .find(|(name, _)| *name == change.does);
            let (_, behaviour) = named.with_context(|| {
                let names = Behaviour::NAMES.map(|(name, _)| name).join(", ");
                format!("a receiver does one of {names}, not {:?}", change.does)
            })?;
            world
                .endpoints
                .get_mut(&change.receiver)
                .and_then(|endpoint| endpoint.receiver.as_mut())
                .with_context(|| format!("the shop has no receiver {:?}", change.receiver))?
                .behave(*behaviour)
                .await?;
        }
        other => bail!("{other:?} is no step of time or machine"),
    }
    Ok(String::new())
}

/// The last pages are taken by other orders of the shop, until not even the shortest is taken.
async fn fill_the_disk(world: &mut World) -> anyhow::Result<String> {
    world.process()?.store().limit_pages(1).await?;
    let mut taken = 0;
    for attach in [Some("x".repeat(128)), None] {
        taken += fill(world, taken, attach).await?;
    }
    Ok(format!("{taken}"))
}

/// Orders of one size, numbered from here, until one is refused. How many were taken.
async fn fill(world: &World, from: u32, attach: Option<String>) -> anyhow::Result<u32> {
    for number in 0..500 {
        let create = Create {
            create: format!("f{}", from + number),
            fen: 1,
            description: Some("x".to_owned()),
            attach: attach.clone(),
            expires: None,
            app: None,
            answers: None,
            later: false,
        };
        let answer = world.send(create_call(world, &create)?).await?;
        match answer.problem() {
            None => {}
            Some("store_unavailable") => return Ok(number),
            Some(code) => bail!("a full disk is told as {code}: {}", answer.body),
        }
    }
    bail!("the disk is never full")
}
