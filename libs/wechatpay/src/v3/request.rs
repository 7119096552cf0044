//! Requests and answers as plain data.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The octets that stay as they are in a path segment or query value; everything else is percent-encoded.
/// `|` of an order number becomes `%7C`, `*` stays (WeChat Pay APIv3 documentation, "how to generate a signature").
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'*');

/// An HTTP method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The name on the request line and in the signed text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request target: path and query, percent-encoded, exactly as it is signed and sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target(String);

/// Why a text cannot be a request target.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "a request target starts with one / and has only printable ASCII characters, no #, and no . or .. as a segment"
)]
pub struct TargetError;

impl Target {
    /// A path from its segments, each percent-encoded: `["v3", "certificates"]` is `/v3/certificates`.
    pub fn path(segments: &[&str]) -> Self {
        let mut text = String::new();
        for segment in segments {
            text.push('/');
            text.extend(utf8_percent_encode(segment, ENCODED));
        }
        Self(text)
    }

    /// The same with one more query parameter, name and value percent-encoded.
    #[must_use]
    pub fn with_query(mut self, name: &str, value: &str) -> Self {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.extend(utf8_percent_encode(name, ENCODED));
        self.0.push('=');
        self.0.extend(utf8_percent_encode(value, ENCODED));
        self
    }

    /// Takes a target that is already percent-encoded, for calls this crate has no type for.
    ///
    /// # Errors
    /// When it could not be sent byte for byte as it would be signed.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let path = text.split('?').next().unwrap_or_default();
        let plain = text.bytes().all(|byte| {
            byte.is_ascii_graphic()
                && !matches!(
                    byte,
                    b'#' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'\\' | b'\''
                )
        });
        let dots = path.split('/').any(|segment| {
            matches!(
                segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
                "." | ".."
            )
        });
        if !text.starts_with('/') || text.starts_with("//") || !plain || dots {
            return Err(TargetError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A request before it is signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: Target,
    /// The body; empty for none. These bytes are signed and sent, never serialised again.
    pub body: Vec<u8>,
    /// The serial of the key that encrypted sensitive fields of the body, see [`super::KeyRing::encryption_key`]. It
    /// goes into `Wechatpay-Serial` in place of [`super::Account::request_serial`].
    pub encryption_serial: Option<String>,
}

impl Request {
    /// A `GET` request.
    pub fn get(target: Target) -> Self {
        Self {
            method: Method::Get,
            target,
            body: Vec::new(),
            encryption_serial: None,
        }
    }

    /// A `POST` request without a body.
    pub fn post(target: Target) -> Self {
        Self {
            method: Method::Post,
            target,
            body: Vec::new(),
            encryption_serial: None,
        }
    }

    /// A `POST` request with a JSON body. WeChat does not take `null`: leave such members out.
    pub fn post_json(target: Target, body: &serde_json::Value) -> Self {
        Self {
            method: Method::Post,
            target,
            body: body.to_string().into_bytes(),
            encryption_serial: None,
        }
    }
}

/// A request with its signature, ready to be sent to either of WeChat's hosts: the host is not part of what is signed.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The method.
    pub method: Method,
    /// Path and query, to be sent byte for byte.
    pub target: String,
    /// All headers except `Host`, `Content-Length` and `User-Agent`, which belong to the transport.
    pub headers: Vec<(String, String)>,
    /// The body, to be sent byte for byte.
    pub body: Vec<u8>,
}

/// An answer as it came, not verified.
#[derive(Clone, PartialEq, Eq)]
pub struct RawResponse {
    /// The HTTP status.
    pub status: u16,
    /// All headers, in any order and spelling.
    pub headers: Vec<(String, String)>,
    /// The body as received.
    pub body: Vec<u8>,
}

impl RawResponse {
    /// The first header with this name, whatever its spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// WeChat's tracing id, to be kept with every call.
    pub fn request_id(&self) -> Option<String> {
        request_id(&self.headers)
    }
}

pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

pub(crate) fn request_id(headers: &[(String, String)]) -> Option<String> {
    header(headers, "Request-ID")
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
}

// Bodies hold personal data (openid) and Authorization is a credential for five minutes: neither is printed.

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Request({} {}, {} bytes)",
            self.method.as_str(),
            self.target,
            self.body.len()
        )
    }
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SignedRequest({} {}, {} bytes)",
            self.method.as_str(),
            self.target,
            self.body.len()
        )
    }
}

impl fmt::Debug for RawResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawResponse({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_numbers_are_encoded_the_way_wechat_shows() {
        let target = Target::path(&["v3", "pay", "transactions", "out-trade-no", "A|B*1_2-3"])
            .with_query("mchid", "1900007291");
        assert_eq!(
            target.as_str(),
            "/v3/pay/transactions/out-trade-no/A%7CB*1_2-3?mchid=1900007291"
        );
        let two = Target::path(&["a/b"])
            .with_query("x", "1 &")
            .with_query("y", "茶");
        assert_eq!(two.as_str(), "/a%2Fb?x=1%20%26&y=%E8%8C%B6");
    }

    #[test]
    fn targets_that_would_change_on_the_way_are_refused() {
        for good in ["/v3/certificates", "/v3/a%7CB*?x=%20&y=a+b", "/"] {
            assert_eq!(Target::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "v3/a",
            "//host/a",
            "/a b",
            "/a#b",
            "/a\r\nX: y",
            "/a/../b",
            "/a/./b",
            "/a/%2E%2e/b",
            "/a\"",
            "/茶",
            "http://a/b",
        ] {
            assert_eq!(Target::parse(bad), Err(TargetError), "{bad:?}");
        }
    }

    #[test]
    fn bodies_are_not_printed() {
        let body = serde_json::json!({"payer": {"openid": "secret-person"}});
        let request = Request::post_json(Target::path(&["v3"]), &body);
        assert!(!format!("{request:?}").contains("secret-person"));
        assert_eq!(request.body, br#"{"payer":{"openid":"secret-person"}}"#);
    }
}
