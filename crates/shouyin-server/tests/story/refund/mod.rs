//! Money going back, against the simulator's books.

mod ask;
mod race;
mod trouble;
mod unasked;
