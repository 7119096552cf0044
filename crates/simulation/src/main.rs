//! The simulation on the command line. See `simulation help`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use simulation::matrix;
use simulation::{Build, Product, Report, Seed, Story, run, shrink};

const USAGE: &str = "\
usage:
  simulation run [--seconds N | --seeds N] [--size BYTES] [--first SEED]
  simulation replay SEED:SIZE      one run with its trace
  simulation shrink SEED:SIZE      the smallest size that still fails, with its trace
  simulation matrix [STORY]        a crash at every commit and every pair of commits
  simulation story STORY           the variants of one story, without a crash, with their traces
stories: pay, expire, close-while-paying, close-while-ordering, notification-races-query,
  clock-steps-while-ordering, refused-close";

/// One seed in so many runs twice, and both runs must be the same.
const TWICE: u64 = 20;
/// How many fresh seeds shrinking tries at each size.
const TRIES: u64 = 3_000;
/// Bytes of chaos unless asked otherwise.
const SIZE: usize = 1024;
/// So many failures of a kind are printed; more say nothing new.
const MOST_EXAMPLES: usize = 4;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["run", options @ ..] => match Plan::parse(options) {
            Some(plan) => run_many(&plan),
            None => usage(),
        },
        ["replay", seed] => Seed::parse(seed).map_or_else(usage, replay),
        ["shrink", seed] => Seed::parse(seed).map_or_else(usage, shrink_one),
        ["story", name] if Story::NAMES.contains(name) => tell_story(name),
        ["matrix"] => run_matrix(&Story::NAMES),
        ["matrix", story] if Story::NAMES.contains(story) => run_matrix(&[*story]),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn product() -> Arc<dyn Build> {
    Arc::new(Product)
}

/// What `run` was asked for.
struct Plan {
    seconds: Option<u64>,
    seeds: Option<u64>,
    size: usize,
    first: u64,
}

impl Plan {
    fn parse(options: &[&str]) -> Option<Self> {
        let mut plan = Self {
            seconds: None,
            seeds: None,
            size: SIZE,
            first: 0,
        };
        let (pairs, rest) = options.as_chunks::<2>();
        if !rest.is_empty() {
            return None;
        }
        for [name, value] in pairs {
            match *name {
                "--seconds" => plan.seconds = Some(value.parse().ok()?),
                "--seeds" => plan.seeds = Some(value.parse().ok()?),
                "--size" => plan.size = value.parse().ok()?,
                "--first" => plan.first = value.parse().ok()?,
                _ => return None,
            }
        }
        if plan.seconds.is_none() && plan.seeds.is_none() {
            plan.seconds = Some(10);
        }
        Some(plan)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measures how fast the simulation itself is; no simulated code sees this clock"
)]
fn stopwatch() -> Instant {
    Instant::now()
}

fn run_many(plan: &Plan) -> ExitCode {
    // A panic inside a run is one of its possible results and is reported with the others.
    std::panic::set_hook(Box::new(|_| {}));
    let begun = stopwatch();
    let mut tally = Tally::default();
    let mut seed = plan.first;
    let goes_on = |done: u64| {
        plan.seeds.is_none_or(|seeds| done < seeds)
            && plan
                .seconds
                .is_none_or(|seconds| begun.elapsed() < Duration::from_secs(seconds))
    };
    while goes_on(tally.runs) {
        tally.add(Seed {
            seed,
            size: plan.size,
        });
        seed = seed.wrapping_add(1);
    }
    tally.print(begun.elapsed());
    if tally.failures.is_empty() {
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
    calls: u64,
    most_calls: u32,
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
    fn add(&mut self, seed: Seed) {
        let report = run(seed, product(), false);
        self.runs += 1;
        self.events += report.events;
        self.simulated_ms += report.simulated_ms;
        self.payments += report.payments.0;
        self.paid += report.payments.1;
        self.calls += report.calls.0;
        self.most_calls = self.most_calls.max(report.calls.1);
        if seed.seed.is_multiple_of(TWICE) {
            let again = run(seed, product(), false);
            if again.trace.hash() != report.trace.hash() {
                self.fail(
                    seed,
                    "DETERMINISM",
                    "two runs of this seed differ".to_owned(),
                );
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
            println!("FAILED {seed}  {invariant}: {detail}");
            failures.examples.push((seed, detail));
        }
    }

    fn print(&self, took: Duration) {
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
        let per_minute = self.runs.saturating_mul(60_000) / millis;
        let runs = self.runs.max(1);
        let hours = self.simulated_ms / 3_600_000;
        println!(
            "{} seeds in {}.{:03} s: {per_minute} seeds a minute",
            self.runs,
            millis / 1_000,
            millis % 1_000
        );
        println!(
            "per seed: {} events, {} calls to WeChat; {} payments, {} paid, {hours} simulated hours in all; \
             at most {} calls for one order",
            self.events / runs,
            self.calls / runs,
            self.payments,
            self.paid,
            self.most_calls
        );
        for (invariant, failures) in &self.failures {
            println!(
                "{invariant}: {} of {} seeds fail",
                failures.count, self.runs
            );
            for (seed, what) in &failures.examples {
                println!("  simulation replay {seed}    # {what}");
            }
        }
    }
}

fn print_trace(report: &Report) {
    for line in report.trace.lines() {
        println!("{line}");
    }
    println!(
        "trace {:016x}, {} events",
        report.trace.hash(),
        report.events
    );
}

/// For what never came right: the trace up to the beginning of calm says everything.
fn print_story(report: &Report) {
    let never = report
        .violation
        .as_ref()
        .is_some_and(|violation| violation.invariant.starts_with('L'));
    if !never {
        return print_trace(report);
    }
    for line in report.trace.lines() {
        println!("{line}");
        if line.ends_with("  calm") {
            println!("             ... and in days of calm it never came right");
            return;
        }
    }
}

fn verdict(report: &Report) -> ExitCode {
    match &report.violation {
        Some(violation) => {
            println!("FAILED {violation}");
            ExitCode::FAILURE
        }
        None => {
            println!("all invariants hold");
            ExitCode::SUCCESS
        }
    }
}

fn replay(seed: Seed) -> ExitCode {
    let report = run(seed, product(), true);
    print_trace(&report);
    verdict(&report)
}

fn shrink_one(seed: Seed) -> ExitCode {
    std::panic::set_hook(Box::new(|_| {}));
    match shrink(seed, &product(), TRIES) {
        None => {
            println!("{seed} does not fail");
            ExitCode::SUCCESS
        }
        Some(shrunk) => {
            let report = run(shrunk.seed, product(), true);
            print_story(&report);
            println!("smallest after {} runs: {}", shrunk.runs, shrunk.seed);
            verdict(&report)
        }
    }
}

fn tell_story(name: &str) -> ExitCode {
    let mut failed = false;
    for (variant, story) in Story::named(name).iter().enumerate() {
        println!("{name}, variant {variant}");
        let (report, _) = matrix::tell(story, &[], product(), true);
        print_trace(&report);
        failed |= verdict(&report) != ExitCode::SUCCESS;
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn run_matrix(names: &[&str]) -> ExitCode {
    let mut failed = false;
    for name in names {
        let variants = Story::named(name);
        let found = matrix::exhaust(&variants, &product());
        println!("{name}: {} runs, commits {:?}", found.runs, found.commits);
        for (variant, crashes, report) in found.failures.iter().take(MOST_EXAMPLES) {
            failed = true;
            println!("FAILED variant {variant}, crashes {crashes:?}");
            if let Some(story) = variants.get(*variant) {
                let (told, _) = matrix::tell(story, crashes, product(), true);
                print_trace(&told);
                verdict(report);
            }
        }
    }
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
