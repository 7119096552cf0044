//! Lock files name versions and checksums; where packages come from is each client's own setting.

use std::path::Path;

use crate::tidy::Problem;

/// What Cargo.lock calls the default registry.
const DEFAULT_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn is_lock(file: &Path) -> bool {
    matches!(
        file.file_name().and_then(|name| name.to_str()),
        Some("Cargo.lock" | "package-lock.json")
    )
}

pub(super) fn check(file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let what = if line.starts_with("\"resolved\": \"http") {
            "an address of a registry: run `npm install --omit-lockfile-registry-resolved`"
        } else if line.starts_with("source = ") && !line.contains(DEFAULT_SOURCE) {
            "a crate that is not from the default registry"
        } else {
            continue;
        };
        problems.push(Problem {
            file: file.to_path_buf(),
            line: index + 1,
            what: what.to_owned(),
        });
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_lock_files_are_found() {
        let npm = "{\n  \"resolved\": \"https://example.test/a.tgz\"\n}";
        assert_eq!(check(Path::new("a/package-lock.json"), npm).len(), 1);
        assert_eq!(
            check(
                Path::new("a/package-lock.json"),
                "{ \"version\": \"1.0.0\" }"
            ),
            []
        );
    }

    #[test]
    fn crates_from_elsewhere_are_found() {
        let good = format!("source = \"{DEFAULT_SOURCE}\"");
        assert_eq!(check(Path::new("Cargo.lock"), &good), []);
        let bad = "source = \"git+https://example.test/a\"";
        assert_eq!(check(Path::new("Cargo.lock"), bad).len(), 1);
    }
}
