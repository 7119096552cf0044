//! The simulation in the ordinary test command: the crash matrix, a bounded number of seeds, and the proof that the
//! search finds bugs.

mod bugs;
mod marks;
mod matrix;
mod patches;
mod planted;
mod probes;
mod seeds;
mod tiers;
