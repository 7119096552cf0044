//! Notifications: what opens was verified and decrypted, and says what its plaintext says.

use std::sync::Arc;

use serde_json::Value;
use wechatpay::time::WechatTime;
use wechatpay::v3::notification::{Notification, NotificationError, Plain, Resource, open, seal};
use wechatpay::v3::signature_headers;

use crate::http_text::Message;
use crate::keys::{CheapKey, Judge, NOW, SERIAL, api_v3_key, ring};

/// The first line is `event_type original_type`; the body is an envelope, or what is inside one.
pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    let key = api_v3_key();

    // As it came, from somebody whose signature nobody confirms.
    let refusing = ring(Judge::new(false));
    let stranger = open(&refusing, &key, &message.headers, message.body, NOW);
    assert!(
        matches!(stranger, Err(NotificationError::Unverified(_))),
        "{stranger:?}"
    );

    // As an envelope that is signed.
    let signed = ring(Arc::new(CheapKey(SERIAL)));
    let headers = signature_headers(&CheapKey(SERIAL), NOW, "nonce", message.body);
    if let Ok(opened) = open(&signed, &key, &headers, message.body, NOW) {
        promises(&opened);
        let envelope: Value = serde_json::from_slice(message.body).unwrap_or_default();
        assert_eq!(envelope["id"], opened.id.as_str());
        assert_eq!(envelope["resource"]["algorithm"], "AEAD_AES_256_GCM");
        let again = key.seal(
            text(&envelope["resource"]["nonce"]),
            text(&envelope["resource"]["associated_data"]),
            opened.plaintext.as_bytes(),
        );
        assert_eq!(
            again.as_deref(),
            Ok(text(&envelope["resource"]["ciphertext"]))
        );
    }

    // As the plaintext of a genuine one.
    let (event_type, original_type) = message.words();
    let Ok(resource) = std::str::from_utf8(message.body) else {
        return;
    };
    let plain = Plain {
        id: "EV-1",
        create_time: &WechatTime::from_unix_ms(NOW * 1000),
        event_type,
        original_type,
        summary: "",
        nonce: "Qm7Kx2Vb9TzL",
        associated_data: "transaction",
        resource,
    };
    let Ok(body) = seal(&key, &plain) else {
        panic!("12 bytes of nonce and less than 16 of associated data are always taken");
    };
    let headers = signature_headers(&CheapKey(SERIAL), NOW, "nonce", &body);
    match open(&signed, &key, &headers, &body, NOW) {
        Ok(opened) => {
            assert_eq!(opened.plaintext, resource);
            assert_eq!(opened.event_type, event_type);
            promises(&opened);
        }
        Err(NotificationError::Resource { .. }) => {}
        Err(other) => panic!("a genuine notification is refused: {other}"),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// What must hold for everything that opened.
fn promises(opened: &Notification) {
    assert_eq!(opened.serial_no, SERIAL);
    assert_eq!(opened.timestamp, NOW);
    let said: Value = match serde_json::from_str(&opened.plaintext) {
        Ok(said) => said,
        Err(why) => panic!("opened, but its plaintext is not JSON: {why}"),
    };
    match &opened.resource {
        Resource::Transaction(order) => {
            assert!(matches!(opened.original_type.as_str(), "transaction" | ""));
            assert!(said.get("sub_orders").is_none() && said.get("combine_out_trade_no").is_none());
            assert_eq!(said["out_trade_no"], order.out_trade_no.as_str());
            assert_eq!(said["trade_state"], order.trade_state.as_str());
            assert_eq!(
                said["amount"]["total"].as_i64(),
                order.amount.total.map(|total| total.get())
            );
            crate::answers::survives(order.as_ref());
        }
        Resource::Refund(refund) => {
            assert!(matches!(opened.original_type.as_str(), "refund" | ""));
            assert_eq!(said["out_refund_no"], refund.out_refund_no.as_str());
            assert_eq!(said["refund_status"], refund.refund_status.as_str());
            assert_eq!(
                said["amount"]["refund"].as_i64(),
                Some(refund.amount.refund.get())
            );
            crate::answers::survives(refund.as_ref());
        }
        Resource::Other(other) => assert_eq!(*other, said),
    }
}
