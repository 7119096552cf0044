//! Trouble at the start: one line that says what to do, exit code not 0, nothing lost.

use std::net::TcpListener;
use std::process::Output;

use crate::desk::{Desk, shouyin};

fn one_line(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    assert!(text.starts_with("shouyin: "), "{text}");
    text
}

#[test]
fn a_taken_port_is_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        ["demo", "--listen", &address],
        ["simulator", "--listen", &address],
    ] {
        let text = one_line(&shouyin(&arguments).output().unwrap());
        assert!(text.contains(&address), "{text}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_made_is_said_in_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let inside_a_file = file.path().join("data");
    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        inside_a_file.to_str().unwrap(),
    ];
    let text = one_line(&shouyin(&arguments).output().unwrap());
    assert!(text.contains("data_dir"), "{text}");
}

#[test]
fn a_full_disk_is_said_in_one_line() {
    // Every write to this device fails with "no space left", whoever asks.
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: there is no /dev/full here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(full, folder.path().join("shouyin.db")).unwrap();
    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        folder.path().to_str().unwrap(),
    ];
    one_line(&shouyin(&arguments).output().unwrap());
}

#[test]
fn two_servers_on_one_database_are_refused() {
    let desk = Desk::new();
    let _first = desk.serve();
    let config = desk.config();
    let arguments = [
        "serve",
        "--config",
        config.to_str().unwrap(),
        "--listen",
        "127.0.0.1:0",
    ];
    let text = one_line(&shouyin(&arguments).output().unwrap());
    assert!(text.contains("another"), "{text}");
}

#[test]
fn settings_that_miss_everything_are_explained() {
    let output = shouyin(&["serve"]).output().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("public_url"), "{text}");
}

#[test]
fn one_purchase_without_a_browser_is_paid_by_a_notification() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("messages.jsonl");
    let arguments = [
        "demo",
        "--once",
        "--listen",
        "127.0.0.1:0",
        "--record",
        record.to_str().unwrap(),
    ];
    let output = shouyin(&arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let timeline = String::from_utf8(output.stdout).unwrap();
    assert!(
        timeline.contains("Notification verified and stored"),
        "{timeline}"
    );
    assert!(std::fs::read_to_string(record).unwrap().lines().count() > 3);
}
