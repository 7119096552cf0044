//! What the Rust toolchain can say about the workspace.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::tools;

pub(super) fn fmt(repository: &Repository) -> Result<Done> {
    process::run(repository.cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Done::Passed)
}

pub(super) fn clippy(repository: &Repository) -> Result<Done> {
    let mut clippy = repository.cargo();
    clippy.args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ]);
    process::run(&mut clippy)?;
    Ok(Done::Passed)
}

pub(super) fn test(repository: &Repository) -> Result<Done> {
    tools::cargo::ensure(repository, "nextest")?;
    let mut nextest = repository.cargo();
    nextest.args([
        "nextest",
        "run",
        "--workspace",
        "--all-features",
        "--no-fail-fast",
        // The scenarios are played all at once, and the crash matrix is gone through, by release programs in steps of their own:
        // as tests they take minutes.
        "-E",
        "not binary(scenarios) - (package(simulation) & test(_every_crash))",
    ]);
    process::run(&mut nextest)?;
    // nextest does not run the examples in documentation.
    process::run(
        repository
            .cargo()
            .args(["test", "--doc", "--workspace", "--all-features"]),
    )?;
    Ok(Done::Passed)
}

/// Zones with an odd offset, on the other side of the date line, and with a summer time.
const ZONES: [&str; 3] = ["Asia/Kathmandu", "Pacific/Kiritimati", "America/New_York"];

/// Times at WeChat are +08:00 and ours are UTC, whatever the machine says: the tests of everything that knows a time pass
/// in every zone. The binaries are those of the step before.
pub(super) fn zones(repository: &Repository) -> Result<Done> {
    tools::cargo::ensure(repository, "nextest")?;
    for zone in ZONES {
        println!("TZ={zone}");
        let mut nextest = repository.cargo();
        nextest.env("TZ", zone).args([
            "nextest",
            "run",
            "--workspace",
            "--all-features",
            "--no-fail-fast",
            "--status-level=fail",
            "--final-status-level=fail",
            "-E",
            "package(fen) + package(wechatpay) + package(shouyin-core) + package(shouyin-store) + package(wechat-simulator)",
        ]);
        process::run(&mut nextest)?;
    }
    Ok(Done::Passed)
}
