//! Signature headers: whatever they are, nothing is verified that the key did not say yes to.

use std::sync::Arc;

use wechatpay::v3::{FRESH_SECONDS, SIGNATURE_PROBE, SIGNATURE_TYPE, text_to_verify};

use crate::http_text::Message;
use crate::keys::{CheapKey, Judge, NOW, SERIAL, ring};

pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    let judge = Judge::new(false);
    let refused = ring(judge).verify(&message.headers, message.body, NOW);
    assert!(refused.is_err(), "verified without a key that says yes");

    let judge = Judge::new(true);
    let taken = ring(judge.clone()).verify(&message.headers, message.body, NOW);
    if let Ok(verified) = taken {
        let [timestamp, nonce, signature, serial] =
            ["Timestamp", "Nonce", "Signature", "Serial"].map(|name| only(&message, name));
        assert_eq!(verified.body(), message.body);
        assert_eq!(timestamp.parse().ok(), Some(verified.timestamp()));
        assert!(verified.timestamp().abs_diff(NOW) < FRESH_SECONDS);
        assert!(!signature.starts_with(SIGNATURE_PROBE));
        assert_eq!(bare(&serial), bare(SERIAL));
        if message.has("Wechatpay-Signature-Type") {
            assert_eq!(only(&message, "Signature-Type"), SIGNATURE_TYPE);
        }
        let text = text_to_verify(&timestamp, &nonce, message.body);
        assert_eq!(judge.asked(), [(text, signature)]);
    }

    // With a key that can tell: exactly what it signed, and with one changed byte nothing.
    let honest = ring(Arc::new(CheapKey(SERIAL)));
    let mut headers =
        wechatpay::v3::signature_headers(&CheapKey(SERIAL), NOW, "nonce", message.body);
    assert!(honest.verify(&headers, message.body, NOW).is_ok());
    let longer = [message.body, b" "].concat();
    assert!(honest.verify(&headers, &longer, NOW).is_err());
    // A stranger's header on top must not help.
    let before = headers.len();
    headers.extend(message.headers.iter().cloned());
    if honest.verify(&headers, &longer, NOW).is_ok() {
        panic!("{:?} made another text verify", &headers.get(before..));
    }
}

/// The one value of a header that must be there exactly once.
fn only(message: &Message<'_>, name: &str) -> String {
    let name = format!("wechatpay-{name}").to_ascii_lowercase();
    let mut values = message
        .headers
        .iter()
        .filter(|(other, _)| other.to_ascii_lowercase() == name)
        .map(|(_, value)| value.clone());
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => value,
        other => panic!("{name} was {other:?}, and yet it verified"),
    }
}

/// Hexadecimal numbers are the same whatever their case and leading zeros.
fn bare(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}
