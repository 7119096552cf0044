//! Signing: the texts, the `Authorization` header, and the headers WeChat puts on answers and notifications.

use std::fmt::Debug;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::crypto::PrivateKey;

/// The scheme of `Authorization` and the value of `Wechatpay-Signature-Type`.
pub const SIGNATURE_TYPE: &str = "WECHATPAY2-SHA256-RSA2048";

/// Whoever holds a private key and the serial number it is known by.
pub trait Signer: Send + Sync + Debug {
    /// What the other side finds the public half by: a certificate's serial number or a public key id.
    fn serial_no(&self) -> &str;
    /// Signs the text; Base64.
    fn sign(&self, text: &[u8]) -> String;
}

/// RSA with SHA-256: what WeChat Pay uses.
#[derive(Clone, Debug)]
pub struct RsaSigner {
    serial_no: String,
    key: PrivateKey,
}

impl RsaSigner {
    /// A private key with the serial number of its certificate.
    pub fn new(serial_no: impl Into<String>, key: PrivateKey) -> Self {
        Self {
            serial_no: serial_no.into(),
            key,
        }
    }
}

impl Signer for RsaSigner {
    fn serial_no(&self) -> &str {
        &self.serial_no
    }

    fn sign(&self, text: &[u8]) -> String {
        STANDARD.encode(self.key.sign(text))
    }
}

/// The five lines a request is signed over, each ended by one LF, also the last.
///
/// `target` is path and query, percent-encoded, as on the request line; `timestamp` Unix seconds.
pub fn text_to_sign(
    method: &str,
    target: &str,
    timestamp: i64,
    nonce: &str,
    body: &[u8],
) -> Vec<u8> {
    let mut text = format!("{method}\n{target}\n{timestamp}\n{nonce}\n").into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

/// The three lines an answer or a notification is signed over. For a 204 the body is empty and its line remains.
pub fn text_to_verify(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{timestamp}\n{nonce}\n").into_bytes();
    text.extend_from_slice(body);
    text.push(b'\n');
    text
}

/// The value of the `Authorization` header.
pub fn authorization(
    mchid: &str,
    signer: &dyn Signer,
    method: &str,
    target: &str,
    body: &[u8],
    timestamp: i64,
    nonce: &str,
) -> String {
    let signature = signer.sign(&text_to_sign(method, target, timestamp, nonce, body));
    let serial_no = signer.serial_no();
    format!(
        "{SIGNATURE_TYPE} mchid=\"{mchid}\",nonce_str=\"{nonce}\",signature=\"{signature}\",\
         timestamp=\"{timestamp}\",serial_no=\"{serial_no}\""
    )
}

/// The `Wechatpay-*` headers WeChat puts on an answer or a notification. For simulators and tests.
pub fn signature_headers(
    signer: &dyn Signer,
    timestamp: i64,
    nonce: &str,
    body: &[u8],
) -> Vec<(String, String)> {
    let timestamp = timestamp.to_string();
    let signature = signer.sign(&text_to_verify(&timestamp, nonce, body));
    [
        ("Wechatpay-Timestamp", timestamp.as_str()),
        ("Wechatpay-Nonce", nonce),
        ("Wechatpay-Signature", &signature),
        ("Wechatpay-Serial", signer.serial_no()),
        ("Wechatpay-Signature-Type", SIGNATURE_TYPE),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[cfg(test)]
mod tests;
