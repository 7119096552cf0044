//! What the command line can do.

pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod show;
