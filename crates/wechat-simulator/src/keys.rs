//! The keys WeChat signs with for one merchant, and which of them signs what.
//!
//! Rules: WeChat Pay APIv3 documentation, "WeChat Pay public key" and "platform certificate": a merchant has one mode,
//! and during the switch from certificates to the public key both kinds of signature arrive.

use std::fmt::Debug;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::time::format_beijing;
use wechatpay::v3::Signer;

use crate::ids::Ids;
use crate::refusal::{Refusal, number};

/// Whoever can decrypt sensitive fields of a request.
pub trait Opener: Send + Sync + Debug {
    /// The plaintext, or `None` when the text was not encrypted for this key.
    fn open(&self, base64: &str) -> Option<Vec<u8>>;
}

impl Opener for PrivateKey {
    fn open(&self, base64: &str) -> Option<Vec<u8>> {
        self.decrypt_oaep(base64).ok()
    }
}

/// A private key of WeChat. Its serial is a `PUB_KEY_ID_...` or a certificate's serial number.
#[derive(Clone, Debug)]
pub struct PlatformKey {
    /// Signs answers and notifications.
    pub signer: Arc<dyn Signer>,
    /// Decrypts sensitive fields; without one they are taken unread.
    pub opener: Option<Arc<dyn Opener>>,
}

/// A platform certificate with its private key.
#[derive(Clone, Debug)]
pub struct PlatformCertificate {
    /// The key; `signer.serial_no()` is the certificate's serial number.
    pub key: PlatformKey,
    /// The certificate as PEM, which `GET /v3/certificates` hands out encrypted.
    pub pem: String,
    /// Start of validity, Unix milliseconds.
    pub effective_ms: i64,
    /// End of validity, Unix milliseconds.
    pub expire_ms: i64,
}

/// How WeChat signs for a merchant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum SigningMode {
    /// Platform certificates only; a request that names the public key is still answered by the certificate.
    Certificate,
    /// The switch is running: answers follow the request header, and this share of notifications carries the
    /// public key's signature.
    Switching {
        /// Notifications signed by the public key, of 1000.
        notifications_per_mille: u32,
    },
    /// The public key only; no platform certificate exists any more.
    PublicKey,
}

/// The keys WeChat signs with for one merchant.
#[derive(Clone, Debug)]
pub struct PlatformKeys {
    /// Who signs.
    pub mode: SigningMode,
    /// The public key's private half, if the merchant has one.
    pub public_key: Option<PlatformKey>,
    /// All certificates that exist, oldest first.
    pub certificates: Vec<PlatformCertificate>,
    /// The serial of the certificate that signs when nothing else is asked for.
    pub current_certificate: Option<String>,
    /// Collects the share of notifications while switching.
    pub(crate) share: u32,
}

impl PlatformKeys {
    /// A merchant that knows the public key only, as every new one does.
    pub fn public_key(key: PlatformKey) -> Self {
        Self {
            mode: SigningMode::PublicKey,
            public_key: Some(key),
            certificates: Vec::new(),
            current_certificate: None,
            share: 0,
        }
    }

    /// A merchant of the older mode with one platform certificate.
    pub fn certificate(certificate: PlatformCertificate) -> Self {
        let serial = certificate.key.signer.serial_no().to_owned();
        Self {
            mode: SigningMode::Certificate,
            public_key: None,
            certificates: vec![certificate],
            current_certificate: Some(serial),
            share: 0,
        }
    }

    /// Whether a request may name this serial in `Wechatpay-Serial`.
    pub(crate) fn find(&self, serial: &str) -> Option<&PlatformKey> {
        self.public_key
            .iter()
            .chain(self.certificates.iter().map(|certificate| &certificate.key))
            .find(|key| key.signer.serial_no() == serial)
    }

    fn current(&self) -> Option<&PlatformKey> {
        let serial = self.current_certificate.as_deref()?;
        self.certificates
            .iter()
            .map(|certificate| &certificate.key)
            .find(|key| key.signer.serial_no() == serial)
    }

    fn newest_or_public(&self) -> Option<&PlatformKey> {
        self.current()
            .or(self.certificates.last().map(|certificate| &certificate.key))
            .or(self.public_key.as_ref())
    }

    /// Who signs the answer to a request that named this serial, if it named one.
    pub(crate) fn for_answer(&self, asked: Option<&str>) -> Option<&PlatformKey> {
        let asked_certificate = asked.and_then(|serial| {
            self.certificates
                .iter()
                .map(|certificate| &certificate.key)
                .find(|key| key.signer.serial_no() == serial)
        });
        match self.mode {
            SigningMode::PublicKey => self.public_key.as_ref().or_else(|| self.newest_or_public()),
            SigningMode::Certificate => asked_certificate.or_else(|| self.newest_or_public()),
            SigningMode::Switching { .. } => match &self.public_key {
                Some(key) if asked == Some(key.signer.serial_no()) => Some(key),
                _ => asked_certificate.or_else(|| self.newest_or_public()),
            },
        }
    }

    /// Who signs the next notification.
    pub(crate) fn for_notification(&mut self) -> Option<&PlatformKey> {
        match self.mode {
            SigningMode::PublicKey => self.public_key.as_ref().or_else(|| self.newest_or_public()),
            SigningMode::Certificate => self.newest_or_public(),
            SigningMode::Switching {
                notifications_per_mille,
            } => {
                // An even spread without chance: of 1000 notifications exactly so many carry the public key.
                self.share = self.share.saturating_add(notifications_per_mille);
                if self.share >= 1000 {
                    self.share -= 1000;
                    self.public_key.as_ref()
                } else {
                    self.newest_or_public()
                }
            }
        }
    }

    /// The answer of `GET /v3/certificates`.
    pub(crate) fn list_certificates(
        &self,
        key: Option<&ApiV3Key>,
        ids: &mut Ids,
    ) -> Result<Value, Refusal> {
        if self.mode == SigningMode::PublicKey || self.certificates.is_empty() {
            return Err(Refusal::no_certificates());
        }
        let Some(key) = key else {
            return Err(Refusal::invalid_request(
                number::OTHER,
                "商户未设置APIv3密钥",
            ));
        };
        let mut data = Vec::with_capacity(self.certificates.len());
        for certificate in &self.certificates {
            let nonce = ids.resource_nonce();
            let ciphertext = key
                .seal(&nonce, "certificate", certificate.pem.as_bytes())
                .map_err(|_| Refusal::system_error())?;
            data.push(json!({
                "serial_no": certificate.key.signer.serial_no(),
                "effective_time": format_beijing(certificate.effective_ms),
                "expire_time": format_beijing(certificate.expire_ms),
                "encrypt_certificate": {
                    "algorithm": "AEAD_AES_256_GCM",
                    "nonce": nonce,
                    "associated_data": "certificate",
                    "ciphertext": ciphertext,
                },
            }));
        }
        Ok(json!({ "data": data }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::platform_key;

    fn certificate(serial: &str) -> PlatformCertificate {
        PlatformCertificate {
            key: platform_key(serial),
            pem: format!("certificate {serial}"),
            effective_ms: 0,
            expire_ms: 1,
        }
    }

    fn serial(key: Option<&PlatformKey>) -> &str {
        key.map_or("none", |key| key.signer.serial_no())
    }

    fn both(mode: SigningMode) -> PlatformKeys {
        PlatformKeys {
            mode,
            public_key: Some(platform_key("PUB_KEY_ID_1")),
            ..PlatformKeys::certificate(certificate("OLD"))
        }
    }

    #[test]
    fn the_mode_decides_before_the_request_header() {
        let keys = both(SigningMode::Certificate);
        assert_eq!(serial(keys.for_answer(Some("PUB_KEY_ID_1"))), "OLD");
        let keys = both(SigningMode::PublicKey);
        assert_eq!(serial(keys.for_answer(Some("OLD"))), "PUB_KEY_ID_1");
        assert_eq!(serial(keys.for_answer(None)), "PUB_KEY_ID_1");
    }

    #[test]
    fn while_switching_answers_follow_the_header_and_notifications_the_share() {
        let mut keys = both(SigningMode::Switching {
            notifications_per_mille: 250,
        });
        assert_eq!(
            serial(keys.for_answer(Some("PUB_KEY_ID_1"))),
            "PUB_KEY_ID_1"
        );
        assert_eq!(serial(keys.for_answer(Some("OLD"))), "OLD");
        assert_eq!(serial(keys.for_answer(None)), "OLD");
        let by_public_key = (0..1000)
            .filter(|_| serial(keys.for_notification()) == "PUB_KEY_ID_1")
            .count();
        assert_eq!(by_public_key, 250);
    }

    #[test]
    fn a_rotation_announces_then_moves_then_withdraws() {
        let mut keys = PlatformKeys::certificate(certificate("OLD"));
        keys.certificates.push(certificate("NEW"));
        assert_eq!(serial(keys.for_notification()), "OLD");
        assert_eq!(serial(keys.for_answer(Some("NEW"))), "NEW");
        keys.current_certificate = Some("NEW".to_owned());
        assert_eq!(serial(keys.for_notification()), "NEW");
        assert_eq!(serial(keys.for_answer(Some("OLD"))), "OLD");
    }

    #[test]
    fn the_certificate_list_is_encrypted_and_absent_in_public_key_mode() {
        let key = ApiV3Key::new("0123456789abcdef0123456789abcdef").unwrap();
        let mut ids = Ids::new(1);
        let keys = PlatformKeys::certificate(certificate("OLD"));
        let list = keys.list_certificates(Some(&key), &mut ids).unwrap();
        let sealed = &list["data"][0]["encrypt_certificate"];
        let plain = key.open(
            sealed["nonce"].as_str().unwrap(),
            "certificate",
            sealed["ciphertext"].as_str().unwrap(),
        );
        assert_eq!(plain.unwrap(), b"certificate OLD");
        let refusal = both(SigningMode::PublicKey).list_certificates(Some(&key), &mut ids);
        assert_eq!(refusal.unwrap_err().status, 404);
    }
}
