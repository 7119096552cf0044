//! The program as it is given to people: built in release, paying one order by itself.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::steps::simulator::make_empty;

pub(super) fn once(repository: &Repository) -> Result<Done> {
    process::run(
        repository
            .cargo()
            .args(["build", "--release", "--package", "shouyin"]),
    )?;
    let data = repository.path("target/demo-once");
    make_empty(&data)?;
    let mut demo = repository.command(repository.path("target/release/shouyin"));
    demo.args(["demo", "--once", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data);
    process::run(&mut demo)?;
    Ok(Done::Passed)
}
