use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::HttpError;
use crate::crypto::pem;

/// The merchant's certificate and key, as a client presents them in TLS. WeChat asks for them where the older protocol moves money out.
#[derive(Clone)]
pub struct ClientIdentity {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<Zeroizing<Vec<u8>>>,
}

impl ClientIdentity {
    /// From `apiclient_cert.pem` and `apiclient_key.pem`.
    ///
    /// # Errors
    /// When one of them is something else. The message never contains key material.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, HttpError> {
        let unusable = |what: &str| HttpError::Identity(format!("{what} cannot be read as PEM"));
        let certificate = pem::block(certificate, "CERTIFICATE")
            .ok_or_else(|| unusable("the merchant's certificate"))?;
        let key = pem::block(key, "PRIVATE KEY").ok_or_else(|| unusable("the merchant's key"))?;
        Ok(Self {
            chain: vec![CertificateDer::from(certificate.to_vec())],
            key: Arc::new(key),
        })
    }

    /// From `apiclient_cert.p12`, as WeChat hands it out. Its password is the merchant number.
    ///
    /// # Errors
    /// When it is something else, or the password is wrong.
    pub fn from_p12(file: &[u8], password: &str) -> Result<Self, HttpError> {
        let unusable =
            |why: String| HttpError::Identity(format!("the p12 file cannot be used: {why}"));
        // WeChat's files are made with old algorithms.
        let policy = p12_keystore::Pkcs12ImportPolicy::Relaxed;
        let store = p12_keystore::KeyStore::from_pkcs12(file, password, policy)
            .map_err(|error| unusable(error.to_string()))?;
        let (_, chain) = store
            .private_key_chain()
            .ok_or_else(|| unusable("it has no private key".into()))?;
        Ok(Self {
            chain: chain
                .certs()
                .iter()
                .map(|certificate| CertificateDer::from(certificate.as_der().to_vec()))
                .collect(),
            key: Arc::new(Zeroizing::new(chain.key().as_der().to_vec())),
        })
    }

    pub(super) fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.chain.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()))
    }
}

impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain
    }
}

impl Eq for ClientIdentity {}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(***)")
    }
}
