//! TLS with the machine's root certificates, and with those that a configuration adds. There is no switch to trust anybody.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::Verifier;

use super::HttpError;
use super::options::HttpOptions;
use crate::crypto::pem;

/// The provider is named here, so that nothing depends on a process-wide default.
pub(super) fn config(secure: bool, options: &HttpOptions) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder: ConfigBuilder<ClientConfig, WantsVerifier> =
        ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(refuse)?;
    let builder = if secure {
        let roots = extra_roots(&options.extra_roots)?;
        let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(refuse)?;
        // "Dangerous" is rustls' word for any verifier but its own; this one asks the operating system.
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
    } else {
        // Only plain addresses (a simulator): nothing to trust, and a machine without root certificates is fine.
        builder.with_root_certificates(RootCertStore::empty())
    };
    let mut config = match &options.identity {
        Some(identity) => builder
            .with_client_auth_cert(identity.chain(), identity.key())
            .map_err(|error| HttpError::Identity(error.to_string()))?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn refuse(error: rustls::Error) -> HttpError {
    HttpError::Tls(error.to_string())
}

fn extra_roots(pems: &[String]) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    pems.iter()
        .map(|text| {
            pem::block(text, "CERTIFICATE")
                .map(|der| CertificateDer::from(der.to_vec()))
                .ok_or_else(|| HttpError::Tls("an extra root is no certificate in PEM".into()))
        })
        .collect()
}
