//! The short form of `cargo xtask torture`.

use anyhow::Result;

use crate::repository::Repository;
use crate::steps::Done;
use crate::torture;

/// Always the same, so that a failure can be had again as far as processes allow.
const OPTIONS: torture::Options = torture::Options {
    kills: torture::SHORT_KILLS,
    seed: 1,
    program: None,
};

pub(super) fn short(repository: &Repository) -> Result<Done> {
    torture::run(repository, &OPTIONS)?;
    Ok(Done::Passed)
}
