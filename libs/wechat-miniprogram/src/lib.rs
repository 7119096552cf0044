#![doc = include_str!("../README.md")]

mod answer;
mod client;
#[cfg(feature = "client")]
pub mod http;
mod login;
pub mod official_account;
mod secret;
mod token;
mod transport;

pub use answer::ApiError;
pub use client::{CallError, Client, Clock};
pub use login::{Login, LoginError};
pub use secret::{AccessToken, AppSecret, SessionKey};
pub use token::TokenError;
pub use transport::{Method, Request, Response, Transport, TransportError};

/// A future that can be stored behind a trait object.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;

#[cfg(test)]
mod fake;
