//! The steps of `cargo xtask test`, in the order in which they run: the quick ones first.

pub(crate) mod browser;
mod demo;
mod deny;
mod javascript;
mod openapi;
mod recordings;
mod referees;
mod rust;
pub(crate) mod simulator;
mod torture;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::repository::Repository;
use crate::stopwatch::{Elapsed, Stopwatch};
use crate::{layers, tidy};

/// One step. It prints what it does; on success it returns one line to remember.
pub(crate) struct Step {
    name: &'static str,
    /// What is true when the step has passed.
    about: &'static str,
    run: fn(&Repository) -> Result<Done>,
}

pub(crate) enum Done {
    Passed,
    /// The step could not be done here, and why that is all right.
    Skipped(String),
}

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the Rust source is formatted",
        run: rust::fmt,
    },
    Step {
        name: "layers",
        about: "dependencies between our crates point down",
        run: |repository| say(layers::check(repository)),
    },
    Step {
        name: "tidy",
        about: "no dead links, secrets, unfinished marks or machine paths in any file",
        run: |repository| say(tidy::check(repository)),
    },
    Step {
        name: "deny",
        about: "licences, origins and versions of all dependencies are as deny.toml asks",
        run: deny::check,
    },
    Step {
        name: "clippy",
        about: "no lint warns, with every feature and in tests",
        run: rust::clippy,
    },
    Step {
        name: "rust",
        about: "unit, story, property and simulation tests, and examples in docs",
        run: rust::test,
    },
    Step {
        name: "zones",
        about: "money, times and rules are the same in every time zone",
        run: rust::zones,
    },
    Step {
        name: "javascript",
        about: "the mini program package and the sample that uses it",
        run: javascript::test,
    },
    Step {
        name: "referees",
        about: "clients and libraries that nobody here wrote accept our simulator and our webhooks",
        run: referees::test,
    },
    Step {
        name: "openapi",
        about: "what our client and our simulator say fits the published description",
        run: openapi::check,
    },
    Step {
        name: "demo-once",
        about: "the release program pays one order from end to end, alone",
        run: demo::once,
    },
    Step {
        name: "scenarios",
        about: "everything that can go wrong, by every protocol and product, played by the release program",
        run: demo::scenarios,
    },
    Step {
        name: "torture",
        about: "killed again and again, the release program agrees with WeChat on every order",
        run: torture::short,
    },
    Step {
        name: "simulation",
        about: "a crash at every commit of every story; eleven thousand bad days, in memory, on SQLite and with real signatures",
        run: |repository| crate::sim::check(repository).map(|()| Done::Passed),
    },
    Step {
        name: "browser",
        about: "the demo and its pages, in Chromium",
        run: browser::test,
    },
];

fn say(result: Result<String>) -> Result<Done> {
    println!("{}", result?);
    Ok(Done::Passed)
}

pub(crate) fn list() {
    for step in STEPS {
        println!("{:<12}{}", step.name, step.about);
    }
}

/// The steps to run, in the usual order; fails on a name that is no step.
pub(crate) fn choose(only: &[String], skip: &[String]) -> Result<Vec<&'static Step>> {
    for name in only.iter().chain(skip) {
        if !STEPS.iter().any(|step| step.name == name) {
            let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
            bail!(
                "there is no step {name}; the steps are {}",
                names.join(", ")
            );
        }
    }
    let named = |names: &[String], step: &Step| names.iter().any(|name| name == step.name);
    Ok(STEPS
        .iter()
        .filter(|step| only.is_empty() || named(only, step))
        .filter(|step| !named(skip, step))
        .collect())
}

struct Report {
    name: &'static str,
    took: Elapsed,
    result: Result<Done>,
}

/// Runs the steps and prints the summary.
pub(crate) fn run(repository: &Repository, chosen: &[&Step], fail_fast: bool) -> ExitCode {
    let total = Stopwatch::start();
    let mut reports = Vec::new();
    for step in chosen {
        let report = run_one(repository, step);
        let failed = report.result.is_err();
        reports.push(report);
        if failed && fail_fast {
            break;
        }
    }
    summarise(&reports, chosen.len(), total.read())
}

fn run_one(repository: &Repository, step: &Step) -> Report {
    println!("\n==> {}: {}", step.name, step.about);
    let stopwatch = Stopwatch::start();
    let result = (step.run)(repository);
    let took = stopwatch.read();
    match &result {
        Ok(Done::Passed) => println!("<== {} passed in {took}", step.name),
        Ok(Done::Skipped(why)) => println!("<== {} skipped: {why}", step.name),
        Err(error) => println!("<== {} FAILED after {took}: {error:#}", step.name),
    }
    Report {
        name: step.name,
        took,
        result,
    }
}

fn summarise(reports: &[Report], chosen: usize, took: Elapsed) -> ExitCode {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    println!("\nSummary after {took}:");
    for report in reports {
        let outcome = match &report.result {
            Ok(Done::Passed) => {
                passed += 1;
                "passed".to_owned()
            }
            Ok(Done::Skipped(why)) => {
                skipped += 1;
                format!("skipped: {why}")
            }
            Err(error) => {
                failed += 1;
                format!("FAILED: {error:#}")
            }
        };
        println!(
            "  {:<12}{:>12}  {outcome}",
            report.name,
            report.took.to_string()
        );
    }
    if reports.len() < chosen {
        println!(
            "  {} more not run, because of the failure",
            chosen - reports.len()
        );
    }
    // This form, alone on the last line, is what programs look for.
    println!();
    if skipped == 0 {
        println!("{passed} passed, {failed} failed");
    } else {
        println!("{passed} passed, {failed} failed, {skipped} skipped");
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        choose(&owned(only), &owned(skip))
            .unwrap()
            .iter()
            .map(|step| step.name)
            .collect()
    }

    #[test]
    fn chosen_steps_keep_the_usual_order() {
        assert_eq!(names(&["tidy", "fmt"], &[]), ["fmt", "tidy"]);
        assert_eq!(names(&[], &[]).len(), STEPS.len());
        assert_eq!(names(&["fmt", "tidy"], &["fmt"]), ["tidy"]);
    }

    #[test]
    fn a_name_that_is_no_step_is_refused_with_the_names_that_are() {
        let error = choose(&["fmt,".to_owned()], &[])
            .err()
            .map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("fmt, layers, tidy")));
    }

    #[test]
    fn one_failure_makes_the_run_fail() {
        let report = |result| Report {
            name: "x",
            took: Stopwatch::start().read(),
            result,
        };
        let took = Stopwatch::start().read();
        let failed = summarise(
            &[report(Ok(Done::Passed)), report(Err(anyhow::anyhow!("no")))],
            2,
            took,
        );
        assert_eq!(format!("{failed:?}"), format!("{:?}", ExitCode::FAILURE));
        let fine = summarise(
            &[
                report(Ok(Done::Passed)),
                report(Ok(Done::Skipped("far".into()))),
            ],
            2,
            took,
        );
        assert_eq!(format!("{fine:?}"), format!("{:?}", ExitCode::SUCCESS));
    }
}
