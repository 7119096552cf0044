//! Published WeChat Pay clients, unmodified but for the address, judge our simulator.
//! Those of APIv3 run in all ways of verifying that they have: with the public key, with platform certificates, and with both. Those of the
//! older protocol sign in both of its ways, over TLS, with the merchant's certificate.
//! The same clients compose again the parameters that our server hands to phones.
//! The Standard Webhooks libraries of two other languages judge the webhooks that our server sends.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;
use crate::repository::Repository;
use crate::steps::simulator::Simulator;
use crate::steps::{Done, recordings, simulator};
use crate::tools::node;
use crate::tools::python::{self, Python};

/// What the scripts in Python need, here and for the conformance check.
pub(super) const PYTHON_REQUIREMENTS: &[&str] = &[
    "referees/python/requirements.txt",
    "referees/openapi/requirements.txt",
    "referees/webhooks/requirements.txt",
];

/// A story that writes down what our server sent, and where it writes it (`CARGO_TARGET_TMPDIR`).
struct Story {
    name: &'static str,
    file: &'static str,
}

/// The webhooks that a receiver got.
const WEBHOOKS: Story = Story {
    name: "webhook::record::the_referees_get_what_receivers_get",
    file: "target/tmp/webhooks.jsonl",
};
/// The signed parameters with which phones open the cashier.
const PARAMETERS: Story = Story {
    name: "products::record::the_referees_get_what_phones_get",
    file: "target/tmp/pay_parameters.jsonl",
};

pub(super) fn test(repository: &Repository) -> Result<Done> {
    let shouyin = simulator::build(repository)?;
    let python = python::ensure(repository, PYTHON_REQUIREMENTS)?;
    node::install_packages(repository, "referees/node")?;
    for mode in ["public-key", "certificate", "switching"] {
        let script = "referees/python/referee.py";
        let referee = python.script(repository, script);
        judge(repository, &shouyin, &python, referee, "python", mode)?;
        let referee = node_script(repository, "referees/node/referee.mjs");
        judge(repository, &shouyin, &python, referee, "node", mode)?;
    }
    // It verifies with certificates only.
    let referee = node_script(repository, "referees/node/referee-node-v3.mjs");
    run(repository, &shouyin, &python, referee, "node-v3")?;
    judge_v2(repository, &shouyin, &python)?;
    judge_server(repository, &python)?;
    Ok(Done::Passed)
}

/// The clients of the older protocol. The one for Python signs with MD5 in all it does.
fn judge_v2(repository: &Repository, shouyin: &Path, python: &Python) -> Result<()> {
    let referee = python.script(repository, "referees/python/referee_v2.py");
    run(repository, shouyin, python, referee, "v2-wechatpy")?;
    for package in ["wechatpay-axios-plugin", "tenpay"] {
        for sign_type in ["MD5", "HMAC-SHA256"] {
            let mut referee = node_script(repository, "referees/node/referee-v2.mjs");
            referee.args(["--package", package, "--sign-type", sign_type]);
            let name = format!("v2-{package}-{sign_type}");
            run(repository, shouyin, python, referee, &name)?;
        }
    }
    Ok(())
}

fn node_script(repository: &Repository, script: &str) -> Command {
    let mut node = repository.command("node");
    node.arg(script);
    node
}

/// What our server sends, by the libraries of both languages.
fn judge_server(repository: &Repository, python: &Python) -> Result<()> {
    node::install_packages(repository, "referees/webhooks")?;
    for story in [WEBHOOKS, PARAMETERS] {
        // What an earlier run left must not be judged again.
        let file = repository.path(story.file);
        if file.exists() {
            fs::remove_file(&file).with_context(|| format!("cannot remove {}", story.file))?;
        }
    }
    // For the whole workspace, so that nothing is compiled again with fewer features than for the tests.
    let stories = ["test", "--workspace", "--all-features", "--test", "story"];
    let mut record = repository.cargo();
    record.args(stories).args(["--", "--exact"]);
    process::run(record.args([WEBHOOKS.name, PARAMETERS.name]))?;
    for (script, story) in [
        ("referees/webhooks/referee.py", WEBHOOKS),
        ("referees/python/parameters.py", PARAMETERS),
    ] {
        process::run(python.script(repository, script).arg(story.file))?;
    }
    for (script, story) in [
        ("referees/webhooks/referee.mjs", WEBHOOKS),
        ("referees/node/parameters.mjs", PARAMETERS),
    ] {
        process::run(node_script(repository, script).arg(story.file))?;
    }
    Ok(())
}

/// One referee of APIv3 in one mode.
fn judge(
    repository: &Repository,
    shouyin: &Path,
    python: &Python,
    mut referee: Command,
    name: &str,
    mode: &str,
) -> Result<()> {
    referee.args(["--mode", mode]);
    run(
        repository,
        shouyin,
        python,
        referee,
        &format!("{name}-{mode}"),
    )
}

/// Runs a referee against a simulator of its own; keeps what they said to each other.
fn run(
    repository: &Repository,
    shouyin: &Path,
    python: &Python,
    mut referee: Command,
    name: &str,
) -> Result<()> {
    let folder = repository.path(format!("target/referees/{name}"));
    let simulator = Simulator::start(repository, shouyin, &folder)?;
    let merchant = simulator.merchant_dir();
    referee.arg("--merchant").arg(merchant);
    // Node.js knows the authority behind the simulator's TLS only if it is told before it starts.
    referee.env("NODE_EXTRA_CA_CERTS", merchant.join("simulator_ca.pem"));
    process::run(&mut referee)?;
    let mut record = python.script(repository, "referees/openapi/record.py");
    record.arg(merchant);
    record.arg(recordings::file(repository, name)?);
    process::run(&mut record)
}
