//! Everything recorded between clients and the simulator, against the published OpenAPI description.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::simulator::{self, make_empty};
use crate::steps::{Done, recordings, referees};
use crate::tools::python;

const SCRIPT: &str = "referees/openapi/check.py";

pub(super) fn check(repository: &Repository) -> Result<Done> {
    let python = python::ensure(repository, referees::PYTHON_REQUIREMENTS)?;
    // Without files the script only tests itself, or says that there is no description.
    let said = process::capture(&mut python.script(repository, SCRIPT))?;
    if let Some(why) = said.trim().strip_prefix("skipped: ") {
        return Ok(Done::Skipped(why.to_owned()));
    }
    record_our_client(repository)?;
    let recordings = recordings::all(repository)?;
    process::run(python.script(repository, SCRIPT).args(recordings))?;
    Ok(Done::Passed)
}

/// Our own client pays one order; the program writes down what both sides said.
fn record_our_client(repository: &Repository) -> Result<()> {
    let shouyin = simulator::build(repository)?;
    let data = repository.path("target/recordings/data");
    make_empty(&data)?;
    let mut demo = repository.command(shouyin);
    demo.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data);
    demo.arg("--record")
        .arg(recordings::file(repository, "shouyin")?);
    process::run(&mut demo)
}
