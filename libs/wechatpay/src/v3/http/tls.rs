//! TLS with the machine's root certificates. There is no switch to trust anything else.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::HttpError;

/// The provider is named here, so that nothing depends on a process-wide default.
pub(super) fn config(secure: bool) -> Result<ClientConfig, HttpError> {
    let refuse = |error: rustls::Error| HttpError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refuse)?;
    let mut config = if secure {
        builder
            .with_platform_verifier()
            .map_err(refuse)?
            .with_no_client_auth()
    } else {
        // Only plain addresses (a simulator): nothing to trust, and a machine without root certificates is fine.
        builder
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
