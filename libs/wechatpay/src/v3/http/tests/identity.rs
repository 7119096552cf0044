//! Mutual TLS: the other side is checked against an added root, and gets to see the merchant's certificate.

use std::io::{Read, Write};
use std::net::TcpListener as StdListener;

use rcgen::{CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
}

fn authority() -> Authority {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Authority {
        pem: certificate.pem(),
        der: certificate.der().clone(),
        issuer: Issuer::new(params, key),
    }
}

impl Authority {
    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }
}

/// Serves one connection and says what it saw of the client: nothing, or its certificate.
fn serve(authority: &Authority) -> (SocketAddr, std::thread::JoinHandle<Result<bool, String>>) {
    let (certificate, key) = authority.issue("127.0.0.1");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().map_err(|error| error.to_string())?;
        let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        let mut buffer = [0; 4096];
        stream
            .read(&mut buffer)
            .map_err(|error| error.to_string())?;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .map_err(|error| error.to_string())?;
        Ok(stream.conn.peer_certificates().is_some())
    });
    (address, server)
}

fn trusting(address: SocketAddr, authority: &Authority) -> HttpOptions {
    HttpOptions {
        extra_roots: vec![authority.pem.clone()],
        ..HttpOptions::at(format!("https://{address}"))
    }
}

#[tokio::test]
async fn the_merchants_certificate_is_presented() {
    let authority = authority();
    let (certificate, key) = authority.issue("merchant");
    let identity = ClientIdentity::from_pem(&certificate.pem(), &key.serialize_pem()).unwrap();
    assert_eq!(format!("{identity:?}"), "ClientIdentity(***)");
    let (address, server) = serve(&authority);
    let options = HttpOptions {
        identity: Some(identity),
        ..trusting(address, &authority)
    };
    let answer = send(options).await.unwrap();
    assert_eq!(answer.body, b"ok");
    assert_eq!(server.join().unwrap(), Ok(true));
}

#[tokio::test]
async fn without_a_certificate_nothing_is_served() {
    let authority = authority();
    let (address, server) = serve(&authority);
    assert!(send(trusting(address, &authority)).await.is_err());
    assert!(server.join().unwrap().is_err());
}

#[tokio::test]
async fn an_added_root_does_not_make_strangers_trusted() {
    let (mine, theirs) = (authority(), authority());
    let (address, server) = serve(&theirs);
    assert!(send(trusting(address, &mine)).await.is_err());
    assert!(server.join().unwrap().is_err());
}

#[test]
fn what_is_no_identity_is_refused_without_showing_it() {
    let error = ClientIdentity::from_pem("secret-words", "secret-words").unwrap_err();
    assert!(!error.to_string().contains("secret-words"), "{error}");
    let error = ClientIdentity::from_p12(b"secret-words", "1900000109").unwrap_err();
    assert!(!error.to_string().contains("secret-words"), "{error}");
}
