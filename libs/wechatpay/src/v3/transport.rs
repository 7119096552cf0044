//! How signed requests leave and answers come back.

use super::request::{RawResponse, SignedRequest};
use crate::BoxFuture;

/// Carries a signed request to WeChat Pay. The HTTP one is `http::HttpTransport` (feature `client`); a simulation
/// plugs in its own.
pub trait Transport: Send + Sync {
    /// Sends the request byte for byte and returns the whole answer, whatever its status.
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>>;

    /// The same for a file: the answer may have up to `limit` bytes and may take longer. By default like any other request.
    fn fetch<'a>(
        &'a self,
        request: &'a SignedRequest,
        limit: usize,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        let _ = limit;
        self.send(request)
    }
}

/// Why there is no answer. The difference decides whether the call may have had an effect.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransportError {
    /// Certainly nothing reached WeChat, for example because no connection was made.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have arrived and may have been carried out.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
