//! The npm package for mini programs and the sample mini program, under Node.js.

use anyhow::Result;

use crate::process;
use crate::repository::Repository;
use crate::steps::Done;
use crate::tools::node;

const FOLDERS: &[&str] = &["packages/miniprogram", "examples/coffee-shop"];

pub(super) fn test(repository: &Repository) -> Result<Done> {
    for folder in FOLDERS {
        node::install_packages(repository, folder)?;
        process::run(node::npm(repository, folder).arg("test"))?;
        // The declarations, checked by the TypeScript compiler, where a package has some.
        process::run(node::npm(repository, folder).args(["run", "types", "--if-present"]))?;
    }
    Ok(Done::Passed)
}
