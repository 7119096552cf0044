//! The HTTP client of the demo.

use std::time::Duration;

use anyhow::Context;

/// A client for addresses on this machine. It does not go where an answer sends it: that may be elsewhere.
pub(crate) fn client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // reqwest is built without a default TLS provider, so the one of the whole binary is named here.
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(timeout)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make an HTTP client")
}
