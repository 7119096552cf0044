//! Against real sockets on 127.0.0.1.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use zeroize::Zeroizing;

use super::*;

const SECRET: &str = "s3cret";

fn request() -> Request {
    Request {
        method: Method::Post,
        target: Zeroizing::new(format!("/cgi-bin/stable_token?x={SECRET}")),
        body: Zeroizing::new(b"{}".to_vec()),
    }
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (listener, address)
}

#[tokio::test]
async fn requests_arrive_and_answers_come_whatever_their_type() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = vec![0; 4096];
        let mut length = 0;
        while !text[..length].ends_with(b"{}") {
            length += stream.read(&mut text[length..]).await.unwrap();
        }
        let answer =
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\n{\"a\":1}";
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    });
    let transport = HttpTransport::new(HttpOptions::at(address)).unwrap();
    let answer = transport.send(&request()).await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &br#"{"a":1}"#[..])
    );
    let text = server.await.unwrap();
    assert!(
        text.starts_with("POST /cgi-bin/stable_token?x=s3cret HTTP/1.1\r\n"),
        "{text}"
    );
    assert!(
        text.to_ascii_lowercase()
            .contains("content-type: application/json\r\n")
    );
}

#[tokio::test]
async fn errors_do_not_hold_the_address() {
    let (gone, address) = listener().await;
    drop(gone);
    let transport = HttpTransport::new(HttpOptions::at(&address)).unwrap();
    let error = transport.send(&request()).await.unwrap_err();
    assert!(matches!(error, TransportError::NotSent(_)));
    assert!(!format!("{error} {error:?}").contains(SECRET));

    let (silent, address) = listener().await;
    let options = HttpOptions {
        timeout: Duration::from_millis(200),
        ..HttpOptions::at(address)
    };
    let transport = HttpTransport::new(options).unwrap();
    let error = transport.send(&request()).await.unwrap_err();
    assert!(matches!(error, TransportError::NoAnswer(_)), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(SECRET));
    drop(silent);
}

#[tokio::test]
async fn endless_answers_are_not_read() {
    let (listener, address) = listener().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // An answer before the question would be refused for another reason.
        assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0);
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{}",
            "x".repeat(999)
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    });
    let options = HttpOptions {
        answer_limit: 100,
        ..HttpOptions::at(address)
    };
    let error = HttpTransport::new(options)
        .unwrap()
        .send(&request())
        .await
        .unwrap_err();
    assert_eq!(
        error,
        TransportError::NoAnswer("the answer has more than 100 bytes".to_owned())
    );
    drop(server.await.unwrap());
}

#[test]
fn only_origins_and_paths_are_taken() {
    for bad in [
        "",
        "api.weixin.qq.com",
        "https://a/b",
        "https://a?b",
        "https://u@a",
    ] {
        assert!(
            matches!(
                HttpTransport::new(HttpOptions::at(bad)),
                Err(HttpError::BaseUrl(_))
            ),
            "{bad}"
        );
    }
    let base = Url::parse("http://127.0.0.1:1").unwrap();
    for bad in ["@evil.example/", ".evil.example/", ""] {
        assert!(url(&base, bad).is_err(), "{bad}");
    }
}
