#![doc = include_str!("../README.md")]

mod account;
mod acquirer;
mod bill;
mod breaker;
mod invoke;
mod limits;
mod notification;
mod order;
mod outcome;
mod protocol;
mod refund;
#[cfg(test)]
mod testing;
mod trade;
mod turns;
mod unsendable;

pub use account::{AppKind, H5Site, MerchantAccount};
pub use acquirer::WechatAcquirer;
pub use breaker::{BreakerSettings, BreakerStatus};
pub use limits::Limits;
pub use protocol::{Protocol, Protocols, V2};
