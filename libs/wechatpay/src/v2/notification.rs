//! Notifications of the v2 protocol: payments, which are signed, and refunds, which are encrypted but *not* signed.
//!
//! Neither carries a time: nothing protects against an old one being sent again. Whoever gets one must compare it with their own record; it can
//! only say what was true once.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey,
    UnboundCipherKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::{Owner, Verified, verify};
use super::fields::Fields;
use super::key::{ApiKey, SignType};
use super::xml::XmlError;
use crate::v3::UnknownReason;

/// What WeChat wants to read when a notification was stored: exactly this, as `text/xml`.
pub const ACCEPTED: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";

/// What WeChat reads when a notification was not stored, with a short reason of our own: it comes again.
pub fn refused(reason: &str) -> String {
    let reason: String = reason
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '-'))
        .take(64)
        .collect();
    format!(
        "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[{reason}]]></return_msg></xml>"
    )
}

/// Why a notification is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotificationError {
    /// It is not a document of the protocol.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// It is not signed by this merchant's key, or is for another merchant.
    #[error("not verified: {0}")]
    Unverified(String),
    /// Its encrypted content does not belong to this merchant's key.
    #[error("the encrypted content cannot be read with this merchant's key")]
    Undecryptable,
}

/// An authentic notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notification {
    /// A payment succeeded: signed.
    Payment(Verified),
    /// A refund reached a result: only somebody with the key can have encrypted it, but the encryption (ECB) protects no order of its blocks and
    /// nothing is signed. A hint to query, not a proof.
    RefundHint(RefundHint),
}

/// The decrypted content of a refund notification. Not signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundHint(Fields);

impl RefundHint {
    /// A field that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }
}

/// Whose notifications these are.
#[derive(Clone, Copy, Debug)]
pub struct Merchant<'a> {
    /// The merchant number.
    pub mch_id: &'a str,
    /// How its orders are signed; a notification signed otherwise is refused, so that nobody can choose the weaker way.
    pub sign_type: SignType,
    /// Its key.
    pub key: &'a ApiKey,
}

/// Opens a notification; `body` exactly as received.
///
/// # Errors
/// When it is not authentic: answer [`refused`].
pub fn open(merchant: Merchant<'_>, body: &[u8]) -> Result<Notification, NotificationError> {
    let fields = Fields::parse(body)?;
    if fields.get("return_code") != Some("SUCCESS") {
        return Err(NotificationError::Unverified(
            "return_code is not SUCCESS".into(),
        ));
    }
    if let Some(req_info) = fields.get("req_info") {
        if fields.get("mch_id") != Some(merchant.mch_id) {
            return Err(NotificationError::Unverified(
                "it is for another merchant".into(),
            ));
        }
        let content = decrypt(merchant.key, req_info)?;
        return Ok(Notification::RefundHint(RefundHint(content)));
    }
    let owner = Owner {
        mch_id: merchant.mch_id,
        appid: None,
    };
    verify(fields, owner, merchant.sign_type, merchant.key)
        .map(Notification::Payment)
        .map_err(|reason: UnknownReason| NotificationError::Unverified(reason.to_string()))
}

fn decrypt(key: &ApiKey, req_info: &str) -> Result<Fields, NotificationError> {
    let undecryptable = |_| NotificationError::Undecryptable;
    let mut buffer = STANDARD
        .decode(req_info.split_ascii_whitespace().collect::<String>())
        .map_err(|_| NotificationError::Undecryptable)?;
    let key =
        UnboundCipherKey::new(&AES_256, key.refund_key().as_bytes()).map_err(undecryptable)?;
    let key = PaddedBlockDecryptingKey::ecb_pkcs7(key).map_err(undecryptable)?;
    let content = key
        .decrypt(&mut buffer, DecryptionContext::None)
        .map_err(undecryptable)?;
    // With the wrong key the padding is right once in 256 times; then this is no document.
    Fields::parse(content).map_err(|_| NotificationError::Undecryptable)
}

/// Encrypts the content of a refund notification (a document with the root `<root>`) into its `req_info`, as WeChat does. For simulators and
/// tests. `None` when the crypto library fails.
pub fn seal(key: &ApiKey, content: &str) -> Option<String> {
    let mut buffer = content.as_bytes().to_vec();
    let key = UnboundCipherKey::new(&AES_256, key.refund_key().as_bytes()).ok()?;
    let key = PaddedBlockEncryptingKey::ecb_pkcs7(key).ok()?;
    key.encrypt(&mut buffer).ok()?;
    Some(STANDARD.encode(buffer))
}

#[cfg(test)]
mod tests;
