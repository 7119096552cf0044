//! The HTTP front: one listener for both of WeChat's hosts, the control API and the buyer's phone page.

mod control;
mod deliver;
mod front;
mod phone_page;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod time;
mod tls;

pub(crate) use front::Front;
pub(crate) use server::{serve, serve_tls};
pub(crate) use tls::Tls;
