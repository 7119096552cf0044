//! The operating system's Chromium, and fonts that can show Chinese.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::process;
use crate::repository::Repository;
use crate::tools::apt;

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// The browser, installed if there was none.
pub(crate) fn ensure(repository: &Repository) -> Result<PathBuf> {
    let mut missing = Vec::new();
    if find().is_none() {
        missing.push("chromium");
    }
    if !shows_chinese(repository) {
        missing.extend(["fontconfig", "fonts-noto-cjk"]);
    }
    if !missing.is_empty() {
        apt::install(repository, &missing)?;
    }
    match find() {
        Some(path) => Ok(path),
        None => bail!(
            "chromium is installed, but none of {} is in PATH",
            NAMES.join(", ")
        ),
    }
}

fn find() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    NAMES.iter().find_map(|name| {
        std::env::split_paths(&folders)
            .map(|folder| folder.join(name))
            .find(|path| path.is_file())
    })
}

/// Whether any installed font has Chinese characters.
fn shows_chinese(repository: &Repository) -> bool {
    process::capture(
        repository
            .command("fc-list")
            .args([":lang=zh-cn", "family"]),
    )
    .is_ok_and(|families| !families.trim().is_empty())
}
