//! Published WeChat Pay clients, unmodified but for the address, judge our simulator.
//! They run in all ways of verifying: with the public key, with platform certificates, and with both.

use std::path::Path;

use anyhow::Result;

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
];

pub(super) fn test(repository: &Repository) -> Result<Done> {
    let shouyin = simulator::build(repository)?;
    let python = python::ensure(repository, PYTHON_REQUIREMENTS)?;
    node::install_packages(repository, "referees/node")?;
    for mode in ["public-key", "certificate", "switching"] {
        judge(repository, &shouyin, &python, "python", mode)?;
        judge(repository, &shouyin, &python, "node", mode)?;
    }
    Ok(Done::Passed)
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
