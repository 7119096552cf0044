//! The rules, as tables and as properties.

mod rules;
mod world;
