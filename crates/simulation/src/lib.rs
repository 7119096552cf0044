#![doc = include_str!("../README.md")]

mod actors;
mod check;
mod choice;
mod deliver;
mod executor;
mod hub;
pub mod matrix;
mod network;
mod ports;
mod random;
mod run;
mod server;
mod setup;
mod shrink;
mod story;
mod swarm;
mod tamper;
mod trace;
mod world;

pub use actors::Action;
pub use check::Violation;
pub use choice::{Choice, Fault, Weights};
pub use hub::{BEGIN_MS, Side};
pub use ports::{CheapKey, SimulatedStore, SkewedClock, UniqueIds};
pub use run::{Report, Seed, run};
pub use server::{Build, Product};
pub use shrink::{Shrunk, shrink};
pub use story::{Step, Story};
pub use swarm::Swarm;
pub use trace::Trace;
