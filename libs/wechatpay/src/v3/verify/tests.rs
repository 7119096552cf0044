use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::crypto::{Certificate, PublicKey};
use crate::v3::{KeyInfo, KeyKind, VerifyingKey, signature_headers};
use crate::vectors::*;

fn b_ring() -> KeyRing {
    let ring = KeyRing::new();
    ring.insert_public_key(B_SERIAL, PublicKey::from_pem(B_PUBLIC).unwrap());
    ring
}

fn b_headers() -> Vec<(String, String)> {
    headers(&B_TIMESTAMP.to_string(), B_NONCE, B, B_SERIAL)
}

fn with(mut headers: Vec<(String, String)>, name: &str, value: &str) -> Vec<(String, String)> {
    headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    headers.push((name.to_owned(), value.to_owned()));
    headers
}

fn refusal(headers: &[(String, String)], body: &str, now: i64) -> VerificationError {
    b_ring().verify(headers, body.as_bytes(), now).unwrap_err()
}

#[test]
fn b_the_published_answer_is_verified() {
    let verified = b_ring()
        .verify(&b_headers(), B_BODY.as_bytes(), B_TIMESTAMP)
        .unwrap();
    assert_eq!(verified.body(), B_BODY.as_bytes());
    assert_eq!(verified.serial_no(), B_SERIAL);
    assert_eq!(verified.timestamp(), B_TIMESTAMP);
    assert_eq!(
        verified.request_id(),
        Some("08F5B8C2B506102C18FDDFEEA30620BE821E28EDC405-0")
    );
    let untyped: Vec<_> = b_headers()
        .into_iter()
        .filter(|(name, _)| name != "wechatpay-signature-type")
        .collect();
    assert!(
        b_ring()
            .verify(&untyped, B_BODY.as_bytes(), B_TIMESTAMP)
            .is_ok()
    );
}

#[test]
fn b_changed_bodies_are_refused() {
    for body in [
        "",
        &B_BODY.replace("JyC", "JyD"),
        &format!("{B_BODY}\n"),
        &B_BODY[1..],
    ] {
        assert_eq!(
            refusal(&b_headers(), body, B_TIMESTAMP),
            VerificationError::BadSignature
        );
    }
    for (name, value) in [
        ("wechatpay-nonce", "d824f2e086d3c1df967785d13fcd22ee"),
        ("wechatpay-timestamp", "1722850422"),
    ] {
        let headers = with(b_headers(), name, value);
        assert_eq!(
            refusal(&headers, B_BODY, B_TIMESTAMP),
            VerificationError::BadSignature
        );
    }
}

#[test]
fn b204_an_empty_body_is_verified() {
    let ring = KeyRing::new();
    ring.insert_public_key("PUB_KEY_ID_TEST", a_public());
    let headers = headers(&A_TIMESTAMP.to_string(), A_NONCE, B204, "PUB_KEY_ID_TEST");
    assert_eq!(ring.verify(&headers, b"", A_TIMESTAMP).unwrap().body(), b"");
    assert_eq!(
        ring.verify(&headers, b"\n", A_TIMESTAMP).unwrap_err(),
        VerificationError::BadSignature
    );
}

#[test]
fn c3_the_published_notification_is_signed_right() {
    let ring = KeyRing::new();
    // The certificate of the Go SDK's tests is valid from April 2021 to April 2031.
    ring.insert_certificate(&Certificate::from_pem(C_CERTIFICATE).unwrap());
    let headers = headers(
        "1624523846",
        "EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz",
        C3,
        C_SERIAL,
    );
    assert!(
        ring.verify(&headers, C3_BODY.as_bytes(), 1_624_523_846)
            .is_ok()
    );
    let changed = C3_BODY.replace("PAYSCORE", "TRANSACT");
    assert_eq!(
        ring.verify(&headers, changed.as_bytes(), 1_624_523_846)
            .unwrap_err(),
        VerificationError::BadSignature
    );
}

#[test]
fn probes_are_recognised_whatever_follows() {
    for rest in ["", "abc", B] {
        let headers = with(
            b_headers(),
            "Wechatpay-Signature",
            &format!("WECHATPAY/SIGNTEST/{rest}"),
        );
        assert_eq!(
            refusal(&headers, B_BODY, B_TIMESTAMP),
            VerificationError::Probe
        );
    }
}

#[test]
fn signatures_that_are_none_are_refused_not_crashed_over() {
    for text in ["!", "=", "AAAA", "茶", &B[..B.len() - 1], &format!("{B} ")] {
        let headers = with(b_headers(), "Wechatpay-Signature", text);
        assert_eq!(
            refusal(&headers, B_BODY, B_TIMESTAMP),
            VerificationError::BadSignature
        );
    }
}

#[test]
fn messages_are_fresh_for_less_than_300_seconds_either_way() {
    for shift in [299, -299, 0] {
        assert!(
            b_ring()
                .verify(&b_headers(), B_BODY.as_bytes(), B_TIMESTAMP + shift)
                .is_ok()
        );
    }
    for shift in [300, -300, 86_400, i64::MIN / 2] {
        let now = B_TIMESTAMP + shift;
        let stale = VerificationError::Stale {
            timestamp: B_TIMESTAMP,
            now,
        };
        assert_eq!(refusal(&b_headers(), B_BODY, now), stale);
    }
    for text in [
        "x",
        "1722850421.5",
        "-1",
        "+1722850421",
        "99999999999999999999",
        " 1722850421",
    ] {
        let headers = with(b_headers(), "Wechatpay-Timestamp", text);
        assert_eq!(
            refusal(&headers, B_BODY, B_TIMESTAMP),
            VerificationError::MalformedTimestamp
        );
    }
}

#[test]
fn every_header_is_there_exactly_once() {
    let names = [
        "Wechatpay-Timestamp",
        "Wechatpay-Nonce",
        "Wechatpay-Signature",
        "Wechatpay-Serial",
    ];
    for name in names {
        let without: Vec<_> = b_headers()
            .into_iter()
            .filter(|(other, _)| !other.eq_ignore_ascii_case(name))
            .collect();
        assert_eq!(
            refusal(&without, B_BODY, B_TIMESTAMP),
            VerificationError::MissingHeader(name)
        );
        let empty = with(b_headers(), name, "");
        assert_eq!(
            refusal(&empty, B_BODY, B_TIMESTAMP),
            VerificationError::MissingHeader(name)
        );
        let mut twice = b_headers();
        twice.push((name.to_uppercase(), "x".to_owned()));
        assert_eq!(
            refusal(&twice, B_BODY, B_TIMESTAMP),
            VerificationError::DuplicateHeader(name)
        );
    }
    assert_eq!(
        refusal(&[], B_BODY, B_TIMESTAMP),
        VerificationError::MissingHeader("Wechatpay-Timestamp")
    );
    let other = with(
        b_headers(),
        "Wechatpay-Signature-Type",
        "WECHATPAY2-SM2-WITH-SM3",
    );
    assert!(matches!(
        refusal(&other, B_BODY, B_TIMESTAMP),
        VerificationError::UnsupportedType(_)
    ));
}

/// Found by the fuzz target `signature`.
#[test]
fn an_empty_or_doubled_signature_type_is_not_an_absent_one() {
    let plain: Vec<_> = b_headers()
        .into_iter()
        .filter(|(name, _)| name != "wechatpay-signature-type")
        .collect();
    let body = B_BODY;
    assert!(
        b_ring()
            .verify(&plain, body.as_bytes(), B_TIMESTAMP)
            .is_ok()
    );
    let typed = |values: &[&str]| {
        let mut headers = plain.clone();
        for value in values {
            headers.push(("Wechatpay-Signature-Type".to_owned(), (*value).to_owned()));
        }
        b_ring()
            .verify(&headers, body.as_bytes(), B_TIMESTAMP)
            .map(drop)
    };
    assert_eq!(typed(&["WECHATPAY2-SHA256-RSA2048"]), Ok(()));
    for bad in [
        &[""][..],
        &["", "WECHATPAY2-SM2-WITH-SM3"],
        &["WECHATPAY2-SHA256-RSA2048"; 2],
    ] {
        assert!(typed(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_key_is_chosen_by_serial_only() {
    let ring = b_ring();
    ring.insert_public_key("PUB_KEY_ID_TEST", a_public());
    let headers = with(b_headers(), "Wechatpay-Serial", "PUB_KEY_ID_TEST");
    let refused = ring
        .verify(&headers, B_BODY.as_bytes(), B_TIMESTAMP)
        .unwrap_err();
    assert_eq!(refused, VerificationError::BadSignature);
    let unknown = with(b_headers(), "Wechatpay-Serial", "PUB_KEY_ID_OTHER");
    assert_eq!(
        refusal(&unknown, B_BODY, B_TIMESTAMP),
        VerificationError::UnknownSerial("PUB_KEY_ID_OTHER".to_owned())
    );
    assert!(ring.remove(B_SERIAL));
    assert!(
        ring.verify(&b_headers(), B_BODY.as_bytes(), B_TIMESTAMP)
            .is_err()
    );
}

#[test]
fn certificates_count_within_their_validity() {
    let ring = KeyRing::new();
    let certificate = Certificate::from_pem(D_CERTIFICATE).unwrap();
    ring.insert_certificate(&certificate);
    let signer = crate::v3::RsaSigner::new(
        D_SERIAL.to_lowercase(),
        crate::crypto::PrivateKey::from_pem(D_PRIVATE).unwrap(),
    );
    for (now, good) in [
        (certificate.not_before(), true),
        (certificate.not_after(), true),
        (certificate.not_before() - 1, false),
        (certificate.not_after() + 1, false),
    ] {
        let headers = signature_headers(&signer, now, "n", b"{}");
        match ring.verify(&headers, b"{}", now) {
            Ok(_) => assert!(good),
            Err(error) => {
                assert!(!good);
                assert_eq!(
                    error,
                    VerificationError::OutsideValidity(D_SERIAL.to_lowercase())
                );
            }
        }
    }
}

#[test]
fn the_ring_lists_what_it_holds() {
    let ring = b_ring();
    let certificate = Certificate::from_pem(C_CERTIFICATE).unwrap();
    ring.insert_certificate(&certificate);
    assert_eq!(ring.serials(), [C_SERIAL, B_SERIAL]);
    assert_eq!(
        ring.list()[0],
        KeyInfo {
            serial_no: C_SERIAL.to_owned(),
            kind: KeyKind::Certificate,
            not_before: Some(certificate.not_before()),
            not_after: Some(certificate.not_after()),
        }
    );
    assert_eq!(ring.list()[1].kind, KeyKind::PublicKey);
    assert_eq!(
        ring.encryption_key(C_SERIAL),
        Some(certificate.public_key().clone())
    );
    assert_eq!(ring.encryption_key("other"), None);
}

#[test]
fn a_simulation_plugs_in_its_own_keys() {
    #[derive(Debug)]
    struct Cheap;
    impl VerifyingKey for Cheap {
        fn verify(&self, text: &[u8], signature: &str) -> bool {
            signature == text.len().to_string()
        }
    }
    let ring = KeyRing::new();
    ring.insert("CHEAP", Arc::new(Cheap));
    let headers = headers("1000", "n", "10", "CHEAP");
    assert!(ring.verify(&headers, b"{}", 1000).is_ok());
    assert!(ring.verify(&headers, b"{ }", 1000).is_err());
}

#[test]
fn serials_are_hexadecimal_numbers() {
    let ring = KeyRing::new();
    ring.insert("00AB12", Arc::new(a_public()));
    for serial in ["AB12", "ab12", "00ab12", "0AB12"] {
        assert!(ring.contains(serial), "{serial}");
    }
    assert!(!ring.contains("AB120"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn foreign_headers_never_panic_and_never_verify(
        timestamp in "(1722850421|[0-9x]{0,12})",
        nonce in ".{0,40}",
        signature in "(WECHATPAY/SIGNTEST/|)[A-Za-z0-9+/=]{0,360}",
        serial in prop_oneof![Just(B_SERIAL.to_owned()), ".{0,50}"],
        body in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let headers = headers(&timestamp, &nonce, &signature, &serial);
        prop_assert!(b_ring().verify(&headers, &body, B_TIMESTAMP).is_err());
    }
}
