//! `cargo xtask sim`: the deterministic simulation. Without arguments it is what a change has to pass, in about two minutes:
//! the canary, the crash matrix, and this commit's own seeds in every tier. With arguments it is the simulation's own
//! command line, except for `bugs`.

mod bugs;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;

/// Which tiers a change has to pass, for how many seconds, with at least so many bytes of chaos a seed.
const TIERS: [(&str, &str); 3] = [("memory", "60"), ("sqlite", "30"), ("full", "20")];

/// Runs what is asked for.
pub(crate) fn run(repository: &Repository, arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => everything(repository, false),
        ["--floors"] => everything(repository, true),
        ["bugs", names @ ..] => bugs::run(repository, names),
        words => simulation(repository, words),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// The same seeds for everybody, in every tier: what the test command runs. New ground is for `cargo xtask sim`, where somebody
/// looks at what it finds.
pub(crate) fn check(repository: &Repository) -> Result<()> {
    simulation(repository, &["canary"])?;
    simulation(repository, &["matrix"])?;
    let jobs = jobs();
    for (tier, seeds) in [("memory", "10000"), ("sqlite", "1000"), ("full", "150")] {
        let words = [
            "run", "--tier", tier, "--seeds", seeds, "--first", "0", "--jobs", &jobs,
        ];
        simulation(repository, &words)?;
    }
    Ok(())
}

/// Builds the simulation in release and runs it.
fn simulation(repository: &Repository, words: &[&str]) -> Result<()> {
    let mut program = repository.cargo();
    program
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "simulation",
            "--",
        ])
        .args(words);
    process::run(&mut program)
}

fn everything(repository: &Repository, floors: bool) -> Result<()> {
    let (first, jobs) = (first_seed(repository)?, jobs());
    simulation(repository, &["canary"])?;
    simulation(repository, &["matrix"])?;
    let mut failed = Vec::new();
    for (tier, seconds) in TIERS {
        let mut words = vec!["run", "--tier", tier, "--seconds", seconds];
        words.extend(["--first", &first, "--jobs", &jobs]);
        if tier == "memory" {
            words.push("--marks");
        }
        if floors {
            words.push("--floors");
        }
        if let Err(error) = simulation(repository, &words) {
            eprintln!("{error:#}");
            failed.push(tier);
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("failed in the tiers {}", failed.join(", "))
    }
}

/// As many threads as there are cores.
fn jobs() -> String {
    std::thread::available_parallelism().map_or_else(|_| "1".to_owned(), |cores| cores.to_string())
}

/// Made from the commit: every commit explores new ground, and its failures can be repeated from its hash.
fn first_seed(repository: &Repository) -> Result<String> {
    let mut git = repository.command("git");
    git.args(["rev-parse", "HEAD"]);
    let hash = process::capture(&mut git)?;
    let start = hash.get(..8).context("a commit hash has 40 digits")?;
    let number = u32::from_str_radix(start, 16).context("a commit hash is hexadecimal")?;
    // Far enough apart that two commits share no seeds.
    Ok((u64::from(number) * 1_000_000).to_string())
}
