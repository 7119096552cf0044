//! Sensitive fields of requests: encrypted for WeChat Pay, under the serial that tells it which key to use.

use crate::crypto::{CryptoError, PublicKey};

/// Why a sensitive field cannot be sent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncryptionError {
    /// The ring has neither a WeChat Pay public key nor a platform certificate within its validity.
    #[error(
        "there is no key to encrypt sensitive fields with: a WeChat Pay public key or a valid platform certificate is needed"
    )]
    NoKey,
    /// There is nothing to encrypt.
    #[error("{field} must not be empty")]
    Empty {
        /// The member's name at WeChat.
        field: &'static str,
    },
    /// The text cannot be encrypted.
    #[error("{field} cannot be encrypted: {why}")]
    Refused {
        /// The member's name at WeChat.
        field: &'static str,
        /// What is wrong with it.
        why: CryptoError,
    },
}

/// Encrypts the sensitive fields of one request, all with the same key. Made by [`super::Client::encryptor`].
#[derive(Clone, Debug)]
pub struct Encryptor {
    serial_no: String,
    key: PublicKey,
}

impl Encryptor {
    /// For a key of the caller's choice, usually from [`super::KeyRing::encryption_key`].
    pub fn new(serial_no: String, key: PublicKey) -> Self {
        Self { serial_no, key }
    }

    /// What `Wechatpay-Serial` of the request must say: [`super::Request::encryption_serial`].
    pub fn serial_no(&self) -> &str {
        &self.serial_no
    }

    /// RSA-OAEP with SHA-1, as Base64. Every call gives another text.
    ///
    /// # Errors
    /// When the text is empty or longer than the key can take (214 bytes with 2048 bits).
    pub fn encrypt(&self, field: &'static str, plaintext: &str) -> Result<String, EncryptionError> {
        if plaintext.is_empty() {
            return Err(EncryptionError::Empty { field });
        }
        self.key
            .encrypt_oaep(plaintext.as_bytes())
            .map_err(|why| EncryptionError::Refused { field, why })
    }
}
