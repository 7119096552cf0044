//! X.509 certificates: serial number, validity and the key inside.

use x509_parser::prelude::{FromDer, X509Certificate};

use super::{KeyError, PublicKey, pem};

/// An X.509 certificate with an RSA key: a platform certificate of WeChat Pay or an API certificate of a merchant.
///
/// The issuer is not checked: WeChat's certificates are trusted because they arrive encrypted with the APIv3 key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Certificate {
    serial_no: String,
    not_before: i64,
    not_after: i64,
    public_key: PublicKey,
}

impl Certificate {
    /// Reads `BEGIN CERTIFICATE`.
    ///
    /// # Errors
    /// When there is no such block, it is not a certificate, or its key is not RSA of at least 2048 bits.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::block(text, "CERTIFICATE").ok_or(KeyError::NotPem {
            expected: "CERTIFICATE",
        })?;
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|_| KeyError::Unreadable {
                what: "certificate",
                reason: "it is not an X.509 certificate",
            })?;
        let public_key = PublicKey::from_spki(certificate.public_key().raw)?;
        Ok(Self {
            serial_no: hex::encode_upper(certificate.serial.to_bytes_be()),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            public_key,
        })
    }

    /// The serial number in upper-case hexadecimal, as WeChat writes it in `serial_no` and `Wechatpay-Serial`.
    pub fn serial_no(&self) -> &str {
        &self.serial_no
    }

    /// The start of its validity, Unix seconds.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// The end of its validity, Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether it may be used at this time (Unix seconds, both ends included).
    pub fn is_valid_at(&self, now_unix: i64) -> bool {
        (self.not_before..=self.not_after).contains(&now_unix)
    }

    /// The key inside.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}
