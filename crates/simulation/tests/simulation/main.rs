//! The simulation in the ordinary test command: the crash matrix, a bounded number of seeds, and the proof that the
//! search finds bugs.

mod bugs;
mod matrix;
mod planted;
mod probes;
mod seeds;
