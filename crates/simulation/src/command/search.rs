//! Many seeds, one after the other or shared by several threads.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use simulation::{Build, Keep, Marks, Seed, Tier};

use super::plan::Plan;

/// One seed in so many runs twice, and both runs must be the same.
const TWICE: u64 = 20;
/// So many failures of a kind are printed; more say nothing new.
const MOST_EXAMPLES: usize = 4;

#[expect(
    clippy::disallowed_methods,
    reason = "measures how fast the simulation itself is; no simulated code sees this clock"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

pub(crate) fn run(plan: &Plan) -> ExitCode {
    let begun = stopwatch();
    let (done, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            loop {
                let stop = plan.stop && failed.load(Ordering::Relaxed);
                if stop || plan.time.is_some_and(|time| begun.elapsed() >= time) {
                    return tally;
                }
                let number = done.fetch_add(1, Ordering::Relaxed);
                if plan.seeds.is_some_and(|seeds| number >= seeds) {
                    return tally;
                }
                let seed = Seed {
                    seed: plan.first.wrapping_add(number),
                    size: plan.size,
                };
                tally.add(seed, plan.tier);
                if !tally.failures.is_empty() {
                    failed.store(true, Ordering::Relaxed);
                }
            }
        };
        let threads: Vec<_> = (0..plan.jobs).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            match thread.join() {
                Ok(part) => tally.merge(part),
                Err(_) => tally.fail(Seed { seed: 0, size: 0 }, "PANIC", "a thread".to_owned()),
            }
        }
    });
    let per_minute = tally.print(plan, begun.elapsed());
    let is_slow = per_minute < plan.tier.floor();
    if is_slow {
        let word = if plan.floors { "FAILED" } else { "warning" };
        let floor = plan.tier.floor();
        println!("{word}: {per_minute} seeds a minute and core are below the floor of {floor}");
    }
    if tally.failures.is_empty() && !(is_slow && plan.floors) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[derive(Default)]
struct Tally {
    runs: u64,
    events: u64,
    simulated_ms: i64,
    payments: usize,
    paid: usize,
    refunds: usize,
    calls: u64,
    most_calls: u32,
    marks: Marks,
    /// By invariant: how many seeds failed, and the first few of them.
    failures: BTreeMap<&'static str, Failures>,
}

/// The failures of one invariant.
#[derive(Default)]
struct Failures {
    count: u64,
    examples: Vec<(Seed, String)>,
}

impl Tally {
    fn add(&mut self, seed: Seed, tier: Tier) {
        let build: Arc<dyn Build> = Arc::new(tier);
        let is_run_twice = seed.seed.is_multiple_of(TWICE);
        let keep = if is_run_twice {
            Keep::Fingerprint
        } else {
            Keep::Nothing
        };
        let report = run_one(seed, &build, keep);
        self.runs += 1;
        self.events += report.events;
        self.simulated_ms += report.simulated_ms;
        self.payments += report.payments.0;
        self.paid += report.payments.1;
        self.refunds += report.refunds;
        self.calls += report.calls.0;
        self.most_calls = self.most_calls.max(report.calls.1);
        self.marks.merge(&report.marks);
        if is_run_twice {
            let again = run_one(seed, &build, keep);
            if again.trace.hash() != report.trace.hash() {
                let detail = "two runs of this seed differ".to_owned();
                self.fail(seed, "DETERMINISM", detail);
            }
        }
        if let Some(violation) = report.violation {
            self.fail(seed, violation.invariant, violation.detail);
        }
    }

    fn fail(&mut self, seed: Seed, invariant: &'static str, detail: String) {
        let failures = self.failures.entry(invariant).or_default();
        failures.count += 1;
        if failures.examples.len() < MOST_EXAMPLES {
            failures.examples.push((seed, detail));
        }
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.simulated_ms += other.simulated_ms;
        self.payments += other.payments;
        self.paid += other.paid;
        self.refunds += other.refunds;
        self.calls += other.calls;
        self.most_calls = self.most_calls.max(other.most_calls);
        self.marks.merge(&other.marks);
        for (invariant, found) in other.failures {
            let failures = self.failures.entry(invariant).or_default();
            failures.count += found.count;
            failures.examples.extend(found.examples);
            failures.examples.sort();
            failures.examples.truncate(MOST_EXAMPLES);
        }
    }

    /// Gives the seeds a minute and core.
    fn print(&self, plan: &Plan, took: Duration) -> u64 {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let per_minute = self.runs.saturating_mul(60_000) / millis / plan.jobs;
        let runs = self.runs.max(1);
        let hours = self.simulated_ms / 3_600_000;
        println!(
            "tier {}: {} seeds from {}:{} in {}.{:03} s on {} cores: {per_minute} seeds a minute and core",
            plan.tier,
            self.runs,
            plan.first,
            plan.size,
            millis / 1_000,
            millis % 1_000,
            plan.jobs,
        );
        println!(
            "per seed: {} events, {} calls to WeChat; {} payments, {} paid, {} refunds, {hours} simulated hours in all; \
             at most {} calls for one number",
            self.events / runs,
            self.calls / runs,
            self.payments,
            self.paid,
            self.refunds,
            self.most_calls
        );
        if plan.marks {
            print!("{}", self.marks);
        }
        for (invariant, failures) in &self.failures {
            // Read by `cargo xtask sim bugs`.
            println!(
                "FAILED {invariant}: {} of {} seeds",
                failures.count, self.runs
            );
            for (seed, what) in &failures.examples {
                println!("  replay {seed} {}  # {what}", plan.tier);
            }
        }
        per_minute
    }
}

fn run_one(seed: Seed, build: &Arc<dyn Build>, keep: Keep) -> simulation::Report {
    simulation::run(seed, Arc::clone(build), keep)
}
