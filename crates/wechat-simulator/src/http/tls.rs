//! A second listener with TLS, where merchants can present their certificate.
//!
//! The server's certificate comes from an authority of the simulator's own, made at every start. Client certificates
//! are those the simulator has given its merchants: each is trusted for itself, so a stranger's does not even get
//! through the handshake, and a call without one is refused by WeChat itself (in the older protocol).

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use wechatpay::crypto::Certificate;

use crate::credentials::{SimulatorError, broken};
use crate::message::Connection;

/// Names the server's certificate is good for, besides its own address.
const NAMES: [&str; 4] = [
    "localhost",
    "api.mch.weixin.qq.com",
    "api2.mch.weixin.qq.com",
    "api.weixin.qq.com",
];

/// Everything the TLS listener needs.
#[derive(Debug)]
pub(crate) struct Tls {
    /// The address of the listener as a URL.
    pub(crate) base_url: String,
    /// The certificate of the authority, PEM.
    pub(crate) authority_pem: String,
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivatePkcs8KeyDer<'static>,
    clients: Mutex<Vec<CertificateDer<'static>>>,
}

impl Tls {
    /// Makes an authority and a certificate for this address.
    ///
    /// # Errors
    /// When the crypto library fails.
    pub(crate) fn new(base_url: String, ip: IpAddr) -> Result<Self, SimulatorError> {
        let failed = |why: rcgen::Error| broken("TLS certificate", why);
        let authority_key = KeyPair::generate().map_err(failed)?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = &mut authority.distinguished_name;
        name.push(DnType::CommonName, "WeChat simulator root");
        let authority_certificate = authority.self_signed(&authority_key).map_err(failed)?;
        let authority = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().map_err(failed)?;
        let names = NAMES.map(str::to_owned).into_iter();
        let names: Vec<String> = names.chain([ip.to_string()]).collect();
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "WeChat simulator");
        let certificate = params.signed_by(&key, &authority).map_err(failed)?;
        Ok(Self {
            base_url,
            authority_pem: authority_certificate.pem(),
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            chain: vec![certificate.der().clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
            clients: Mutex::new(Vec::new()),
        })
    }

    /// From now on whoever owns this certificate may present it.
    ///
    /// # Errors
    /// When the PEM text is damaged.
    pub(crate) fn trust(&self, certificate_pem: &str) -> Result<(), SimulatorError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|why| broken("client certificate", format!("{why:?}")))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.push(certificate);
        Ok(())
    }

    /// The settings for one connection, with the client certificates of this moment.
    pub(crate) fn config(&self) -> Result<Arc<rustls::ServerConfig>, SimulatorError> {
        let failed = |why: String| broken("TLS", why);
        let mut roots = RootCertStore::empty();
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        for client in clients.iter() {
            roots
                .add(client.clone())
                .map_err(|why| failed(why.to_string()))?;
        }
        drop(clients);
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|why| failed(why.to_string()))?;
        let config = rustls::ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|why| failed(why.to_string()))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                self.chain.clone(),
                PrivateKeyDer::Pkcs8(self.key.clone_key()),
            )
            .map_err(|why| failed(why.to_string()))?;
        Ok(Arc::new(config))
    }
}

/// Which certificate came through the handshake.
pub(super) fn connection(session: &rustls::ServerConnection) -> Connection {
    let certificate = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .and_then(|der| Certificate::from_pem(&pem(der)).ok());
    Connection::Tls {
        certificate: certificate.map(|certificate| certificate.serial_no().to_owned()),
    }
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
}
