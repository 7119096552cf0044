//! Notifications: verify, decrypt, read. And the other direction, for simulators.

use serde::Deserialize;
use serde_json::Value;

use super::keys::KeyRing;
use super::pay::Transaction;
use super::refund::RefundNotice;
use super::verify::{VerificationError, Verified};
use crate::crypto::{ApiV3Key, CryptoError};
use crate::time::WechatTime;

const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// A notification that is proven to come from WeChat Pay, decrypted. Only [`open`] makes it.
///
/// It is still to be compared with what was ordered: merchant, app, number, amount, payer.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Notification {
    /// WeChat's id of this notification. Whether a copy has the same id is not documented: recognise copies by the
    /// numbers inside the resource.
    pub id: String,
    /// When it was made.
    pub create_time: Option<WechatTime>,
    /// For example `TRANSACTION.SUCCESS`.
    pub event_type: String,
    /// What kind of object was encrypted, for example `transaction`.
    pub original_type: String,
    /// For people, in Chinese.
    pub summary: String,
    /// What it is about.
    pub resource: Resource,
    /// The decrypted JSON, as WeChat wrote it: evidence.
    pub plaintext: String,
    /// The serial of the key that signed it.
    pub serial_no: String,
    /// When it was signed, Unix seconds.
    pub timestamp: i64,
    /// WeChat's tracing id; not covered by the signature.
    pub request_id: Option<String>,
}

/// What a notification is about.
#[derive(Clone, PartialEq, Debug)]
pub enum Resource {
    /// An order was paid.
    Transaction(Box<Transaction>),
    /// A refund arrived, failed or was closed.
    Refund(Box<RefundNotice>),
    /// Anything this crate has no type for: answer 2xx, keep it, show it to somebody.
    Other(Value),
}

/// Why a notification is not accepted. Answer WeChat with a 4xx or 5xx: it comes again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotificationError {
    /// Not proven to come from WeChat Pay.
    #[error("not verified: {0}")]
    Unverified(#[from] VerificationError),
    /// Verified, but not a notification.
    #[error("not a notification: {0}")]
    Malformed(String),
    /// Encrypted with another cipher.
    #[error("the cipher {0:?} is not supported")]
    UnsupportedAlgorithm(String),
    /// Usually the APIv3 key was changed in WeChat's console but not here.
    #[error("it cannot be decrypted with this APIv3 key: {0}")]
    Undecryptable(CryptoError),
    /// Decrypted, but not what its kind says.
    #[error("its {kind} cannot be read: {reason}")]
    Resource {
        /// What it says it is.
        kind: String,
        /// What is wrong.
        reason: String,
    },
    /// This account has no APIv3 key, so nothing can be decrypted.
    #[error("no APIv3 key is configured")]
    NoApiV3Key,
}

/// The envelope as it travels.
#[derive(Deserialize)]
struct Envelope {
    id: String,
    #[serde(default, deserialize_with = "crate::wire::text")]
    create_time: Option<WechatTime>,
    event_type: String,
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    summary: String,
    resource: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    original_type: String,
    algorithm: String,
    ciphertext: String,
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    associated_data: String,
    nonce: String,
}

/// Verifies, decrypts and reads a notification; `body` exactly as received, `now_unix` in seconds.
///
/// Never asks WeChat for keys: an unverified message from a stranger must not make this machine call anybody.
///
/// # Errors
/// When any step fails; verification comes first.
pub fn open(
    keys: &KeyRing,
    key: &ApiV3Key,
    headers: &[(String, String)],
    body: &[u8],
    now_unix: i64,
) -> Result<Notification, NotificationError> {
    let verified = keys.verify(headers, body, now_unix)?;
    // As text first: serde_json does not look into the texts of members it skips.
    let text = std::str::from_utf8(verified.body())
        .map_err(|_| NotificationError::Malformed("the body is not text".to_owned()))?;
    let envelope: Envelope = serde_json::from_str(text)
        .map_err(|error| NotificationError::Malformed(error.to_string()))?;
    let sealed = &envelope.resource;
    if sealed.algorithm != ALGORITHM {
        return Err(NotificationError::UnsupportedAlgorithm(
            sealed.algorithm.clone(),
        ));
    }
    let plaintext = key
        .open(&sealed.nonce, &sealed.associated_data, &sealed.ciphertext)
        .map_err(NotificationError::Undecryptable)?;
    let plaintext = String::from_utf8(plaintext)
        .map_err(|_| NotificationError::Malformed("the resource is not text".to_owned()))?;
    let resource = read(&envelope.event_type, &sealed.original_type, &plaintext)?;
    Ok(assemble(envelope, resource, plaintext, &verified))
}

fn assemble(
    envelope: Envelope,
    resource: Resource,
    plaintext: String,
    verified: &Verified,
) -> Notification {
    Notification {
        id: envelope.id,
        create_time: envelope.create_time,
        event_type: envelope.event_type,
        original_type: envelope.resource.original_type,
        summary: envelope.summary,
        resource,
        plaintext,
        serial_no: verified.serial_no().to_owned(),
        timestamp: verified.timestamp(),
        request_id: verified.request_id().map(str::to_owned),
    }
}

/// The kind of object decides, not the event: WeChat also sends profit sharing as `TRANSACTION.SUCCESS`.
fn read(
    event_type: &str,
    original_type: &str,
    plaintext: &str,
) -> Result<Resource, NotificationError> {
    let refuse = |error: serde_json::Error| NotificationError::Resource {
        kind: if original_type.is_empty() {
            event_type
        } else {
            original_type
        }
        .to_owned(),
        reason: error.to_string(),
    };
    let value: Value = serde_json::from_str(plaintext).map_err(refuse)?;
    let is_order = value.get("trade_state").is_some() && value.get("sub_orders").is_none();
    let is_combined =
        value.get("combine_out_trade_no").is_some() || value.get("sub_orders").is_some();
    match original_type {
        "transaction" if !is_combined => serde_json::from_value(value)
            .map(|order| Resource::Transaction(Box::new(order)))
            .map_err(refuse),
        "refund" => serde_json::from_value(value)
            .map(|refund| Resource::Refund(Box::new(refund)))
            .map_err(refuse),
        // The documentation does not promise the member, so the object itself may have to tell.
        "" if event_type == "TRANSACTION.SUCCESS" && is_order => serde_json::from_value(value)
            .map(|order| Resource::Transaction(Box::new(order)))
            .map_err(refuse),
        "" if event_type.starts_with("REFUND.") => serde_json::from_value(value)
            .map(|refund| Resource::Refund(Box::new(refund)))
            .map_err(refuse),
        _ => Ok(Resource::Other(value)),
    }
}

/// What a simulator puts into a notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plain<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it was made.
    pub create_time: &'a WechatTime,
    /// For example `TRANSACTION.SUCCESS`.
    pub event_type: &'a str,
    /// For example `transaction`.
    pub original_type: &'a str,
    /// For people.
    pub summary: &'a str,
    /// 12 characters.
    pub nonce: &'a str,
    /// Less than 16 bytes.
    pub associated_data: &'a str,
    /// The object, as JSON text.
    pub resource: &'a str,
}

/// Builds the body of a notification as WeChat does. For simulators and tests; sign it with
/// [`super::signature_headers`].
///
/// # Errors
/// When the nonce is not 12 bytes or the associated data not shorter than 16.
pub fn seal(key: &ApiV3Key, plain: &Plain<'_>) -> Result<Vec<u8>, CryptoError> {
    let ciphertext = key.seal(
        plain.nonce,
        plain.associated_data,
        plain.resource.as_bytes(),
    )?;
    let body = serde_json::json!({
        "id": plain.id,
        "create_time": plain.create_time,
        "resource_type": "encrypt-resource",
        "event_type": plain.event_type,
        "summary": plain.summary,
        "resource": {
            "original_type": plain.original_type,
            "algorithm": ALGORITHM,
            "ciphertext": ciphertext,
            "associated_data": plain.associated_data,
            "nonce": plain.nonce,
        },
    });
    Ok(body.to_string().into_bytes())
}

#[cfg(test)]
mod tests;
