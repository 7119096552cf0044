//! What the Rust toolchain can say about the workspace.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::tools;

pub(super) fn fmt(repository: &Repository) -> Result<Done> {
    process::run(repository.cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Done::Passed)
}

pub(super) fn clippy(repository: &Repository) -> Result<Done> {
    let mut clippy = repository.cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    process::run(&mut clippy)?;
    Ok(Done::Passed)
}

pub(super) fn test(repository: &Repository) -> Result<Done> {
    tools::cargo::ensure(repository, "nextest")?;
    let mut nextest = repository.cargo();
    nextest.args([
        "nextest",
        "run",
        "--workspace",
        "--all-features",
        "--no-fail-fast",
    ]);
    process::run(&mut nextest)?;
    // nextest does not run the examples in documentation.
    process::run(
        repository
            .cargo()
            .args(["test", "--doc", "--workspace", "--all-features"]),
    )?;
    Ok(Done::Passed)
}
