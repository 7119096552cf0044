//! The payment: what the shop asks to be paid, under its own `order_no`, and its attempts, each one order at WeChat.

pub mod decide;
pub mod model;
pub mod schedule;
pub mod service;
pub mod view;

pub use model::{Attempt, AttemptState, CloseReason, Paid, Payment, PaymentState, Prepay};
