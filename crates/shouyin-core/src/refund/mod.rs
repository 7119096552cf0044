//! The refund: money going back to the payer of one attempt. It belongs to its payment, is loaded with it and changed under
//! the same lock: that is what keeps the sum of refunds within what was paid.

pub mod decide;
pub mod model;
pub mod schedule;
pub mod service;
pub mod view;

pub use model::{Refund, RefundOrigin, RefundState};
