//! Where the exchanges of a run are kept for the conformance check: one JSON object per line.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::repository::Repository;

/// The file for the exchanges of one client.
pub(super) fn file(repository: &Repository, client: &str) -> Result<PathBuf> {
    let folder = repository.path("target/recordings");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.join(format!("{client}.jsonl")))
}

/// All recordings there are, in order.
pub(super) fn all(repository: &Repository) -> Result<Vec<PathBuf>> {
    let folder = repository.path("target/recordings");
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).context("cannot list the recordings")? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
