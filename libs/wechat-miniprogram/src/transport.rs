//! How requests leave and answers come back.

use std::fmt;

use zeroize::Zeroizing;

use crate::BoxFuture;

/// An HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
}

/// A request to WeChat's interfaces for mini programs. Its query or body carries secrets: `Debug` prints the path.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub target: Zeroizing<String>,
    /// JSON; empty for none.
    pub body: Zeroizing<Vec<u8>>,
}

impl Request {
    /// The path without the query, which is where secrets are.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} {})", self.method, self.path())
    }
}

/// An answer. Its content type does not matter: WeChat sends JSON as `text/plain` too.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status; 200 for most errors as well.
    pub status: u16,
    /// The body as received.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

/// Carries a request to WeChat. The HTTP one is `http::HttpTransport` (feature `client`); a simulation plugs in its
/// own.
pub trait Transport: Send + Sync {
    /// Sends the request and returns the whole answer, whatever its status.
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, TransportError>>;
}

/// Why there is no answer. The texts never hold the request's query or body.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TransportError {
    /// Certainly nothing reached WeChat.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The request may have arrived.
    #[error("no answer: {0}")]
    NoAnswer(String),
}
