//! The executable as its users run it: separate processes, real sockets, real files, real signals.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(
    clippy::disallowed_methods,
    reason = "bounded waiting for other processes"
)]

mod crash;
mod desk;
mod errors;
mod keys;
mod recipes;
mod scenario;
