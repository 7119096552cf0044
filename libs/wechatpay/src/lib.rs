#![doc = include_str!("../README.md")]

pub mod bill;
pub mod bridge;
pub mod crypto;
pub mod text;
pub mod time;
pub mod v2;
pub mod v3;
pub mod wire;

/// A future that can be stored behind a trait object.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;

#[cfg(test)]
mod vectors;
