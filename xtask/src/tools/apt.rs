//! Installs programs of the operating system, where that is Debian or a relative and we may.

use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use crate::process;
use crate::repository::Repository;

/// Installs the packages, or fails and says what to install by hand.
pub(crate) fn install(repository: &Repository, packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if !process::succeeds(repository.command("apt-get").arg("--version")) {
        bail!("please install what Debian calls: {wanted}");
    }
    let by_hand = || format!("cannot install; please run: apt-get install {wanted}");
    let sudo = if is_root(repository)? {
        false
    } else if process::succeeds(
        repository
            .command("sudo")
            .args(["--non-interactive", "true"]),
    ) {
        true
    } else {
        bail!("neither root nor sudo without a password; please run: apt-get install {wanted}");
    };
    let apt = |arguments: &[&str]| {
        let mut command = repository.command(if sudo { "sudo" } else { "env" });
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet"])
            .args(arguments);
        process::run(&mut command)
    };
    // Once is enough for one run, and the lists of a fresh machine are empty.
    static UPDATED: OnceLock<()> = OnceLock::new();
    if UPDATED.get().is_none() {
        apt(&["update"]).with_context(by_hand)?;
        UPDATED.get_or_init(|| ());
    }
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments).with_context(by_hand)
}

fn is_root(repository: &Repository) -> Result<bool> {
    Ok(process::capture(repository.command("id").arg("-u"))?.trim() == "0")
}
