//! Subcommands of cargo that a Rust toolchain does not bring along.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;

/// Installs `cargo <name>` from its published source when it is missing.
pub(crate) fn ensure(repository: &Repository, name: &str) -> Result<()> {
    if process::succeeds(repository.cargo().args([name, "--version"])) {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    println!("{package} is missing and will be built; that takes a few minutes, once");
    process::run(repository.cargo().args(["install", "--locked", &package]))
}
