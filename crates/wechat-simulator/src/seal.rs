//! The signature headers on what WeChat sends, and the ways in which they can be wrong.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wechatpay::v3::{SIGNATURE_PROBE, Signer, signature_headers, text_to_verify};

use crate::fault::FaultKind;

/// What is wrong with a signed message on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// Nothing.
    #[default]
    None,
    /// No signature headers.
    Unsigned,
    /// A signature of another text.
    WrongSignature,
    /// One of WeChat's probes.
    Signtest,
    /// The serial of a key nobody was ever told.
    UnknownSerial,
    /// Signed ten minutes ago, otherwise right.
    Stale,
    /// One character of the body was changed after signing.
    Tampered,
    /// The second half of the body is missing.
    Truncated,
    /// A genuine notification of more than five minutes ago, sent again byte for byte.
    Replayed,
    /// A genuine notification, sent to another address than WeChat sent it to.
    Misdirected,
    /// API v2: signed with the other sign type than the order; nobody may choose the weaker one.
    OtherSignType,
    /// API v2: right in every way, but with a DOCTYPE whose entity names a file.
    Doctype,
    /// Signed and encrypted by WeChat, but it says something else than the order.
    Contradicting,
}

impl Flaw {
    pub(crate) fn of(fault: FaultKind) -> Self {
        let table = [
            (FaultKind::WrongResponseSignature, Self::WrongSignature),
            (FaultKind::UnsignedResponse, Self::Unsigned),
            (FaultKind::SigntestResponse, Self::Signtest),
            (FaultKind::UnknownSerialResponse, Self::UnknownSerial),
            (FaultKind::StaleResponse, Self::Stale),
            (FaultKind::TruncatedBody, Self::Truncated),
            (FaultKind::NotificationSigntest, Self::Signtest),
            (FaultKind::NotificationUnknownSerial, Self::UnknownSerial),
            (FaultKind::NotificationStale, Self::Stale),
            (FaultKind::NotificationTampered, Self::Tampered),
        ];
        table
            .iter()
            .find(|(kind, _)| *kind == fault)
            .map_or(Self::None, |(_, flaw)| *flaw)
    }
}

const STALE_SECONDS: i64 = 600;

/// Signs a body. The body comes back because some flaws change it after signing.
pub(crate) fn sign(
    signer: &dyn Signer,
    timestamp: i64,
    nonce: &str,
    mut body: Vec<u8>,
    flaw: Flaw,
) -> (Vec<(String, String)>, Vec<u8>) {
    let mut headers = match flaw {
        Flaw::Unsigned => return (Vec::new(), body),
        Flaw::Stale => signature_headers(signer, timestamp - STALE_SECONDS, nonce, &body),
        // The flaws of the other protocol are wrong signatures in this one.
        Flaw::WrongSignature | Flaw::OtherSignType | Flaw::Doctype => {
            signature_headers(signer, timestamp, nonce, b"{\"forged\":true}")
        }
        Flaw::None
        | Flaw::Signtest
        | Flaw::UnknownSerial
        | Flaw::Tampered
        | Flaw::Truncated
        | Flaw::Replayed
        | Flaw::Misdirected
        | Flaw::Contradicting => signature_headers(signer, timestamp, nonce, &body),
    };
    match flaw {
        Flaw::Signtest => replace(&mut headers, "Wechatpay-Signature", |old| {
            format!("{SIGNATURE_PROBE}{old}")
        }),
        Flaw::UnknownSerial => replace(&mut headers, "Wechatpay-Serial", unknown_serial),
        // A blank at the end leaves the JSON readable: only a reader who checks the signature notices.
        Flaw::Tampered => body.push(b' '),
        Flaw::Truncated => body.truncate(body.len() / 2),
        Flaw::None
        | Flaw::Unsigned
        | Flaw::WrongSignature
        | Flaw::OtherSignType
        | Flaw::Doctype
        | Flaw::Stale
        | Flaw::Replayed
        | Flaw::Misdirected
        | Flaw::Contradicting => {}
    }
    (headers, body)
}

/// The text a receiver must verify, for the log.
pub(crate) fn signed_text(timestamp: i64, nonce: &str, body: &[u8]) -> String {
    String::from_utf8_lossy(&text_to_verify(&timestamp.to_string(), nonce, body)).into_owned()
}

fn replace(headers: &mut [(String, String)], name: &str, change: impl Fn(&str) -> String) {
    for (other, value) in headers {
        if other == name {
            *value = change(value);
        }
    }
}

fn unknown_serial(known: &str) -> String {
    if known.starts_with("PUB_KEY_ID_") {
        "PUB_KEY_ID_0100000000002000010100000000000000".to_owned()
    } else {
        "00000000000000000000000000000000DEADBEEF".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wechatpay::v3::{KeyRing, VerificationError};

    use super::*;
    use crate::testing::CheapKey;

    #[test]
    fn every_flaw_is_refused_by_a_verifier_and_a_sound_message_is_not() {
        let signer = CheapKey::new("PUB_KEY_ID_1");
        let keys = KeyRing::new();
        keys.insert("PUB_KEY_ID_1", Arc::new(signer.clone()));
        let verify = |flaw| {
            let (headers, body) = sign(&signer, 1_000_000, "nonce", b"{\"a\":1}".to_vec(), flaw);
            keys.verify(&headers, &body, 1_000_000).map(|_| ())
        };
        assert_eq!(verify(Flaw::None), Ok(()));
        assert_eq!(verify(Flaw::Signtest), Err(VerificationError::Probe));
        for flaw in [Flaw::WrongSignature, Flaw::Tampered, Flaw::Truncated] {
            assert_eq!(
                verify(flaw),
                Err(VerificationError::BadSignature),
                "{flaw:?}"
            );
        }
        assert!(matches!(
            verify(Flaw::Unsigned),
            Err(VerificationError::MissingHeader(_))
        ));
        assert!(matches!(
            verify(Flaw::UnknownSerial),
            Err(VerificationError::UnknownSerial(_))
        ));
        assert!(matches!(
            verify(Flaw::Stale),
            Err(VerificationError::Stale { .. })
        ));
    }
}
