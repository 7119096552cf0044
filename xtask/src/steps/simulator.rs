//! A running `shouyin simulator`, ended when it goes out of scope.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::process;
use crate::repository::Repository;

/// How long a debug build may take to make its keys and listen.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Simulator {
    child: Child,
    merchant_dir: PathBuf,
    control_url: String,
}

/// The part of merchant.json that we need ourselves.
#[derive(Debug, Deserialize)]
struct Merchant {
    control_url: String,
}

/// Builds the program in debug; returns its path.
pub(super) fn build(repository: &Repository) -> Result<PathBuf> {
    // For the whole workspace, so that nothing is compiled again with fewer features than for the tests.
    process::run(repository.cargo().args([
        "build",
        "--workspace",
        "--all-features",
        "--bin",
        "shouyin",
    ]))?;
    Ok(repository.path("target/debug/shouyin"))
}

impl Simulator {
    /// Starts it with fresh keys, written to `folder`, on a free port of this machine.
    pub(crate) fn start(repository: &Repository, program: &Path, folder: &Path) -> Result<Self> {
        make_empty(folder)?;
        let log_path = folder.join("simulator.log");
        let log = fs::File::create(&log_path)
            .with_context(|| format!("cannot write {}", log_path.display()))?;
        let mut command = repository.command(program);
        command
            .args(["simulator", "--listen", "127.0.0.1:0", "--out"])
            .arg(folder);
        println!("$ {}", process::shown(&command));
        let errors = log
            .try_clone()
            .context("cannot write the simulator's log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .context("cannot start the simulator")?;
        let mut simulator = Self {
            child,
            merchant_dir: folder.to_path_buf(),
            control_url: String::new(),
        };
        simulator.control_url = simulator.wait(&log_path)?.control_url;
        Ok(simulator)
    }

    /// The folder with merchant.json and the keys.
    pub(super) fn merchant_dir(&self) -> &Path {
        &self.merchant_dir
    }

    pub(crate) fn control_url(&self) -> &str {
        &self.control_url
    }

    /// merchant.json is complete when it appears.
    fn wait(&mut self, log: &Path) -> Result<Merchant> {
        let file = self.merchant_dir.join("merchant.json");
        let mut waited = Duration::ZERO;
        while !file.is_file() {
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(log).context("cannot read the simulator's log")?;
                bail!("the simulator ended with {status}: {}", said.trim());
            }
            if waited > START {
                bail!(
                    "the simulator wrote no merchant.json within {} s",
                    START.as_secs()
                );
            }
            std::thread::sleep(POLL);
            waited += POLL;
        }
        let text = fs::read_to_string(&file)?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not as expected", file.display()))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the simulator: {error}");
        }
    }
}

/// An empty folder of this name, whatever was there before.
pub(crate) fn make_empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}
