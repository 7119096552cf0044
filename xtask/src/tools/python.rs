//! Python, in an environment of our own below target/, so that nothing on the machine changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;
use crate::tools::apt;

/// The interpreter of our environment.
#[derive(Debug)]
pub(crate) struct Python(PathBuf);

impl Python {
    /// A command that runs this script; the path is relative to the root.
    pub(crate) fn script(&self, repository: &Repository, script: &str) -> Command {
        let mut command = repository.command(&self.0);
        // Compiled copies beside the source would only be in the way.
        command.env("PYTHONDONTWRITEBYTECODE", "1").arg(script);
        command
    }
}

/// The environment, with the packages of these requirement files installed.
pub(crate) fn ensure(repository: &Repository, requirements: &[&str]) -> Result<Python> {
    let folder = repository.path("target/venv");
    let python = folder.join("bin/python");
    if !process::succeeds(repository.command(&python).args(["-m", "pip", "--version"])) {
        create(repository, &folder)?;
    }
    // What was installed last time, so that an unchanged list costs nothing.
    let wanted = read_all(repository, requirements)?;
    let stamp = folder.join("installed-requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(Python(python));
    }
    let mut pip = repository.command(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    for file in requirements {
        pip.args(["--requirement", file]);
    }
    process::run(&mut pip)?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(Python(python))
}

fn create(repository: &Repository, folder: &Path) -> Result<()> {
    let create = || {
        let mut python = repository.command("python3");
        python.args(["-m", "venv", "--clear"]).arg(folder);
        process::run(&mut python)
    };
    if create().is_ok() {
        return Ok(());
    }
    // Debian has the interpreter without its environments, or neither.
    apt::install(repository, &["python3", "python3-venv"])?;
    create()
}

fn read_all(repository: &Repository, files: &[&str]) -> Result<String> {
    let mut text = String::new();
    for file in files {
        let content = fs::read_to_string(repository.path(file))
            .with_context(|| format!("{file} is missing"))?;
        text.push_str(&content);
    }
    Ok(text)
}
