//! Every seed of the fuzz targets, and a few thousand changed copies of them, always the same: the part of fuzzing that
//! belongs into the ordinary tests. `cargo xtask fuzz` searches further, with coverage.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;

use foreign_bytes::{TARGETS, Target};

use crate::mutate::Mutator;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds")
}

/// The seeds of a target, in the order of their names.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join(target.name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|why| panic!("{}: {why}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

/// Checks one input; when a promise is broken, says with which bytes.
fn check(target: &Target, what: &str, bytes: &[u8]) {
    let checked = catch_unwind(AssertUnwindSafe(|| (target.check)(bytes)));
    if let Err(panic) = checked {
        eprintln!(
            "{} broke its promise with {what}: {}",
            target.name,
            bytes.escape_ascii()
        );
        resume_unwind(panic);
    }
}

fn run(target: &Target) {
    let seeds = seeds(target);
    assert!(
        seeds.len() >= 4,
        "{} has {} seeds",
        target.name,
        seeds.len()
    );
    check(target, "nothing at all", b"");
    for (name, bytes) in &seeds {
        check(target, name, bytes);
    }
    let inputs: Vec<&[u8]> = seeds.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    let mut mutator = Mutator::new(target.name);
    for number in 0..target.variants {
        let variant = mutator.variant(&inputs);
        check(target, &format!("variant {number}"), &variant);
    }
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let target = TARGETS.iter().find(|target| target.name == stringify!($name));
                run(target.unwrap());
            }
        )*

        #[test]
        fn every_target_is_tested_and_has_a_fuzz_target() {
            let tested = [$(stringify!($name)),*];
            let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(known, tested);
            for name in tested {
                let file = folder().join(format!("../fuzz_targets/{name}.rs"));
                assert!(file.exists(), "{}", file.display());
            }
        }
    };
}

targets! {
    answers
    authorization
    bill
    certificates
    fen_text
    http_api
    ids
    key_files
    mini_program
    notification
    signature
    strict_request
    text
    time
    v2_document
}
