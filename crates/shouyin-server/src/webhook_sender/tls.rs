//! TLS with the machine's root certificates. There is no switch to trust anything else.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

use super::WebhookSetupError;

/// On a machine without root certificates this fails, unless plain `http` is allowed: then `http` works, and every `https`
/// endpoint is refused by its certificate.
pub(super) fn config(allow_http: bool) -> Result<ClientConfig, WebhookSetupError> {
    match with_system_roots() {
        Ok(config) => Ok(config),
        Err(error) if allow_http => {
            tracing::warn!(%error, "No root certificates: webhooks can be sent to http endpoints only");
            with_roots(RootCertStore::empty()).map_err(refuse)
        }
        Err(error) => Err(refuse(error)),
    }
}

fn refuse(error: rustls::Error) -> WebhookSetupError {
    WebhookSetupError::Tls(error.to_string())
}

/// The provider is named here, so that nothing depends on a process-wide default.
fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn with_system_roots() -> Result<ClientConfig, rustls::Error> {
    Ok(builder()?.with_platform_verifier()?.with_no_client_auth())
}

/// Trusts exactly these.
pub(super) fn with_roots(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    Ok(builder()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}
