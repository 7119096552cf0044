//! Webhooks: events sent to the merchant's own servers, in the Standard Webhooks format.
//!
//! Who gets an event is decided in the transaction that stores it ([`decide::fan_out`]), so no event is ever forgotten.
//! One task per endpoint sends what is due to it: a dead receiver delays nobody else.

#[cfg(test)]
mod catalogue;
pub mod decide;
pub mod model;
pub mod schedule;
pub mod service;
pub mod view;

pub use model::{Delivery, DeliveryState, Endpoint, EndpointState, Secret};
