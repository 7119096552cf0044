//! Certificates.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::thread::JoinHandle;

use rustls::RootCertStore;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::desk::{Names, message, refused};
use super::*;

/// One TLS connection with a certificate for this name; gives the request it carried, or why there was none.
fn serve_once(
    name: &str,
) -> (
    SocketAddr,
    rustls::pki_types::CertificateDer<'static>,
    JoinHandle<Result<String, String>>,
) {
    let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    // It would speak HTTP/2 if it were asked to.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().map_err(|error| error.to_string())?;
        let mut session = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut stream);
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        while !request.ends_with(b"}}") {
            let count = tls.read(&mut buffer).map_err(|error| error.to_string())?;
            if count == 0 {
                return Err("ended early".to_owned());
            }
            request.extend_from_slice(&buffer[..count]);
        }
        tls.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8_lossy(&request).into_owned())
    });
    (address, certificate, thread)
}

fn sender(roots: Option<rustls::pki_types::CertificateDer<'static>>) -> HttpWebhookSender {
    let options = WebhookOptions {
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
        ..WebhookOptions::default()
    };
    let names = Names::new(&[&["127.0.0.1"]]);
    match roots {
        None => HttpWebhookSender::with_lookup(options, names).unwrap(),
        Some(root) => {
            let mut roots = RootCertStore::empty();
            roots.add(root).unwrap();
            let tls = super::super::tls::with_roots(roots).unwrap();
            HttpWebhookSender::build(options, names, tls).unwrap()
        }
    }
}

#[tokio::test]
async fn webhooks_go_over_tls_with_the_name_checked() {
    let (address, certificate, server) = serve_once("shop.example");
    let message = message(format!("https://shop.example:{}/hooks", address.port()));
    let reply = sender(Some(certificate)).send(&message).await;
    assert_eq!(reply, Reply::Status(204));
    let request = server.join().unwrap().unwrap();
    assert!(request.starts_with("POST /hooks HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with(&message.body));
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_before_anything_is_sent() {
    let (address, certificate, server) = serve_once("other.example");
    let message = message(format!("https://shop.example:{}/", address.port()));
    let said = refused(sender(Some(certificate)).send(&message).await);
    assert!(said.contains("the certificate of the receiver"), "{said}");
    assert!(server.join().unwrap().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused_before_anything_is_sent() {
    let (address, _, server) = serve_once("shop.example");
    let message = message(format!("https://shop.example:{}/", address.port()));
    let said = refused(sender(None).send(&message).await);
    assert!(said.contains("the certificate of the receiver"), "{said}");
    assert!(server.join().unwrap().is_err(), "nothing was sent");
}

#[tokio::test]
async fn a_receiver_that_speaks_no_tls_is_told_so() {
    let plain = desk::Raw::saying("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let url = plain.url().replace("http://", "https://");
    let said = refused(sender(None).send(&message(url)).await);
    assert_eq!(
        said,
        "no connection: the receiver does not speak TLS as it should"
    );
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_no_connection() {
    let silent = desk::Raw::silent().await;
    let url = silent.url().replace("http://", "https://");
    let impatient = desk::sender_with(&["127.0.0.0/8"], 400, Arc::new(SystemLookup));
    let said = refused(impatient.send(&message(url)).await);
    assert_eq!(said, "no connection within 200 ms");
}
