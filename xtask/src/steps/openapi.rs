//! Everything recorded between clients and the simulator, against the published OpenAPI description.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::simulator::{self, make_empty};
use crate::steps::{Done, recordings, referees};
use crate::tools::python;

const SCRIPT: &str = "referees/openapi/check.py";

/// A program in which our client makes every call, and what its recording is called.
struct Example {
    program: &'static str,
    recording: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        program: "every_call",
        recording: "wechatpay-rust",
    },
    Example {
        program: "every_call_v2",
        recording: "v2-wechatpay-rust",
    },
];

pub(super) fn check(repository: &Repository) -> Result<Done> {
    let python = python::ensure(repository, referees::PYTHON_REQUIREMENTS)?;
    // Without files the script only tests itself, or says that there is no description.
    let said = process::capture(&mut python.script(repository, SCRIPT))?;
    if let Some(why) = said.trim().strip_prefix("skipped: ") {
        return Ok(Done::Skipped(why.to_owned()));
    }
    record_our_client(repository)?;
    let recordings = recordings::all(repository)?;
    process::run(python.script(repository, SCRIPT).args(recordings))?;
    Ok(Done::Passed)
}

/// Our own client makes every call it has in both protocols, and the server pays one order; all write down what was said.
fn record_our_client(repository: &Repository) -> Result<()> {
    // For the whole workspace, so that nothing is compiled again with fewer features than for the tests.
    let mut build = repository.cargo();
    build.args(["build", "--workspace", "--all-features"]);
    for example in EXAMPLES {
        build.args(["--example", example.program]);
    }
    process::run(&mut build)?;
    for example in EXAMPLES {
        let program = repository.path(format!("target/debug/examples/{}", example.program));
        let mut every_call = repository.command(program);
        process::run(every_call.arg(recordings::file(repository, example.recording)?))?;
    }

    let shouyin = simulator::build(repository)?;
    let data = repository.path("target/recordings/data");
    make_empty(&data)?;
    let mut demo = repository.command(shouyin);
    demo.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data);
    demo.arg("--record")
        .arg(recordings::file(repository, "shouyin")?);
    process::run(&mut demo)
}
