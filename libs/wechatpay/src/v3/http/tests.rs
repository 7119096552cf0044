//! Against real sockets on 127.0.0.1. Each test owns its listener, so there is no order between them.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

mod identity;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nRequest-ID: 08-0\r\nX-Twice: a\r\nX-Twice: b\r\n\r\n{}";

fn request() -> SignedRequest {
    SignedRequest {
        method: Method::Post,
        target: "/v3/pay/A%7CB*1?mchid=1&x=%20".to_owned(),
        headers: vec![
            (
                "Authorization".to_owned(),
                "WECHATPAY2-SHA256-RSA2048 mchid=\"1\"".to_owned(),
            ),
            ("Accept".to_owned(), "application/json".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Wechatpay-Serial".to_owned(), "PUB_KEY_ID_1".to_owned()),
        ],
        body: br#"{"a":1}"#.to_vec(),
    }
}

fn options(primary: SocketAddr, secondary: Option<SocketAddr>) -> HttpOptions {
    HttpOptions {
        secondary: secondary.map(|address| format!("http://{address}")),
        connect_timeout: Duration::from_secs(5),
        timeout: Duration::from_secs(5),
        ..HttpOptions::at(format!("http://{primary}"))
    }
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address nobody listens on.
async fn nobody() -> SocketAddr {
    listener().await.1
}

/// Reads one request; its text.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while !text.ends_with(br#"{"a":1}"#) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "the request ended early");
        text.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(text).unwrap()
}

/// Answers every request on every connection with the same text; gives the requests of the first connection when it
/// is closed.
fn answering(listener: TcpListener, times: usize, answer: String) -> JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut requests = Vec::new();
        for _ in 0..times {
            requests.push(read_request(&mut stream).await);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    })
}

async fn send(options: HttpOptions) -> Result<RawResponse, TransportError> {
    HttpTransport::new(options).unwrap().send(&request()).await
}

#[tokio::test]
async fn requests_arrive_byte_for_byte_and_answers_come_whole() {
    let (listener, address) = listener().await;
    let server = answering(listener, 1, OK.to_owned());
    let answer = send(options(address, None)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"{}"[..]));
    assert_eq!(answer.header("request-id"), Some("08-0"));
    let twice: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-twice")
        .collect();
    assert_eq!(twice.len(), 2, "duplicates must reach the verifier");
    let text = server.await.unwrap().remove(0);
    assert!(
        text.starts_with("POST /v3/pay/A%7CB*1?mchid=1&x=%20 HTTP/1.1\r\n"),
        "{text}"
    );
    let lower = text.to_ascii_lowercase();
    for header in [
        "authorization: wechatpay2-sha256-rsa2048 mchid=\"1\"\r\n",
        "accept: application/json\r\n",
        "content-type: application/json\r\n",
        "wechatpay-serial: pub_key_id_1\r\n",
        "user-agent: wechatpay-rs/",
    ] {
        assert_eq!(lower.matches(header).count(), 1, "{header} in {text}");
    }
    assert!(text.ends_with("\r\n\r\n{\"a\":1}"));
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let (listener, address) = listener().await;
    let server = answering(listener, 2, OK.to_owned());
    let transport = HttpTransport::new(options(address, None)).unwrap();
    for _ in 0..2 {
        assert_eq!(transport.send(&request()).await.unwrap().status, 200);
    }
    assert_eq!(server.await.unwrap().len(), 2, "both on one connection");
}

#[tokio::test]
async fn error_answers_and_redirects_are_answers() {
    for status in ["400 Bad Request", "302 Found", "500 Oops"] {
        let (listener, address) = listener().await;
        let answer = format!(
            "HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        );
        let server = answering(listener, 1, answer);
        let answer = send(options(address, None)).await.unwrap();
        assert_eq!(answer.status.to_string(), status[..3]);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn the_second_host_is_asked_when_the_first_refuses() {
    let (listener, address) = listener().await;
    let server = answering(listener, 1, OK.to_owned());
    let answer = send(options(nobody().await, Some(address))).await.unwrap();
    assert_eq!(answer.status, 200);
    let text = server.await.unwrap().remove(0);
    assert!(
        text.contains("WECHATPAY2-SHA256-RSA2048 mchid=\"1\""),
        "the same signature"
    );
}

#[tokio::test]
async fn nothing_was_sent_when_nobody_listens() {
    let answer = send(options(nobody().await, None)).await;
    assert!(
        matches!(answer, Err(TransportError::NotSent(_))),
        "{answer:?}"
    );
    let answer = send(options(nobody().await, Some(nobody().await))).await;
    assert!(
        matches!(answer, Err(TransportError::NotSent(_))),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_host_that_does_not_finish_the_handshake_counts_as_not_reached() {
    let (silent, silent_address) = listener().await;
    let (listener, address) = listener().await;
    let server = answering(listener, 1, OK.to_owned());
    let impatient = HttpOptions {
        primary: format!("https://{silent_address}"),
        connect_timeout: Duration::from_millis(200),
        ..options(silent_address, Some(address))
    };
    // The kernel accepts for `silent`, which never says a word of TLS.
    assert_eq!(send(impatient).await.unwrap().status, 200);
    server.await.unwrap();
    drop(silent);
}

#[tokio::test]
async fn a_lost_connection_is_not_repeated_on_the_second_host() {
    let (first, address) = listener().await;
    let (second, second_address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = first.accept().await.unwrap();
        read_request(&mut stream).await;
        // Dropped without an answer: the request may have been carried out.
    });
    let answer = send(options(address, Some(second_address))).await;
    assert!(
        matches!(answer, Err(TransportError::NoAnswer(_))),
        "{answer:?}"
    );
    server.await.unwrap();
    let nobody_came = tokio::time::timeout(Duration::from_millis(50), second.accept()).await;
    assert!(nobody_came.is_err());
}

#[tokio::test]
async fn a_slow_answer_is_no_answer() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
            .await
            .unwrap();
        stream
    });
    let impatient = HttpOptions {
        timeout: Duration::from_millis(200),
        ..options(address, None)
    };
    let answer = send(impatient).await;
    match answer {
        Err(TransportError::NoAnswer(why)) => assert!(why.contains("timed out"), "{why}"),
        other => panic!("{other:?}"),
    }
    drop(server.await.unwrap());
}

#[tokio::test]
async fn a_cut_answer_is_no_answer() {
    let (listener, address) = listener().await;
    let server = answering(
        listener,
        1,
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(),
    );
    let answer = send(options(address, None)).await;
    assert!(
        matches!(answer, Err(TransportError::NoAnswer(_))),
        "{answer:?}"
    );
    server.await.unwrap();
}

#[tokio::test]
async fn endless_answers_are_not_read() {
    let (listener, address) = listener().await;
    let body = "x".repeat(2000);
    let server = answering(
        listener,
        1,
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{body}"),
    );
    let small = HttpOptions {
        answer_limit: 1000,
        ..options(address, None)
    };
    match send(small).await {
        Err(TransportError::NoAnswer(why)) => {
            assert_eq!(why, "the answer has more than 1000 bytes")
        }
        other => panic!("{other:?}"),
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_refused_before_anything_is_sent() {
    let (listener, address) = listener().await;
    let stranger = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(
        stranger.signing_key.serialize_der(),
    ));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![stranger.cert.der().clone()], key)
        .unwrap();
    let listener = listener.into_std().unwrap();
    listener.set_nonblocking(false).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        loop {
            match tls.complete_io(&mut stream) {
                Ok(_) if tls.is_handshaking() => {}
                Ok(_) => break "handshake done".to_owned(),
                Err(error) => break error.to_string(),
            }
        }
    });
    let answer = send(HttpOptions::at(format!("https://{address}"))).await;
    match answer {
        Err(TransportError::NotSent(why)) => assert!(why.contains("certificate"), "{why}"),
        other => panic!("{other:?}"),
    }
    let ended = server.join().unwrap();
    assert!(
        ended.contains("UnknownCA") || ended.contains("alert"),
        "{ended}"
    );
}

#[test]
fn addresses_are_origins_only() {
    for bad in [
        "",
        "api.mch.weixin.qq.com",
        "ftp://a",
        "https://a/b",
        "https://a?b",
        "https://u@a",
        "https://a#b",
    ] {
        let made = HttpTransport::new(HttpOptions::at(bad));
        assert!(matches!(made, Err(HttpError::BaseUrl(_))), "{bad}");
    }
    let wechat = HttpOptions::wechat();
    assert_eq!(wechat.primary, "https://api.mch.weixin.qq.com");
    assert_eq!(
        wechat.secondary.as_deref(),
        Some("https://api2.mch.weixin.qq.com")
    );
}

#[test]
fn a_target_that_would_change_on_the_way_is_not_sent() {
    let base = options::base_url("http://127.0.0.1:1").unwrap();
    assert_eq!(
        url(&base, "/v3/A%7CB*_-~.?x=%20&y=a+b").unwrap().as_str(),
        "http://127.0.0.1:1/v3/A%7CB*_-~.?x=%20&y=a+b"
    );
    for target in [
        "/a/../b",
        "/a b",
        "/a\"",
        "@evil.example/",
        ".evil.example/",
        "/a#b\u{0}",
    ] {
        assert!(
            matches!(url(&base, target), Err(TransportError::NotSent(_))),
            "{target:?}"
        );
    }
}
