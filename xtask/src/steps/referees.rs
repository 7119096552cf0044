//! Published WeChat Pay clients, unmodified but for the address, judge our simulator.
//! They run in all ways of verifying: with the public key, with platform certificates, and with both.
//! The Standard Webhooks libraries of two other languages judge the webhooks that our server sends.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;
use crate::steps::simulator::Simulator;
use crate::steps::{Done, recordings, simulator};
use crate::tools::node;
use crate::tools::python::{self, Python};

/// What the scripts in Python need, here and for the conformance check.
pub(super) const PYTHON_REQUIREMENTS: &[&str] = &[
    "referees/python/requirements.txt",
    "referees/openapi/requirements.txt",
    "referees/webhooks/requirements.txt",
];

/// The story that writes down the webhooks it receives, and where it writes them (`CARGO_TARGET_TMPDIR`).
const WEBHOOK_STORY: &str = "webhook::record::the_referees_get_what_receivers_get";
const WEBHOOKS: &str = "target/tmp/webhooks.jsonl";

pub(super) fn test(repository: &Repository) -> Result<Done> {
    let shouyin = simulator::build(repository)?;
    let python = python::ensure(repository, PYTHON_REQUIREMENTS)?;
    node::install_packages(repository, "referees/node")?;
    for mode in ["public-key", "certificate", "switching"] {
        judge(repository, &shouyin, &python, "python", mode)?;
        judge(repository, &shouyin, &python, "node", mode)?;
    }
    judge_webhooks(repository, &python)?;
    Ok(Done::Passed)
}

/// Both libraries, on the same webhooks.
fn judge_webhooks(repository: &Repository, python: &Python) -> Result<()> {
    node::install_packages(repository, "referees/webhooks")?;
    // What an earlier run left must not be judged again.
    let file = repository.path(WEBHOOKS);
    if file.exists() {
        fs::remove_file(&file).with_context(|| format!("cannot remove {WEBHOOKS}"))?;
    }
    // For the whole workspace, so that nothing is compiled again with fewer features than for the tests.
    let story = ["test", "--workspace", "--all-features", "--test", "story"];
    let mut record = repository.cargo();
    record.args(story).args(["--", "--exact", WEBHOOK_STORY]);
    process::run(&mut record)?;
    let mut by_python = python.script(repository, "referees/webhooks/referee.py");
    process::run(by_python.arg(WEBHOOKS))?;
    let mut by_node = repository.command("node");
    process::run(by_node.args(["referees/webhooks/referee.mjs", WEBHOOKS]))
}

/// One referee in one mode, against a simulator of its own; keeps what they said to each other.
fn judge(
    repository: &Repository,
    shouyin: &Path,
    python: &Python,
    name: &str,
    mode: &str,
) -> Result<()> {
    let folder = repository.path(format!("target/referees/{name}-{mode}"));
    let simulator = Simulator::start(repository, shouyin, &folder)?;
    let mut referee = if name == "python" {
        python.script(repository, "referees/python/referee.py")
    } else {
        let mut node = repository.command("node");
        node.arg("referees/node/referee.mjs");
        node
    };
    referee
        .args(["--mode", mode, "--merchant"])
        .arg(simulator.merchant_dir());
    process::run(&mut referee)?;
    let mut record = python.script(repository, "referees/openapi/record.py");
    record.arg(simulator.control_url());
    record.arg(recordings::file(repository, &format!("{name}-{mode}"))?);
    process::run(&mut record)
}
