//! The rules, as tables and as properties.

mod rules;
pub(crate) mod world;
