//! `cargo xtask sim bugs`: proof that the simulation finds mistakes. Each patch in `crates/simulation/bugs` plants one in a copy of
//! the product; the simulation built from that copy must find it within the budget that the patch states, by a check that it
//! names. The product itself carries no trace of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::repository::Repository;

/// The crates that the simulation is made of.
const CRATES: [&str; 9] = [
    "libs/fen",
    "libs/wechatpay",
    "libs/wechat-miniprogram",
    "crates/shouyin-core",
    "crates/shouyin-store",
    "crates/shouyin-wechat",
    "crates/shouyin-server",
    "crates/wechat-simulator",
    "crates/simulation",
];

/// No search for one bug takes longer than this, in seconds; a budget counts seeds.
const LONGEST_S: &str = "60";

/// One mistake.
struct Bug {
    name: String,
    patch: PathBuf,
    /// The invariants that may find it.
    caught_by: Vec<String>,
    /// Within how many seeds.
    budget: String,
    /// What else the search is told, for example a size.
    options: Vec<String>,
}

/// What a search found.
struct Found {
    check: String,
    seed: String,
    count: String,
}

/// Plants each bug, or those whose names contain one of these words, and lets the simulation find it.
pub(super) fn run(repository: &Repository, names: &[&str]) -> Result<()> {
    let bugs: Vec<Bug> = read_all(repository)?
        .into_iter()
        .filter(|bug| names.is_empty() || names.iter().any(|name| bug.name.contains(name)))
        .collect();
    ensure!(!bugs.is_empty(), "there is no such bug");
    let copy = Copy::new(repository)?;
    copy.restore(repository)?;
    copy.build(repository)?;
    let clean = copy.search(repository, &["run", "--seeds", "400"])?;
    ensure!(
        clean.is_none(),
        "the product without a bug fails; repair that first"
    );
    let mut lost = Vec::new();
    let mut table = Vec::new();
    for bug in &bugs {
        match find(repository, &copy, bug) {
            Ok(found) => {
                println!(
                    "{}: {} in {} ({})",
                    bug.name, found.check, found.seed, found.count
                );
                table.push(format!(
                    "{:<44} {:<14} {:<22} {}",
                    bug.name, found.check, found.seed, found.count
                ));
            }
            Err(error) => {
                println!("{}: {error:#}", bug.name);
                // What the compiler had to say was printed above.
                let why = error.to_string();
                let why = why.lines().next().unwrap_or_default();
                table.push(format!("{:<44} NOT FOUND: {why}", bug.name));
                lost.push(bug.name.as_str());
            }
        }
    }
    println!(
        "\n{:<44} {:<14} {:<22} seeds failing",
        "planted bug", "check", "first seed"
    );
    for row in table {
        println!("{row}");
    }
    ensure!(lost.is_empty(), "not found: {}", lost.join(", "));
    Ok(())
}

fn find(repository: &Repository, copy: &Copy, bug: &Bug) -> Result<Found> {
    copy.apply(repository, &bug.patch, &[])?;
    let found = hunt(repository, copy, bug);
    copy.apply(repository, &bug.patch, &["--reverse"])?;
    found
}

fn hunt(repository: &Repository, copy: &Copy, bug: &Bug) -> Result<Found> {
    copy.build(repository)?;
    let mut words = vec!["run", "--seeds", &bug.budget, "--seconds", LONGEST_S];
    words.extend(bug.options.iter().map(String::as_str));
    let found = copy.search(repository, &words)?;
    let Some(found) = found else {
        bail!("not found in {} seeds", bug.budget);
    };
    ensure!(
        bug.caught_by.contains(&found.check),
        "{} found it, which the patch does not name",
        found.check
    );
    Ok(found)
}

/// All patches in the order of their names.
fn read_all(repository: &Repository) -> Result<Vec<Bug>> {
    let folder = repository.path("crates/simulation/bugs");
    let mut bugs = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))? {
        let patch = entry?.path();
        if patch
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            bugs.push(read(&patch)?);
        }
    }
    bugs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(bugs)
}

/// The header of a patch: lines of the form `Name: value` before the first difference.
fn read(patch: &Path) -> Result<Bug> {
    let name = patch.file_stem().unwrap_or_default().to_string_lossy();
    let text = fs::read_to_string(patch)?;
    let header = text.split("\ndiff --git").next().unwrap_or_default();
    let field = |wanted: &str| {
        let mut lines = header.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(field, _)| *field == wanted);
        found.map(|(_, value)| value.trim().to_owned())
    };
    let words = |text: String| -> Vec<String> {
        let words = text.split([',', ' ']).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    let needed = |wanted: &str| field(wanted).with_context(|| format!("{name} says no {wanted}"));
    needed("What")?;
    needed("Masked by")?;
    Ok(Bug {
        name: name.to_string(),
        patch: patch.to_owned(),
        caught_by: words(needed("Caught by")?),
        budget: needed("Budget")?,
        options: field("Options").map(words).unwrap_or_default(),
    })
}

/// The copy of the product in which bugs are planted.
struct Copy {
    source: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new(repository: &Repository) -> Result<Self> {
        let source = repository.path("target/bugs/source");
        fs::create_dir_all(&source)?;
        Ok(Self {
            source,
            target: repository.path("target/bugs/build"),
        })
    }

    /// Makes the copy equal to the product. Files that are equal stay untouched, so that they are not compiled again.
    fn restore(&self, repository: &Repository) -> Result<()> {
        let manifest = fs::read_to_string(repository.path("Cargo.toml"))?;
        // What is said of single crates would win over what `build` asks for.
        let (manifest, _) = manifest
            .split_once("[profile.release.package.")
            .unwrap_or((&manifest, ""));
        let manifest: Vec<&str> = manifest
            .lines()
            .map(|line| match line.split_once(" = ") {
                Some(("members", _)) => "members = [\"libs/*\", \"crates/*\"]",
                Some(("default-members", _)) => "default-members = [\"crates/simulation\"]",
                Some(_) | None => line,
            })
            .collect();
        put(
            &self.source.join("Cargo.toml"),
            manifest.join("\n").as_bytes(),
        )?;
        let lock = self.source.join("Cargo.lock");
        if !lock.exists() {
            fs::copy(repository.path("Cargo.lock"), lock)?;
        }
        for name in CRATES {
            mirror(&repository.path(name), &self.source.join(name))?;
        }
        Ok(())
    }

    /// Plants a bug, or takes it out again.
    fn apply(&self, repository: &Repository, patch: &Path, options: &[&str]) -> Result<()> {
        let mut git = self.command(repository, "git");
        // Outside of any repository, paths are taken as they are.
        git.env("GIT_CEILING_DIRECTORIES", repository.path("target/bugs"));
        git.arg("apply").args(options).arg(patch);
        process::capture(&mut git).context("the patch does not apply any more")?;
        Ok(())
    }

    fn build(&self, repository: &Repository) -> Result<()> {
        let mut cargo = self.command(
            repository,
            std::env::var_os("CARGO").unwrap_or("cargo".into()),
        );
        // Every bug compiles four crates again: that counts for more than the last bit of speed.
        cargo
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_PROFILE_RELEASE_INCREMENTAL", "true")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64");
        cargo.args(["build", "--release", "--quiet", "--package", "simulation"]);
        process::capture(&mut cargo)?;
        Ok(())
    }

    /// What a search finds first, and how often.
    fn search(&self, repository: &Repository, words: &[&str]) -> Result<Option<Found>> {
        let mut program = self.command(repository, self.target.join("release/simulation"));
        program.args(words).args(["--jobs", &super::jobs()]);
        let output = process::output(&mut program)?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(first_failure(&text))
    }

    fn command(&self, repository: &Repository, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = repository.command(program);
        command.current_dir(&self.source);
        command
    }
}

/// Reads what a search prints: `FAILED S1: 3 of 400 seeds`, then `  replay 17:1024 memory  # why`. Of several kinds of failure the
/// one with the earliest seed.
fn first_failure(text: &str) -> Option<Found> {
    let mut best: Option<(u64, Found)> = None;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((check, count)) = line
            .strip_prefix("FAILED ")
            .and_then(|rest| rest.split_once(": "))
        else {
            continue;
        };
        let replay = lines
            .peek()
            .and_then(|line| line.trim().strip_prefix("replay "));
        let Some(seed) = replay.and_then(|rest| rest.split_whitespace().next()) else {
            continue;
        };
        let number = seed
            .split(':')
            .next()
            .and_then(|number| number.parse().ok());
        let number: u64 = number.unwrap_or(u64::MAX);
        if best.as_ref().is_none_or(|(earliest, _)| number < *earliest) {
            let found = Found {
                check: check.to_owned(),
                seed: seed.to_owned(),
                count: count.trim_end_matches(" seeds").to_owned(),
            };
            best = Some((number, found));
        }
    }
    best.map(|(_, found)| found)
}

/// Writes a file unless it says the same already.
fn put(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Makes one folder equal to another.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(to)? {
        let there = entry?.path();
        let Some(name) = there.file_name() else {
            continue;
        };
        if !from.join(name).exists() {
            if there.is_dir() {
                fs::remove_dir_all(&there)?;
            } else {
                fs::remove_file(&there)?;
            }
        }
    }
    for entry in fs::read_dir(from)? {
        let here = entry?.path();
        let Some(name) = here.file_name() else {
            continue;
        };
        if here.is_dir() {
            mirror(&here, &to.join(name))?;
        } else {
            put(&to.join(name), &fs::read(&here)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_failure_is_the_one_that_counts() {
        let text = "tier memory: 400 seeds\nFAILED L1: 3 of 400 seeds\n  replay 90:1024 memory  # x\n  replay 91:1024 memory  # x\n\
                    FAILED S2: 1 of 400 seeds\n  replay 17:1024 memory  # y\n";
        let found = first_failure(text).unwrap();
        assert_eq!(
            (
                found.check.as_str(),
                found.seed.as_str(),
                found.count.as_str()
            ),
            ("S2", "17:1024", "1 of 400")
        );
        assert!(first_failure("tier memory: 400 seeds\n").is_none());
    }
}
