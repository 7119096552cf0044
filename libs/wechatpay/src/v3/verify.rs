//! Verification of what claims to come from WeChat Pay. There is no way around it: [`Verified`] is made here only.

use super::keys::KeyRing;
use super::request::request_id;
use super::sign::{SIGNATURE_TYPE, text_to_verify};

/// What `Wechatpay-Timestamp` may differ from our clock: less than this many seconds, in either direction.
pub const FRESH_SECONDS: u64 = 300;

/// How the signature of a probe begins: WeChat sends wrong signatures on purpose, to find out who does not verify.
pub const SIGNATURE_PROBE: &str = "WECHATPAY/SIGNTEST/";

/// Why an answer or a notification is not proven to come from WeChat Pay. Every case is treated like a forgery.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerificationError {
    /// A header is absent or empty. A reverse proxy in front of us may have dropped it.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header came twice, so two readers could choose differently.
    #[error("the header {0} came more than once")]
    DuplicateHeader(&'static str),
    /// `Wechatpay-Timestamp` is not a number of Unix seconds.
    #[error("the header Wechatpay-Timestamp is not a number of seconds")]
    MalformedTimestamp,
    /// One of WeChat's probes. Refuse it; the message comes again with a good signature.
    #[error("the signature is one of WeChat's probes")]
    Probe,
    /// Too old, too far in the future, or one of the two clocks is wrong.
    #[error("signed at {timestamp}, which is 300 s or more from our clock ({now})")]
    Stale {
        /// What the message says, Unix seconds.
        timestamp: i64,
        /// What our clock says, Unix seconds.
        now: i64,
    },
    /// Signed with another algorithm than RSA with SHA-256.
    #[error("the signature type {0:?} is not supported")]
    UnsupportedType(String),
    /// No key with this serial.
    #[error("no key with serial {0:?} is known")]
    UnknownSerial(String),
    /// The certificate with this serial is not valid yet or not valid any more.
    #[error("the certificate {0:?} is outside its validity")]
    OutsideValidity(String),
    /// The signature does not belong to the text.
    #[error("the signature is wrong")]
    BadSignature,
}

/// The headers a signature consists of: each present, not empty, exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureHeaders {
    /// `Wechatpay-Timestamp`, Unix seconds, as it came.
    pub timestamp: String,
    /// `Wechatpay-Nonce`
    pub nonce: String,
    /// `Wechatpay-Signature`, Base64.
    pub signature: String,
    /// `Wechatpay-Serial`
    pub serial: String,
}

const TIMESTAMP: &str = "Wechatpay-Timestamp";
const NONCE: &str = "Wechatpay-Nonce";
const SIGNATURE: &str = "Wechatpay-Signature";
const SERIAL: &str = "Wechatpay-Serial";
const TYPE: &str = "Wechatpay-Signature-Type";

impl SignatureHeaders {
    /// Finds them among all headers, whatever their spelling.
    ///
    /// # Errors
    /// When one is absent, empty or there twice, or `Wechatpay-Signature-Type` names another algorithm (absent means
    /// RSA).
    pub fn from_headers(headers: &[(String, String)]) -> Result<Self, VerificationError> {
        let found = Self {
            timestamp: exactly_one(headers, TIMESTAMP)?,
            nonce: exactly_one(headers, NONCE)?,
            signature: exactly_one(headers, SIGNATURE)?,
            serial: exactly_one(headers, SERIAL)?,
        };
        // Only a header that is not there at all means RSA: one that is empty or there twice is nobody's business to guess.
        if !has(headers, TYPE) {
            return Ok(found);
        }
        match exactly_one(headers, TYPE)? {
            name if name == SIGNATURE_TYPE => Ok(found),
            name => Err(VerificationError::UnsupportedType(name)),
        }
    }

    /// Whether any of the signature headers is there at all.
    pub(crate) fn any(headers: &[(String, String)]) -> bool {
        [TIMESTAMP, NONCE, SIGNATURE, SERIAL]
            .iter()
            .any(|known| has(headers, known))
    }
}

fn has(headers: &[(String, String)], name: &str) -> bool {
    headers
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
}

fn exactly_one(
    headers: &[(String, String)],
    name: &'static str,
) -> Result<String, VerificationError> {
    let mut values = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    let first = values
        .next()
        .filter(|value| !value.is_empty())
        .ok_or(VerificationError::MissingHeader(name))?;
    match values.next() {
        Some(_) => Err(VerificationError::DuplicateHeader(name)),
        None => Ok(first.clone()),
    }
}

/// A body that is proven to come from WeChat Pay. Only [`KeyRing::verify`] makes it.
#[derive(Clone)]
pub struct Verified {
    body: Vec<u8>,
    serial_no: String,
    request_id: Option<String>,
    timestamp: i64,
}

impl Verified {
    /// The body as received.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The serial of the key it was verified with.
    pub fn serial_no(&self) -> &str {
        &self.serial_no
    }

    /// WeChat's tracing id. It is a header outside the signature: for logs, not for decisions.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// When WeChat signed it, Unix seconds.
    pub fn timestamp(&self) -> i64 {
        self.timestamp
    }
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("bytes", &self.body.len())
            .field("serial_no", &self.serial_no)
            .field("request_id", &self.request_id)
            .field("timestamp", &self.timestamp)
            .finish()
    }
}

impl KeyRing {
    /// Verifies an answer or a notification over the body exactly as it came.
    ///
    /// Checks, in this order: all headers there, not a probe, fresh (less than 300 s from `now_unix`), key known by
    /// its serial and within its validity, signature right.
    ///
    /// # Errors
    /// The first check that fails. The caller must treat every error like a forgery.
    pub fn verify(
        &self,
        headers: &[(String, String)],
        body: &[u8],
        now_unix: i64,
    ) -> Result<Verified, VerificationError> {
        let found = SignatureHeaders::from_headers(headers)?;
        if found.signature.starts_with(SIGNATURE_PROBE) {
            return Err(VerificationError::Probe);
        }
        let timestamp = seconds(&found.timestamp)?;
        if timestamp.abs_diff(now_unix) >= FRESH_SECONDS {
            return Err(VerificationError::Stale {
                timestamp,
                now: now_unix,
            });
        }
        let entry = self
            .find(&found.serial)
            .ok_or_else(|| VerificationError::UnknownSerial(found.serial.clone()))?;
        if !entry.is_valid_at(now_unix) {
            return Err(VerificationError::OutsideValidity(found.serial));
        }
        let text = text_to_verify(&found.timestamp, &found.nonce, body);
        if !entry.key.verify(&text, &found.signature) {
            return Err(VerificationError::BadSignature);
        }
        Ok(Verified {
            body: body.to_vec(),
            serial_no: found.serial,
            request_id: request_id(headers),
            timestamp,
        })
    }
}

fn seconds(text: &str) -> Result<i64, VerificationError> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse()
            .map_err(|_| VerificationError::MalformedTimestamp)
    } else {
        Err(VerificationError::MalformedTimestamp)
    }
}

#[cfg(test)]
mod tests;
