//! Platform certificates: `GET /v3/certificates`.

use serde::{Deserialize, Serialize};

use super::keys::{KeyRing, normal};
use super::operation::json as read;
use super::verify::{VerificationError, Verified};
use super::{Operation, ParseError, RawResponse, Request, Target, UnknownReason};
use crate::crypto::{ApiV3Key, Certificate, CryptoError, KeyError};
use crate::time::WechatTime;

/// The only cipher this crate reads; entries of the SM variant carry another name and are skipped.
const ALGORITHM: &str = "AEAD_AES_256_GCM";
const ASSOCIATED_DATA: &str = "certificate";

/// Lists the platform certificates, still encrypted. To fetch and use them, [`super::Client::refresh_certificates`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListCertificates;

impl Operation for ListCertificates {
    type Answer = CertificateList;

    fn request(&self) -> Request {
        Request::get(Target::path(&["v3", "certificates"]))
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<CertificateList, ParseError> {
        read(status, verified)
    }
}

/// The answer of `GET /v3/certificates`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateList {
    /// One entry per certificate that is valid now or soon.
    pub data: Vec<CertificateEntry>,
}

/// One certificate of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CertificateEntry {
    /// Its serial number.
    pub serial_no: String,
    /// Since when it is valid.
    pub effective_time: WechatTime,
    /// Until when it is valid.
    pub expire_time: WechatTime,
    /// The certificate itself.
    pub encrypt_certificate: EncryptedCertificate,
}

/// A certificate encrypted with the APIv3 key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EncryptedCertificate {
    /// `AEAD_AES_256_GCM`
    pub algorithm: String,
    /// 12 characters.
    pub nonce: String,
    /// `certificate`
    #[serde(default, deserialize_with = "crate::wire::or_default")]
    pub associated_data: String,
    /// Base64.
    pub ciphertext: String,
}

/// Why a certificate list cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CertificateError {
    /// The body is not a certificate list.
    #[error("not a certificate list: {0}")]
    Malformed(String),
    /// Usually the APIv3 key was changed in WeChat's console but not here.
    #[error("a certificate cannot be decrypted with this APIv3 key: {0}")]
    Undecryptable(CryptoError),
    /// What was decrypted is not a certificate.
    #[error("{0}")]
    NotACertificate(KeyError),
    /// The certificate has another serial number than the list says.
    #[error("the list says {listed}, the certificate says {found}")]
    AnotherSerial {
        /// In the list.
        listed: String,
        /// In the certificate.
        found: String,
    },
    /// The list itself is not signed with a key we know or one it contains.
    #[error("the list is not verified: {0}")]
    Unverified(VerificationError),
}

impl From<CertificateError> for UnknownReason {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::Unverified(why) => Self::Unverified(why),
            CertificateError::Malformed(_)
            | CertificateError::Undecryptable(_)
            | CertificateError::NotACertificate(_)
            | CertificateError::AnotherSerial { .. } => Self::Unparsable(error.to_string()),
        }
    }
}

impl CertificateEntry {
    /// Decrypts the certificate and checks that it is the one the list names.
    ///
    /// # Errors
    /// When it cannot be decrypted, is no certificate, or has another serial number.
    pub fn open(&self, key: &ApiV3Key) -> Result<Certificate, CertificateError> {
        let sealed = &self.encrypt_certificate;
        let pem = key
            .open(&sealed.nonce, &sealed.associated_data, &sealed.ciphertext)
            .map_err(CertificateError::Undecryptable)?;
        let pem = String::from_utf8(pem)
            .map_err(|_| CertificateError::Malformed("the certificate is not text".to_owned()))?;
        let certificate = Certificate::from_pem(&pem).map_err(CertificateError::NotACertificate)?;
        if normal(certificate.serial_no()) != normal(&self.serial_no) {
            return Err(CertificateError::AnotherSerial {
                listed: self.serial_no.clone(),
                found: certificate.serial_no().to_owned(),
            });
        }
        Ok(certificate)
    }

    /// Encrypts a certificate as WeChat does. For simulators and tests; `nonce` has 12 characters.
    ///
    /// # Errors
    /// When the PEM text is no certificate or the nonce has another length.
    pub fn seal(pem: &str, key: &ApiV3Key, nonce: &str) -> Result<Self, CertificateError> {
        let certificate = Certificate::from_pem(pem).map_err(CertificateError::NotACertificate)?;
        let time = |unix: i64| WechatTime::from_unix_ms(unix.saturating_mul(1000));
        Ok(Self {
            serial_no: certificate.serial_no().to_owned(),
            effective_time: time(certificate.not_before()),
            expire_time: time(certificate.not_after()),
            encrypt_certificate: EncryptedCertificate {
                algorithm: ALGORITHM.to_owned(),
                nonce: nonce.to_owned(),
                associated_data: ASSOCIATED_DATA.to_owned(),
                ciphertext: key
                    .seal(nonce, ASSOCIATED_DATA, pem.as_bytes())
                    .map_err(CertificateError::Undecryptable)?,
            },
        })
    }
}

/// Reads a certificate list whose own signature may be made with a certificate inside it, and adds what it holds to
/// the ring. Nothing is added unless everything fits. Returns how many certificates the list had.
///
/// The first list cannot be verified before it is decrypted, because the key is inside. It is trusted through the
/// APIv3 key: AES-GCM proves that whoever made the entries has it. Its signature is then still checked, with the keys
/// of the ring and of the list together.
pub(crate) fn accept(
    response: &RawResponse,
    key: &ApiV3Key,
    ring: &KeyRing,
    now_unix: i64,
) -> Result<usize, CertificateError> {
    let list: CertificateList = serde_json::from_slice(&response.body)
        .map_err(|error| CertificateError::Malformed(error.to_string()))?;
    let certificates = list
        .data
        .iter()
        .filter(|entry| entry.encrypt_certificate.algorithm == ALGORITHM)
        .map(|entry| entry.open(key))
        .collect::<Result<Vec<Certificate>, CertificateError>>()?;
    let candidate = ring.copy();
    for certificate in &certificates {
        candidate.insert_certificate(certificate);
    }
    candidate
        .verify(&response.headers, &response.body, now_unix)
        .map_err(CertificateError::Unverified)?;
    for certificate in &certificates {
        ring.insert_certificate(certificate);
    }
    Ok(certificates.len())
}

#[cfg(test)]
mod tests;
