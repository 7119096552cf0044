//! Licences, origins, versions, and known vulnerabilities of everything in Cargo.lock.

use std::net::ToSocketAddrs;
use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::tools;

/// Where cargo-deny takes the RustSec advisory database from.
const DATABASE_HOST: &str = "github.com:443";

pub(super) fn check(repository: &Repository) -> Result<Done> {
    tools::cargo::ensure(repository, "deny")?;
    process::run(
        repository
            .cargo()
            .args(["deny", "check", "bans", "licenses", "sources"]),
    )?;
    advisories(repository)?;
    Ok(Done::Passed)
}

/// Checks against the advisory database: a fresh one if the network allows, else the last one.
fn advisories(repository: &Repository) -> Result<()> {
    match fetch(repository) {
        Ok(()) => {}
        Err(why) if is_present() => {
            println!("advisories: using the database already here, because {why}")
        }
        Err(why) => {
            println!("advisories: skipped, because there is no database here and {why}");
            return Ok(());
        }
    }
    process::run(
        repository
            .cargo()
            .args(["deny", "--offline", "check", "advisories"]),
    )
}

fn fetch(repository: &Repository) -> Result<(), String> {
    // A closed network answers at once that the name is unknown; cargo-deny would try for a while.
    if let Err(error) = DATABASE_HOST.to_socket_addrs() {
        return Err(format!("the network has no way to it ({error})"));
    }
    let fetched = process::output(repository.cargo().args(["deny", "fetch", "db"]));
    let fetched = fetched.map_err(|error| error.to_string())?;
    if fetched.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&fetched.stderr);
    let first = said
        .lines()
        .find(|line| line.contains("error"))
        .unwrap_or("no reason was given");
    Err(format!("it could not be fetched ({first})"))
}

/// Whether a database was fetched before; cargo-deny keeps them in one folder each, beside a lock file.
fn is_present() -> bool {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    home.and_then(|home| home.join("advisory-dbs").read_dir().ok())
        .is_some_and(|entries| {
            entries
                .flatten()
                .any(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        })
}
