#![doc = include_str!("../README.md")]

pub mod memory;
pub mod sqlite;

mod panic;
mod rules;

pub use memory::{CommitFaults, MemoryStore};
pub use sqlite::{OpenError, SqliteStore};
