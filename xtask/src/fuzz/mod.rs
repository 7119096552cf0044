//! `cargo xtask fuzz`: every parser of foreign bytes, searched with coverage for a bounded time.
//!
//! What must hold is in `crates/foreign-bytes`; seeds are in `fuzz/seeds`; what a run learns stays in `fuzz/corpus`,
//! which is not under version control.

mod stats;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;
use crate::tools;
use stats::Stats;

/// Runs one target, or all of them one after the other, each for so many seconds; prints a table.
pub(crate) fn run(repository: &Repository, seconds: u32, only: Option<&str>) -> Result<()> {
    let all = targets(repository)?;
    let chosen: Vec<&String> = all
        .iter()
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    if chosen.is_empty() {
        bail!(
            "there is no such target; the targets are {}",
            all.join(", ")
        );
    }
    if !process::succeeds(nightly(repository).arg("--version")) {
        bail!(
            "cargo-fuzz needs a nightly toolchain: run `rustup toolchain install nightly --profile minimal`"
        );
    }
    tools::cargo::ensure(repository, "fuzz")?;
    build(repository)?;
    let mut rows = Vec::new();
    for target in chosen {
        println!("fuzzing {target} for {seconds} s");
        rows.push((target.as_str(), search(repository, target, seconds)?));
    }
    print_table(&rows);
    let crashed: Vec<&str> = rows
        .iter()
        .filter(|(_, stats)| stats.crashes > 0)
        .map(|(target, _)| *target)
        .collect();
    if !crashed.is_empty() {
        bail!(
            "{} broke a promise; the bytes are in fuzz/artifacts. Put them into fuzz/seeds/<target> under a name that \
             says what they show, and `cargo test -p foreign-bytes` fails until the parser is right",
            crashed.join(", ")
        );
    }
    Ok(())
}

/// The names of all targets, from the files that are compiled.
fn targets(repository: &Repository) -> Result<Vec<String>> {
    let folder = repository.path("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The cargo of the nightly toolchain. The one that started us is of a fixed toolchain and takes no `+`.
fn nightly(repository: &Repository) -> std::process::Command {
    let mut command = repository.command("cargo");
    command
        .env_remove("CARGO")
        .env_remove("RUSTUP_TOOLCHAIN")
        .arg("+nightly");
    command
}

/// No sanitizer: nothing of ours is `unsafe`, so what is searched for is a broken promise, and that twice as fast.
fn build(repository: &Repository) -> Result<()> {
    let mut command = nightly(repository);
    command
        .current_dir(repository.path("fuzz"))
        .args(["fuzz", "build", "--sanitizer", "none"]);
    process::run(&mut command)
}

/// Where the build put a target: below the name of this kind of machine.
fn program(repository: &Repository, target: &str) -> Result<PathBuf> {
    let folder = repository.path("fuzz/target");
    let kinds =
        fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    kinds
        .filter_map(Result::ok)
        .map(|kind| kind.path().join("release").join(target))
        .find(|program| program.is_file())
        .with_context(|| format!("{target} was not built"))
}

fn search(repository: &Repository, target: &str, seconds: u32) -> Result<Stats> {
    let make = |folder: &str| -> Result<PathBuf> {
        let folder = repository.path("fuzz").join(folder).join(target);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    };
    let (corpus, artifacts) = (make("corpus")?, make("artifacts")?);
    // Not through cargo, which would build again whenever a source has changed meanwhile.
    let mut command = repository.command(program(repository, target)?);
    command
        // New finds go into the first folder, seeds are only read.
        .arg(&corpus)
        .arg(repository.path("fuzz/seeds").join(target))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-print_final_stats=1", "-timeout=10", "-max_len=4096"]);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{}`", process::shown(&command)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let stats = Stats::read(&said, output.status.success());
    match stats {
        Some(stats) => {
            if stats.crashes > 0 {
                // The promise that was broken, and the file with the bytes.
                let from = said
                    .lines()
                    .skip_while(|line| !line.contains("panicked at"));
                let file = said.lines().find(|line| line.contains("Test unit written"));
                for line in from.take(6).chain(file) {
                    println!("{line}");
                }
            }
            Ok(stats)
        }
        None => bail!("{target} did not run: {}", said.trim()),
    }
}

fn print_table(rows: &[(&str, Stats)]) {
    println!(
        "\n{:<16}{:>12}{:>10}{:>12}{:>9}",
        "target", "runs", "exec/s", "new corpus", "crashes"
    );
    for (target, stats) in rows {
        println!(
            "{target:<16}{:>12}{:>10}{:>12}{:>9}",
            stats.runs, stats.per_second, stats.new_corpus, stats.crashes
        );
    }
    let runs: u64 = rows.iter().map(|(_, stats)| stats.runs).sum();
    let crashes: u64 = rows.iter().map(|(_, stats)| stats.crashes).sum();
    println!(
        "\nfuzz: {} targets, {runs} runs, {crashes} crashes",
        rows.len()
    );
}
