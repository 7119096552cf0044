//! The planted bugs in `bugs/`: that they are found is for `cargo xtask sim bugs`, which takes minutes. That they still apply,
//! and say what they have to say, is checked here.

use std::path::{Path, PathBuf};
use std::process::Command;

fn patches() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("bugs");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of planted bugs")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "patch")
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_planted_bug_still_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut broken = Vec::new();
    for patch in patches() {
        let output = Command::new("git")
            .current_dir(&root)
            .args(["apply", "--check"])
            .arg(&patch)
            .output()
            .expect("git");
        if !output.status.success() {
            broken.push(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_planted_bug_says_what_finds_it_and_what_hides_it() {
    let patches = patches();
    assert!(patches.len() >= 12, "only {}", patches.len());
    for patch in patches {
        let text = std::fs::read_to_string(&patch).expect("a patch");
        let header = text.split("\ndiff --git").next().unwrap_or_default();
        for field in ["What: ", "Caught by: ", "Budget: ", "Masked by: "] {
            let named = header.lines().any(|line| line.starts_with(field));
            assert!(named, "{} says no {field}", patch.display());
        }
    }
}
