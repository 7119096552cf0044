//! A bounded number of seeds: fixed ones, a run of consecutive ones, and those that failed once.

use std::sync::Arc;

use simulation::{Build, Case, Keep, Product, Report, Seed, run, run_case};

const SIZE: usize = 1024;
/// As many as an unoptimised build does in some ten seconds. The wide search is `simulation run --release`.
const SEEDS: u64 = 150;

fn holds(seed: Seed) -> Report {
    let build: Arc<dyn Build> = Arc::new(Product);
    let report = run(seed, Arc::clone(&build), Keep::Fingerprint);
    if let Some(violation) = &report.violation {
        let told = run(seed, build, Keep::Lines);
        panic!(
            "{seed} fails: {violation}\n{}",
            told.trace.lines().join("\n")
        );
    }
    report
}

#[test]
fn no_invariant_breaks_in_the_first_seeds() {
    let mut paid = 0;
    for seed in 0..SEEDS {
        paid += holds(Seed { seed, size: SIZE }).payments.1;
    }
    // A world in which nobody pays would hold every invariant.
    assert!(paid > 120, "only {paid} payments were paid");
}

#[test]
fn no_invariant_breaks_in_long_runs() {
    for seed in 1_000_000..1_000_008 {
        holds(Seed {
            seed,
            size: 8 * SIZE,
        });
    }
}

#[test]
fn no_invariant_breaks_where_one_broke_once() {
    let regressions = include_str!("../../regressions.txt");
    for line in regressions.lines() {
        let text = line.split('#').next().unwrap_or_default().trim();
        if !text.is_empty() {
            let case = Case::parse(text).expect("SEED:SIZE, or SEED:SIZE!NAME");
            let violation = run_case(&case, Arc::new(Product), Keep::Nothing).violation;
            assert_eq!(violation, None, "{case}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..10 {
        let seed = Seed { seed, size: SIZE };
        let (first, second) = (holds(seed), holds(seed));
        assert_eq!(first.trace.hash(), second.trace.hash(), "{seed}");
        assert_eq!(first.events, second.events, "{seed}");
    }
    let (one, other) = (
        holds(Seed {
            seed: 1,
            size: SIZE,
        }),
        holds(Seed {
            seed: 2,
            size: SIZE,
        }),
    );
    assert_ne!(one.trace.hash(), other.trace.hash());
}
