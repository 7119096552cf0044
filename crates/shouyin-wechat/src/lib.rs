#![doc = include_str!("../README.md")]

mod acquirer;
mod notification;
mod outcome;
mod trade;

pub use acquirer::{MerchantAccount, WechatAcquirer};
