//! The simulated ports: time, ids, the database, the way to WeChat, and signatures.

mod clock;
mod keys;
mod store;
mod transport;

pub use clock::{SkewedClock, UniqueIds};
pub use keys::CheapKey;
pub use store::SimulatedStore;
pub(crate) use transport::Wire;
