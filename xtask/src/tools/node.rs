//! Node.js, npm, and the packages of a folder.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::repository::Repository;
use crate::tools::apt;

#[derive(Debug, Deserialize)]
struct Manifest {
    #[serde(default)]
    dependencies: serde_json::Map<String, serde_json::Value>,
    #[serde(default, rename = "devDependencies")]
    dev_dependencies: serde_json::Map<String, serde_json::Value>,
}

pub(crate) fn ensure(repository: &Repository) -> Result<()> {
    let mut missing = Vec::new();
    if !process::succeeds(repository.command("node").arg("--version")) {
        missing.push("nodejs");
    }
    if !process::succeeds(repository.command("npm").arg("--version")) {
        missing.push("npm");
    }
    if missing.is_empty() {
        Ok(())
    } else {
        apt::install(repository, &missing)
    }
}

/// Installs what package.json in this folder asks for, exactly as its lock file says.
pub(crate) fn install_packages(repository: &Repository, folder: &str) -> Result<()> {
    ensure(repository)?;
    let manifest = repository.path(folder).join("package.json");
    let text = fs::read_to_string(&manifest)
        .with_context(|| format!("{folder}/package.json is missing"))?;
    let manifest: Manifest =
        serde_json::from_str(&text).with_context(|| format!("{folder}/package.json is broken"))?;
    if manifest.dependencies.is_empty() && manifest.dev_dependencies.is_empty() {
        return Ok(());
    }
    let lock = repository.path(folder).join("package-lock.json");
    if !lock.is_file() {
        bail!(
            "{folder} has dependencies but no package-lock.json: run `npm install` there and commit the file"
        );
    }
    if is_newer(
        &repository
            .path(folder)
            .join("node_modules/.package-lock.json"),
        &lock,
    )? {
        return Ok(());
    }
    let mut install = npm(repository, folder);
    install.args(["ci", "--no-audit", "--no-fund"]);
    // Tests use the browser of the operating system; Playwright must not fetch one of its own.
    install.env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    process::run(&mut install)
}

/// npm, at work in this folder.
pub(crate) fn npm(repository: &Repository, folder: &str) -> Command {
    let mut npm = repository.command("npm");
    npm.current_dir(repository.path(folder));
    npm
}

/// Whether `installed` exists and is not older than what it was installed from.
pub(crate) fn is_newer(installed: &Path, source: &Path) -> Result<bool> {
    if !installed.is_file() {
        return Ok(false);
    }
    let modified = |path: &Path| -> Result<std::time::SystemTime> {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .with_context(|| format!("cannot look at {}", path.display()))
    };
    Ok(modified(installed)? >= modified(source)?)
}
