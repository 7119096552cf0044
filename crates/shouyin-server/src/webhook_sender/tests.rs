//! Against real sockets on 127.0.0.1. Each test owns its receiver, so there is no order between them.

mod desk;
mod inside;
mod tls;

use std::sync::Arc;

use axum::http::StatusCode;
use standardwebhooks::Webhook;

use super::*;
use desk::{Answer, Raw, Receiver, SECRET, message, refused, sender, words};

#[tokio::test]
async fn a_webhook_arrives_as_the_format_asks() {
    let receiver = Receiver::new(Answer::Status(StatusCode::NO_CONTENT)).await;
    let message = message(receiver.url("/hooks/pay?shop=1"));
    assert_eq!(sender().send(&message).await, Reply::Status(204));
    let got = receiver.only();
    assert_eq!(
        (got.method.as_str(), got.target.as_str()),
        ("POST", "/hooks/pay?shop=1")
    );
    assert_eq!(got.body, message.body, "byte for byte");
    let signature = Webhook::new(SECRET)
        .unwrap()
        .sign(
            message.event_id.as_str(),
            1_767_585_784,
            got.body.as_bytes(),
        )
        .unwrap();
    let host = receiver.address.to_string();
    let length = got.body.len().to_string();
    assert_eq!(
        words(&got.headers),
        [
            ("accept", "*/*"),
            ("content-length", length.as_str()),
            ("content-type", "application/json"),
            ("host", host.as_str()),
            ("user-agent", concat!("Shouyin/", env!("CARGO_PKG_VERSION"))),
            ("webhook-id", message.event_id.as_str()),
            ("webhook-signature", signature.as_str()),
            ("webhook-timestamp", "1767585784"),
        ],
        "and not one header more"
    );
}

#[tokio::test]
async fn every_valid_secret_signs() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let mut message = message(receiver.url("/"));
    let old = "whsec_b2xkIHNlY3JldCBvZiAzMiBieXRlcywgYWxtb3N0IQ==";
    message.secrets.push(desk::secret(old));
    assert_eq!(sender().send(&message).await, Reply::Status(200));
    let got = receiver.only();
    let header = got.headers["webhook-signature"].to_str().unwrap();
    let expected = [SECRET, old].map(|secret| {
        Webhook::new(secret)
            .unwrap()
            .sign(
                message.event_id.as_str(),
                message.timestamp_s,
                got.body.as_bytes(),
            )
            .unwrap()
    });
    assert_eq!(header, expected.join(" "));
    assert!(header.starts_with("v1,") && header.matches("v1,").count() == 2);
}

#[tokio::test]
async fn nothing_is_sent_unsigned() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let mut message = message(receiver.url("/"));
    message.secrets = vec![desk::secret(SECRET), desk::secret("whsec_not+base64!")];
    assert_eq!(
        refused(sender().send(&message).await),
        "the endpoint has no usable secret; rotate it"
    );
    message.secrets.clear();
    refused(sender().send(&message).await);
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Receiver::new(Answer::Status(StatusCode::OK)).await;
        let status = StatusCode::from_u16(status).unwrap();
        let receiver = Receiver::new(Answer::Redirect(status, elsewhere.url("/there"))).await;
        let reply = sender().send(&message(receiver.url("/"))).await;
        assert_eq!(reply, Reply::Status(status.as_u16()));
        assert!(!reply.is_received());
        assert_eq!((receiver.count(), elsewhere.count()), (1, 0));
    }
}

#[tokio::test]
async fn nothing_is_kept_between_two_webhooks() {
    let receiver = Receiver::new(Answer::Cookie).await;
    let sender = sender();
    for _ in 0..2 {
        let reply = sender.send(&message(receiver.url("/"))).await;
        assert_eq!(reply, Reply::Status(200));
    }
    for got in receiver.requests() {
        assert!(!got.headers.contains_key("cookie"));
        assert!(!got.headers.contains_key("referer"));
    }
}

#[tokio::test]
async fn every_answer_counts_by_its_status_alone() {
    for status in [200, 204, 299, 400, 410, 429, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap();
        let receiver = Receiver::new(Answer::Status(status)).await;
        let reply = sender().send(&message(receiver.url("/"))).await;
        assert_eq!(reply, Reply::Status(status.as_u16()));
        assert_eq!(reply.is_received(), status.is_success());
        assert_eq!(
            receiver.count(),
            1,
            "sent once; repeating is for the worker"
        );
    }
}

#[tokio::test]
async fn bodies_without_end_are_not_read() {
    for answer in [Answer::EndlessBody, Answer::HangingBody] {
        let receiver = Receiver::new(answer).await;
        let reply = sender().send(&message(receiver.url("/"))).await;
        assert_eq!(reply, Reply::Status(200), "the status was there: it has it");
    }
    let cut = Raw::answering("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{").await;
    assert_eq!(sender().send(&message(cut.url())).await, Reply::Status(200));
}

#[tokio::test]
async fn a_receiver_that_says_nothing_is_given_up() {
    let hanging = Receiver::new(Answer::Never).await;
    let impatient = desk::sender_with(&["127.0.0.0/8"], 200, Arc::new(SystemLookup));
    let said = refused(impatient.send(&message(hanging.url("/"))).await);
    assert_eq!(said, "no answer within 200 ms");
    // One that takes the connection and reads nothing.
    let silent = Raw::silent().await;
    let said = refused(impatient.send(&message(silent.url())).await);
    assert_eq!(said, "no answer within 200 ms");
    // A name server that does not answer.
    let lost = desk::sender_with(&[], 200, Arc::new(desk::NoAnswer));
    let said = refused(lost.send(&message("http://shop.example/".to_owned())).await);
    assert_eq!(said, "no connection within 100 ms");
}

#[tokio::test]
async fn one_that_hangs_does_not_delay_another() {
    let (hanging, alive) = (
        Receiver::new(Answer::Never).await,
        Receiver::new(Answer::Status(StatusCode::OK)).await,
    );
    let sender = sender();
    let (slow, quick) = (message(hanging.url("/")), message(alive.url("/")));
    let waiting = sender.send(&slow);
    tokio::pin!(waiting);
    tokio::select! {
        biased;
        reply = &mut waiting => panic!("{reply:?}"),
        reply = sender.send(&quick) => assert_eq!(reply, Reply::Status(200)),
    }
}

#[tokio::test]
async fn nobody_there_is_told_without_addresses() {
    let nobody = desk::nobody().await;
    let said = refused(sender().send(&message(format!("http://{nobody}/"))).await);
    assert_eq!(said, "no connection: it was refused");
    let rude = Receiver::new(Answer::HangUp).await;
    let said = refused(sender().send(&message(rude.url("/"))).await);
    assert_eq!(said, "the connection ended without an answer");
    let garbage = Raw::saying("SSH-2.0-OpenSSH_9.2 at 10.0.0.7\r\n").await;
    let said = refused(sender().send(&message(garbage.url())).await);
    assert_eq!(said, "the connection ended without an answer");
}

#[test]
fn the_timeout_leaves_room_for_two_sendings_in_one_lease() {
    let make = |timeout_ms| {
        HttpWebhookSender::new(WebhookOptions {
            timeout_ms,
            allow_http: true,
            ..WebhookOptions::default()
        })
        .map(drop)
    };
    assert_eq!((make(1), make(14_999)), (Ok(()), Ok(())));
    for bad in [0, 15_000, u64::MAX] {
        assert_eq!(make(bad), Err(WebhookSetupError::Timeout));
    }
    let said = WebhookSetupError::Timeout.to_string();
    assert_eq!(said, "timeout_ms must be from 1 to 14999");
}
