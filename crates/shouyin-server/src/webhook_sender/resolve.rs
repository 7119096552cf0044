//! Names to addresses that may be called. The HTTP client connects to what comes out of here and to nothing else, so there
//! is no moment between check and connection in which DNS could answer differently.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use shouyin_core::ports::BoxFuture;

use super::address::Allowed;

/// A way to look up names.
pub trait Lookup: Send + Sync {
    /// All addresses of a host, in the order to try them.
    ///
    /// # Errors
    /// The name does not exist, or nobody answered.
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Looks up names as the machine does.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ResolveError {
    /// DNS has no answer. What it said may name internal servers, so it is not kept.
    #[error("the name cannot be resolved")]
    Unknown,
    /// It has, but none that may be called.
    #[error("the name has no public address")]
    Internal,
}

/// Drops every address that must not be called.
pub(super) struct Checked {
    lookup: Arc<dyn Lookup>,
    allowed: Arc<Allowed>,
}

impl Checked {
    pub(super) fn new(lookup: Arc<dyn Lookup>, allowed: Arc<Allowed>) -> Self {
        Self { lookup, allowed }
    }
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.lookup.lookup(name.as_str());
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found = found.await.map_err(|_| ResolveError::Unknown)?;
            if found.is_empty() {
                return Err(ResolveError::Unknown.into());
            }
            let checked: Vec<SocketAddr> = found
                .into_iter()
                .filter(|address| allowed.may_call(*address))
                // The client puts the port of the URL in.
                .map(|address| SocketAddr::new(address, 0))
                .collect();
            if checked.is_empty() {
                return Err(ResolveError::Internal.into());
            }
            let addresses: Addrs = Box::new(checked.into_iter());
            Ok(addresses)
        })
    }
}
