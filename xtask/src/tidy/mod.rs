//! What every file in the repository must keep to, whatever its language.

mod links;
mod locks;
mod secrets;
mod words;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::repository::Repository;

/// Something that must not be, and where: lines count from 1.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    file: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Checks all files that git knows or would take; returns one line that says what was looked at.
pub(crate) fn check(repository: &Repository) -> Result<String> {
    let files = repository.files()?;
    let mut problems = Vec::new();
    for file in &files {
        let bytes = fs::read(repository.path(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        // Pictures and the like have no words.
        let Ok(text) = String::from_utf8(bytes) else {
            continue;
        };
        problems.extend(look(repository, file, &text));
    }
    if !problems.is_empty() {
        let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
        bail!(
            "{} things are not tidy:\n  {}",
            lines.len(),
            lines.join("\n  ")
        );
    }
    Ok(format!("{} files are tidy", files.len()))
}

fn look(repository: &Repository, file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = secrets::check(file, text);
    if locks::is_lock(file) {
        // Written by programs; a checksum may contain any letters.
        problems.extend(locks::check(file, text));
        return problems;
    }
    problems.extend(words::check(file, text));
    if file.extension().is_some_and(|extension| extension == "md") {
        problems.extend(links::check(repository, file, text));
    }
    problems
}
