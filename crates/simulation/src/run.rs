//! One run: draw the swarm, chaos, calm, judge.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shouyin_core::time::{DAY_MS, HOUR_MS};

use crate::check::Violation;
use crate::choice::{Choice, Lane};
use crate::hub::{BEGIN_MS, Hub};
use crate::log::Log;
use crate::marks::Marks;
use crate::server::Build;
use crate::silence::Case;
use crate::swarm::Swarm;
use crate::trace::{Keep, Trace};
use crate::world::World;

/// A run can be repeated from this alone (and the same program).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seed {
    /// The number everything is made from.
    pub seed: u64,
    /// Bytes of chaos.
    pub size: usize,
}

impl Seed {
    /// Reads `SEED:SIZE`.
    pub fn parse(text: &str) -> Option<Self> {
        let (seed, size) = text.split_once(':')?;
        Some(Self {
            seed: seed.parse().ok()?,
            size: size.parse().ok()?,
        })
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seed, self.size)
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The invariant that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// What happened.
    pub trace: Trace,
    /// How many events were handled.
    pub events: u64,
    /// Simulated time, milliseconds.
    pub simulated_ms: i64,
    /// How many payments were asked for, and how many of them WeChat has money for.
    pub payments: (usize, usize),
    /// How many calls left for WeChat, and the most for one number.
    pub calls: (u64, u32),
    /// How many refunds WeChat has.
    pub refunds: usize,
    /// Which rare things happened.
    pub marks: Marks,
}

/// No run needs more events than this: a world that never comes to rest is a failure of its own.
const MOST_EVENTS: u64 = 100_000;
/// How long calm lasts at most, milliseconds: beyond the seven days after which WeChat closes orders by itself, and beyond the
/// days that slow refunds and their webhooks take.
const CALM_MS: i64 = 12 * DAY_MS;
/// How long it lasts where queries are down: WeChat's notifications have given up by then, and nothing else can settle.
const CALM_WITHOUT_QUERIES_MS: i64 = 30 * HOUR_MS;
/// Between two actions at most so much time passes, milliseconds.
const HORIZON_MS: i64 = 4_000;
/// Everything is compared with everything after so many events; in between only what changed.
const SWEEP_EVERY: u64 = 256;

/// Runs one seed, and keeps so much of its trace.
pub fn run(seed: Seed, build: Arc<dyn Build>, keep: Keep) -> Report {
    run_case(&seed.into(), build, keep)
}

/// Runs one seed, perhaps without some who would have a part in it.
pub fn run_case(case: &Case, build: Arc<dyn Build>, keep: Keep) -> Report {
    let (seed, swarm) = (case.seed, case.swarm());
    let choice = Choice::from_seed(seed.seed, seed.size, swarm.weights.clone());
    let hub = Hub::new(seed.seed, choice, Trace::new(keep), swarm.store_pause_ms);
    conclude(hub, seed.seed, swarm, build, |world| {
        world.first_endpoints()?;
        chaos(world)?;
        calm(world)
    })
}

/// Builds a world, lets `play` happen in it, and reports. A panic in the product is a violation like any other.
pub(crate) fn conclude(
    hub: Arc<Hub>,
    seed: u64,
    swarm: Swarm,
    build: Arc<dyn Build>,
    play: impl FnOnce(&mut World) -> Result<(), Violation>,
) -> Report {
    let mut world = match World::new(Arc::clone(&hub), seed, swarm, build) {
        Ok(world) => world,
        Err(violation) => return report(&hub, Some(violation), None),
    };
    let log = Log::default();
    let played = tracing::subscriber::with_default(log.clone(), || {
        catch_unwind(AssertUnwindSafe(|| {
            play(&mut world)?;
            judge(&mut world, &log.text())
        }))
    });
    let violation = match played {
        Ok(Ok(())) => None,
        Ok(Err(violation)) => Some(violation),
        Err(panic) => Some(Violation::new("PANIC", message(&*panic))),
    };
    report(&hub, violation, Some(&world))
}

fn message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

fn report(hub: &Hub, violation: Option<Violation>, world: Option<&World>) -> Report {
    if let Some(violation) = &violation {
        hub.say(format_args!("VIOLATION {violation}"));
    }
    let paid = |world: &World| {
        let orders = world.setup.wechat.orders();
        orders.filter(|order| order.payment().is_some()).count()
    };
    let (trace, marks) = {
        let mut inner = hub.lock();
        (
            std::mem::take(&mut inner.trace),
            std::mem::take(&mut inner.marks),
        )
    };
    Report {
        violation,
        trace,
        events: world.map_or(0, World::events),
        simulated_ms: hub.now_ms() - BEGIN_MS,
        payments: world.map_or((0, 0), |world| (world.sales.len(), paid(world))),
        calls: world.map_or((0, 0), |world| world.checker.calls()),
        refunds: world.map_or(0, |world| world.setup.wechat.refunds().count()),
        marks,
    }
}

/// Actions and events in turn until the bytes end. Between events, never inside one.
fn chaos(world: &mut World) -> Result<(), Violation> {
    while !world.hub.lock().choice.is_over() {
        world.act()?;
        let events = world.hub.lock().choice.on(Lane::World).upto(15);
        // Long waits are an action of their own; without a horizon every pause would skip to the next deadline.
        let horizon = world.hub.now_ms() + HORIZON_MS;
        for _ in 0..events {
            if world.hub.lock().choice.is_over() || !world.deliver(horizon)? {
                break;
            }
        }
        sweep(world)?;
    }
    Ok(())
}

/// No faults, nothing new: run until nothing happens any more.
pub(crate) fn calm(world: &mut World) -> Result<(), Violation> {
    world.heal()?;
    let lasts = if world.swarm.queries {
        CALM_MS
    } else {
        CALM_WITHOUT_QUERIES_MS
    };
    let until = world.hub.now_ms() + lasts;
    while !world.is_quiet() && world.deliver(until)? {
        if world.events() > MOST_EVENTS {
            return Err(Violation::new("L5", "the world does not come to rest"));
        }
        sweep(world)?;
    }
    let stuck = world.stuck();
    if stuck > 0 {
        let detail = format!("{stuck} processes wait and nothing can wake them");
        return Err(Violation::new("DEADLOCK", detail));
    }
    Ok(())
}

/// Once calm has lasted, everything must have come right.
fn judge(world: &mut World, log: &str) -> Result<(), Violation> {
    if let Some(what) = world.unrest().filter(|_| world.swarm.queries) {
        let detail = format!("{what} is still going on after days of calm");
        return Err(Violation::new("L5", detail));
    }
    let keys = world.desk.as_ref().map(|desk| desk.secrets());
    let (rows, wechat) = (&world.rows, &world.setup.wechat);
    world
        .checker
        .settled(rows, wechat, log, &keys.unwrap_or_default())
}

fn sweep(world: &World) -> Result<(), Violation> {
    if world.events().is_multiple_of(SWEEP_EVERY) {
        world.checker.everything(&world.rows, &world.setup.wechat)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_as_it_is_printed() {
        let seed = Seed {
            seed: 4711,
            size: 1024,
        };
        assert_eq!(Seed::parse(&seed.to_string()), Some(seed));
        for text in ["", "4711", "4711:", ":1024", "a:1", "1:2:3"] {
            assert_eq!(Seed::parse(text), None, "{text:?}");
        }
    }
}
