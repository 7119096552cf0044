//! The program as it is given to people: built in release, paying one order by itself.

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::steps::simulator::make_empty;

/// The release program, built if it is not.
fn program(repository: &Repository) -> Result<Command> {
    process::run(
        repository
            .cargo()
            .args(["build", "--release", "--package", "shouyin"]),
    )?;
    Ok(repository.command(repository.path("target/release/shouyin")))
}

/// Every scenario in the way its users play it.
pub(super) fn scenarios(repository: &Repository) -> Result<Done> {
    let mut play = program(repository)?;
    play.args(["simulator", "scenario", "--all"]);
    process::run(&mut play)?;
    Ok(Done::Passed)
}

pub(super) fn once(repository: &Repository) -> Result<Done> {
    let mut demo = program(repository)?;
    let data = repository.path("target/demo-once");
    make_empty(&data)?;
    demo.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data);
    process::run(&mut demo)?;
    Ok(Done::Passed)
}
