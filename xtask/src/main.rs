//! All automation of this repository: `cargo xtask test` is what a developer runs before handing in
//! a change, and the only thing that continuous integration runs.
//!
//! A step is a module in `steps/`; the checks we invented are `layers` and `tidy`; `tools/` finds
//! and installs what a step needs.

mod fuzz;
mod layers;
mod process;
mod repository;
mod sim;
mod steps;
mod stopwatch;
mod tidy;
mod tools;
mod torture;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::repository::Repository;

/// All automation of this repository.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_version_flag = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install what is missing, run every check and test, and sum up. What CI runs.
    Test {
        /// Run only these steps, in the usual order (see --list).
        #[arg(long, value_name = "STEP", value_delimiter = ',')]
        only: Vec<String>,
        /// Leave these steps out.
        #[arg(long, value_name = "STEP", value_delimiter = ',')]
        skip: Vec<String>,
        /// Stop at the first failing step instead of running the others.
        #[arg(long)]
        fail_fast: bool,
        /// List the steps and what each one shows; run nothing.
        #[arg(long)]
        list: bool,
    },
    /// Check that dependencies between our crates only point down.
    Layers,
    /// Check the words, links and secrets of all files.
    Tidy,
    /// Take the pictures in docs/images again, from the running program.
    Screenshots,
    /// Build the benchmarks in release and run them; arguments after `--` go to them.
    Bench {
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Search every parser of foreign bytes for inputs that break a promise, with coverage, for a bounded time.
    Fuzz {
        /// How long each target is searched.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
        /// Only this target, of those in fuzz/fuzz_targets.
        #[arg(long)]
        target: Option<String>,
    },
    /// Kill the release program again and again while it is used, then compare its books with WeChat's.
    Torture {
        /// The form that is part of `cargo xtask test`: a minute instead of many.
        #[arg(long)]
        short: bool,
        /// How often the server is killed.
        #[arg(long)]
        kills: Option<u32>,
        /// Where chance begins; made up if left out.
        #[arg(long)]
        seed: Option<u64>,
        /// A program that is built already, instead of the release build of this source.
        #[arg(long)]
        program: Option<std::path::PathBuf>,
    },
    /// The deterministic simulation: alone, what a change has to pass; or `sim run`, `sim replay 4711:1024`, `sim matrix`,
    /// `sim bugs` and more (see `sim help`).
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    let repository = Repository::find()?;
    match arguments.command {
        Command::Test { list: true, .. } => {
            steps::list();
            Ok(ExitCode::SUCCESS)
        }
        Command::Test {
            only,
            skip,
            fail_fast,
            list: false,
        } => {
            let chosen = steps::choose(&only, &skip)?;
            Ok(steps::run(&repository, &chosen, fail_fast))
        }
        Command::Layers => done(layers::check(&repository)),
        Command::Tidy => done(tidy::check(&repository)),
        Command::Screenshots => done(steps::browser::screenshots(&repository)),
        Command::Bench { arguments } => run_release(&repository, "bench", &arguments),
        Command::Fuzz { seconds, target } => {
            fuzz::run(&repository, seconds, target.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Torture {
            short,
            kills,
            seed,
            program,
        } => {
            let usual = if short {
                torture::SHORT_KILLS
            } else {
                torture::LONG_KILLS
            };
            let options = torture::Options {
                kills: kills.unwrap_or(usual),
                seed: seed.unwrap_or_else(|| u64::from(std::process::id())),
                program,
            };
            torture::run(&repository, &options)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sim { arguments } => sim::run(&repository, &arguments),
    }
}

/// Builds a package of ours in release and runs it.
fn run_release(repository: &Repository, package: &str, arguments: &[String]) -> Result<ExitCode> {
    let mut program = repository.cargo();
    program
        .args(["run", "--release", "--package", package, "--"])
        .args(arguments);
    process::run(&mut program)?;
    Ok(ExitCode::SUCCESS)
}

fn done(result: Result<String>) -> Result<ExitCode> {
    println!("{}", result?);
    Ok(ExitCode::SUCCESS)
}
