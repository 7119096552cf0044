//! The list of platform certificates: only what the APIv3 key opened becomes a key.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::FutureExt;
use serde_json::Value;
use wechatpay::v3::Outcome;
use wechatpay::v3::certificates::CertificateEntry;

use crate::http_text::Message;
use crate::keys::{CheapKey, Judge, SERIAL, api_v3_key, ring};

/// The first line is `certificates status`; the body is a list, or one certificate as PEM.
pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    list(&message);
    let key = api_v3_key();
    if let Ok(pem) = std::str::from_utf8(message.body)
        && let Ok(entry) = CertificateEntry::seal(pem, &key, "Qm7Kx2Vb9TzL")
    {
        match entry.open(&key) {
            Ok(certificate) => assert_eq!(certificate.serial_no(), entry.serial_no),
            Err(why) => panic!("what was sealed does not open: {why}"),
        }
    }
}

fn list(message: &Message<'_>) {
    let response = crate::answers::answer(message);
    for (judge, may_count) in [
        (ring(Judge::new(false)), false),
        (ring(Arc::new(CheapKey(SERIAL))), true),
    ] {
        let keys = Arc::new(judge);
        let client = crate::answers::client(&response, Arc::clone(&keys));
        let Some(outcome) = client.refresh_certificates().now_or_never() else {
            panic!("a call waits although its answer is there");
        };
        let added: BTreeSet<String> = keys
            .serials()
            .into_iter()
            .filter(|serial| serial != SERIAL)
            .collect();
        match outcome {
            Outcome::Done(_) => {
                let said: Value = serde_json::from_slice(message.body).unwrap_or_default();
                let listed = said["data"].as_array().cloned().unwrap_or_default();
                let listed: BTreeSet<String> = listed
                    .iter()
                    .filter_map(|entry| entry["serial_no"].as_str())
                    .map(|serial| serial.trim_start_matches('0').to_ascii_uppercase())
                    .collect();
                assert!(added.is_subset(&listed), "{added:?} but {listed:?}");
                // A list may also be signed with a certificate inside it, but then one was decrypted.
                assert!(may_count || !added.is_empty());
            }
            Outcome::Rejected(_) | Outcome::Unknown(_) => {
                assert!(added.is_empty(), "keys of a refused list stayed: {added:?}");
            }
        }
    }
}
