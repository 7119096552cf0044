//! The simulated ports: time, ids, the database, the ways to WeChat and to the merchants, and signatures.

mod clock;
mod courier;
mod keys;
mod store;
mod transport;

pub use clock::{SkewedClock, UniqueIds};
pub(crate) use courier::Courier;
pub(crate) use keys::Whose;
pub use keys::{CheapKey, KeyPair, Signatures};
pub use store::SimulatedStore;
pub(crate) use transport::Wire;
