//! Tests and pictures in a real browser.

use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::{Done, simulator};
use crate::tools::{chromium, node};

const FOLDER: &str = "tests/browser";

pub(super) fn test(repository: &Repository) -> Result<Done> {
    process::run(prepare(repository)?.arg("test"))?;
    Ok(Done::Passed)
}

/// Takes the pictures of the documentation again.
pub(crate) fn screenshots(repository: &Repository) -> Result<String> {
    process::run(prepare(repository)?.args(["run", "screenshots"]))?;
    Ok("the pictures are in docs/images".to_owned())
}

/// npm in the tests' folder, told which program and which browser to use.
fn prepare(repository: &Repository) -> Result<Command> {
    let browser = chromium::ensure(repository)?;
    node::install_packages(repository, FOLDER)?;
    let shouyin = simulator::build(repository)?;
    let mut npm = node::npm(repository, FOLDER);
    npm.env("CHROMIUM", browser).env("SHOUYIN_BIN", shouyin);
    Ok(npm)
}
