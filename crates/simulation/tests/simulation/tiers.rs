//! The tiers: the same seeds on the real database, with real signatures, and through the router. The memory store and the
//! services called directly are the wide net; this is the proof that the wide net resembles the sea.

use std::ops::Range;
use std::sync::Arc;

use simulation::matrix::tell;
use simulation::{Keep, Report, Seed, Story, Tier, run};

const SIZE: usize = 1024;
/// Real signatures take their time.
const THROUGH_THE_ROUTER: Range<u64> = 2_000..2_015;

fn holds(seed: u64, tier: Tier) -> Report {
    let seed = Seed { seed, size: SIZE };
    let report = run(seed, Arc::new(tier), Keep::Fingerprint);
    if let Some(violation) = &report.violation {
        let told = run(seed, Arc::new(tier), Keep::Lines);
        panic!(
            "{seed} fails in tier {tier}: {violation}\n{}",
            told.trace.lines().join("\n")
        );
    }
    report
}

/// Not only that both hold: line by line the same happens.
#[test]
fn sqlite_and_memory_tell_the_same_run() {
    for seed in 2_000..2_040 {
        let (memory, sqlite) = (holds(seed, Tier::Memory), holds(seed, Tier::Sqlite));
        assert_eq!(memory.trace.hash(), sqlite.trace.hash(), "{seed}");
        assert_eq!(memory.events, sqlite.events, "{seed}");
    }
}

#[test]
fn a_file_with_threads_tells_the_same_run() {
    for seed in 2_000..2_004 {
        let (memory, file) = (holds(seed, Tier::Memory), holds(seed, Tier::SqliteFile));
        assert_eq!(memory.trace.hash(), file.trace.hash(), "{seed}");
    }
}

/// Whoever asks is told the same, step by step, in JSON and with a key or a session; and the log tells no secret.
#[test]
fn the_router_and_real_signatures_change_nothing() {
    for seed in THROUGH_THE_ROUTER {
        let (memory, full) = (holds(seed, Tier::Memory), holds(seed, Tier::Full));
        assert_eq!(memory.trace.hash(), full.trace.hash(), "{seed}");
        assert_eq!(memory.events, full.events, "{seed}");
    }
}

/// Those seeds would prove little if nobody sold by anything but mini programs in them.
#[test]
fn the_compared_seeds_sell_by_every_product() {
    let mut missing: Vec<&str> = vec!["jsapi", "native", "app", "h5", "code"];
    for seed in THROUGH_THE_ROUTER {
        let seed = Seed { seed, size: SIZE };
        let told = run(seed, Arc::new(Tier::Memory), Keep::Lines);
        for line in told.trace.lines() {
            missing.retain(|product| !line.contains(&format!("({product})")));
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn tells_the_same_stories(tier: Tier) {
    for name in Story::NAMES {
        for story in Story::named(name) {
            let told = |tier| tell(&story, &[], Arc::new(tier), Keep::Fingerprint);
            let (memory, commits) = told(Tier::Memory);
            let (other, same) = told(tier);
            assert_eq!(other.violation, None, "{name}");
            assert_eq!(memory.trace.hash(), other.trace.hash(), "{name}");
            assert_eq!(commits, same, "{name}");
        }
    }
}

#[test]
fn every_story_is_the_same_on_sqlite() {
    tells_the_same_stories(Tier::Sqlite);
}

#[test]
fn every_story_is_the_same_through_the_router() {
    tells_the_same_stories(Tier::Full);
}
