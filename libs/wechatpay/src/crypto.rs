//! The cryptography of WeChat Pay APIv3: RSA signatures, RSA-OAEP for sensitive fields, AES-256-GCM for what WeChat
//! sends encrypted, and certificates. Everything runs on aws-lc-rs, in constant time where secrets are involved.
//!
//! Lengths are checked before any cipher sees foreign bytes, so that nothing a stranger sends can panic here.

mod api_v3_key;
mod certificate;
pub(crate) mod pem;
mod rsa;

pub use api_v3_key::ApiV3Key;
pub use certificate::Certificate;
pub use rsa::{PrivateKey, PublicKey};

/// Why a key or certificate cannot be used. The message never contains key material.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// The text has no complete PEM block of this kind.
    #[error("expected PEM text with a {expected} block")]
    NotPem {
        /// The label that was looked for, for example `PRIVATE KEY`.
        expected: &'static str,
    },
    /// The PEM block does not hold what its label says, or holds another kind of key.
    #[error("the {what} cannot be read: {reason}")]
    Unreadable {
        /// What was being read.
        what: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// RSA keys of less than 2048 or more than 8192 bits are refused.
    #[error("the RSA key has an unsupported size: between 2048 and 8192 bits are allowed")]
    UnsupportedSize,
    /// The APIv3 key is exactly 32 bytes; anything else silently selects a weaker cipher elsewhere.
    #[error("the APIv3 key must be exactly 32 bytes, not {length}")]
    ApiV3KeyLength {
        /// Its length in bytes.
        length: usize,
    },
}

/// Why something could not be encrypted or decrypted.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CryptoError {
    /// The nonce of AES-256-GCM is exactly 12 bytes.
    #[error("the nonce must be exactly 12 bytes, not {length}")]
    NonceLength {
        /// Its length in bytes.
        length: usize,
    },
    /// The associated data of WeChat Pay is shorter than 16 bytes.
    #[error("the associated data must be shorter than 16 bytes, not {length}")]
    AssociatedDataLength {
        /// Its length in bytes.
        length: usize,
    },
    /// The ciphertext ends in a tag of 16 bytes, so it cannot be shorter than that.
    #[error("the ciphertext must have at least 16 bytes, not {length}")]
    CiphertextLength {
        /// Its length in bytes after Base64.
        length: usize,
    },
    /// The text is not Base64.
    #[error("the ciphertext is not Base64")]
    NotBase64,
    /// The ciphertext was not made with this key, nonce and associated data, or it was changed.
    #[error("decryption failed: another key was used or the text was changed")]
    Refused,
    /// RSA-OAEP takes at most 214 bytes with a 2048-bit key.
    #[error("the text is too long for RSA: {length} bytes, at most {limit}")]
    PlaintextLength {
        /// Its length in bytes.
        length: usize,
        /// What this key can take.
        limit: usize,
    },
}

#[cfg(test)]
mod tests;
