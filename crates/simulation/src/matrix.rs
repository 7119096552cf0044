//! The crash matrix: every story again with a crash before and after every commit, and with every pair of crashes.

use std::sync::Arc;

use shouyin_core::payment::PaymentState;
use shouyin_core::refund::RefundState;

use crate::check::Violation;
use crate::choice::{Choice, Fault};
use crate::hub::{Hub, Side};
use crate::run::{self, Report};
use crate::server::Build;
use crate::speaks::Speaks;
use crate::story::Story;
use crate::swarm::Swarm;
use crate::trace::{Keep, Trace};
use crate::world::World;

/// The only source of ids in a story.
const SEED: u64 = 1;

/// A crash: at which commit, and on which side of it.
pub type Crash = (u64, Side);

/// What a matrix found.
#[derive(Debug, Clone, Default)]
pub struct Matrix {
    /// How many runs there were.
    pub runs: u64,
    /// Commits of each variant without a crash.
    pub commits: Vec<u64>,
    /// Where an invariant did not hold: the variant, the crashes, and what was found.
    pub failures: Vec<(usize, Vec<Crash>, Report)>,
}

/// Tells one story with these crashes, in this order.
pub fn tell(story: &Story, crashes: &[Crash], build: Arc<dyn Build>, keep: Keep) -> (Report, u64) {
    let swarm = Swarm {
        notifications: story.notifications,
        other_merchants: false,
        servers: story.servers,
        speaks: [story.speaks, Speaks::V3],
        // By APIv3 where the merchant speaks that only.
        v3_codes: [true; 2],
        assumptions: story.assumptions.clone(),
        policies: [story.policy; 2],
        lies_in_story: story.mishaps.iter().any(|(_, it)| *it == Fault::WechatLies),
        ..Swarm::quiet()
    };
    let hub = Hub::new(SEED, Choice::none(), Trace::new(keep), 0);
    hub.lock().armed = crashes.iter().copied().collect();
    let mut commits = 0;
    let report = run::conclude(hub, SEED, swarm, build, |world| {
        world.tell(story)?;
        let told = run::calm(world);
        commits = world.rows.commits();
        told?;
        ending(story, world)
    });
    (report, commits)
}

/// A story also has to come to its point.
fn ending(story: &Story, world: &World) -> Result<(), Violation> {
    let payments = || world.checker.payments();
    let paid = payments().any(|payment| matches!(payment.state, PaymentState::Paid(_)));
    let missed = |what: String| {
        let detail = format!("{} ended with {what}", story.name);
        Err(Violation::new("STORY", detail))
    };
    if story.ends_paid.is_some_and(|expected| expected != paid) {
        return missed(format!("paid = {paid}"));
    }
    let back = payments().flat_map(|payment| &payment.refunds);
    let back = back.filter(|refund| matches!(refund.state, RefundState::Succeeded { .. }));
    let back: i64 = back.map(|refund| refund.amount.get()).sum();
    match story.ends_refunded {
        Some(expected) if expected != back => missed(format!("{back} fen refunded")),
        Some(_) | None => Ok(()),
    }
}

/// Every single crash and every pair, for all variants.
pub fn exhaust(variants: &[Story], build: &Arc<dyn Build>) -> Matrix {
    let mut matrix = Matrix::default();
    for (index, story) in variants.iter().enumerate() {
        let commits = matrix.note(index, story, &[], build);
        matrix.commits.push(commits);
        for first in points(1, commits) {
            // A crash adds commits: recovery is work, and may be interrupted too.
            let after = matrix.note(index, story, &[first], build);
            for second in points(first.0, after).filter(|second| may_follow(first, *second)) {
                matrix.note(index, story, &[first, second], build);
            }
        }
    }
    matrix
}

/// After a crash before a commit the same number comes again; after a crash behind it only later ones do.
fn may_follow(first: Crash, second: Crash) -> bool {
    match first.1 {
        Side::Before => true,
        Side::After => second.0 > first.0,
    }
}

fn points(from: u64, to: u64) -> impl Iterator<Item = Crash> {
    (from..=to).flat_map(|number| [(number, Side::Before), (number, Side::After)])
}

impl Matrix {
    fn note(
        &mut self,
        index: usize,
        story: &Story,
        crashes: &[Crash],
        build: &Arc<dyn Build>,
    ) -> u64 {
        let (report, commits) = tell(story, crashes, Arc::clone(build), Keep::Nothing);
        self.runs += 1;
        if report.violation.is_some() {
            self.failures.push((index, crashes.to_vec(), report));
        }
        commits
    }
}
