//! Single runs and stories, told line by line.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use simulation::matrix;
use simulation::{Build, Canary, Case, Keep, Part, Product, Report, Seed, Story, Tier};
use simulation::{run, run_case, shrink};

/// How many fresh seeds shrinking tries at each size.
const TRIES: u64 = 3_000;
/// So many failures of a story are told; more say nothing new.
const MOST_EXAMPLES: usize = 4;
/// The canary must be dead by then.
const CANARY_SEEDS: u64 = 100;
const CANARY_SIZE: usize = 1024;

fn product() -> Arc<dyn Build> {
    Arc::new(Product)
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

pub(crate) fn replay(case: &Case, tier: Tier) -> ExitCode {
    let report = run_case(case, Arc::new(tier), Keep::Lines);
    print_trace(&report);
    verdict(&report)
}

pub(crate) fn shrink_one(case: &Case) -> ExitCode {
    match shrink(case, &product(), TRIES) {
        None => {
            println!("{case} does not fail");
            ExitCode::SUCCESS
        }
        Some(shrunk) => {
            let report = run_case(&shrunk.case, product(), Keep::Lines);
            print_story(&report);
            println!("smallest after {} runs: {}", shrunk.runs, shrunk.case);
            let left: Vec<String> = shrunk.case.left().into_iter().map(Part::name).collect();
            println!("nobody but these plays a part: {}", left.join(", "));
            verdict(&report)
        }
    }
}

pub(crate) fn tell_story(name: &str) -> ExitCode {
    let mut failed = false;
    for (variant, story) in Story::named(name).iter().enumerate() {
        println!("{name}, variant {variant}");
        let (report, _) = matrix::tell(story, &[], product(), Keep::Lines);
        print_trace(&report);
        failed |= verdict(&report) != ExitCode::SUCCESS;
    }
    exit(failed)
}

pub(crate) fn run_matrix(names: &[&str]) -> ExitCode {
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut told: Vec<(usize, String, bool)> = std::thread::scope(|scope| {
        let work = || {
            let mut told = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(name) = names.get(index) else {
                    return told;
                };
                let (text, failed) = matrix_of(name);
                told.push((index, text, failed));
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| {
            let panicked = |_| vec![(usize::MAX, "FAILED: a thread panicked\n".to_owned(), true)];
            thread.join().unwrap_or_else(panicked)
        });
        joined.flatten().collect()
    });
    told.sort();
    for (_, text, _) in &told {
        print!("{text}");
    }
    exit(told.iter().any(|(.., failed)| *failed))
}

/// Every crash of one story, as text.
fn matrix_of(name: &str) -> (String, bool) {
    let variants = Story::named(name);
    let found = matrix::exhaust(&variants, &product());
    let mut text = format!("{name}: {} runs, commits {:?}\n", found.runs, found.commits);
    for (variant, crashes, report) in found.failures.iter().take(MOST_EXAMPLES) {
        text.push_str(&format!("FAILED variant {variant}, crashes {crashes:?}\n"));
        if let Some(story) = variants.get(*variant) {
            let (told, _) = matrix::tell(story, crashes, product(), Keep::Lines);
            text.push_str(&told.trace.lines().join("\n"));
            let violation = report.violation.as_ref();
            let why = violation.map_or_else(String::new, ToString::to_string);
            text.push_str(&format!("\nFAILED {why}\n"));
        }
    }
    (text, !found.failures.is_empty())
}

/// A run that must fail, so that silence is never mistaken for health.
pub(crate) fn canary() -> ExitCode {
    let build: Arc<dyn Build> = Arc::new(Canary);
    for seed in 0..CANARY_SEEDS {
        let seed = Seed {
            seed,
            size: CANARY_SIZE,
        };
        if let Some(violation) = run(seed, Arc::clone(&build), Keep::Nothing).violation {
            println!(
                "the canary died of {} in {seed}, as it should",
                violation.invariant
            );
            return ExitCode::SUCCESS;
        }
    }
    println!("FAILED: the canary is alive after {CANARY_SEEDS} seeds");
    ExitCode::FAILURE
}

fn exit(failed: bool) -> ExitCode {
    if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
