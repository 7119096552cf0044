//! Finds the programs that the steps need and installs what is missing.

pub(crate) mod apt;
pub(crate) mod cargo;
pub(crate) mod chromium;
pub(crate) mod node;
pub(crate) mod python;
