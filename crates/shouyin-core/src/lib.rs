#![doc = include_str!("../README.md")]

pub mod api_key;
pub mod event;
pub mod id;
pub mod idempotency;
pub mod incident;
pub mod ledger;
pub mod notification;
pub mod outcome;
pub mod payment;
pub mod policy;
pub mod ports;
pub mod product;
pub mod reconciliation;
pub mod refund;
pub mod session;
pub mod task;
pub mod time;
pub mod webhook;
pub mod worker;

pub use time::Timestamp;
