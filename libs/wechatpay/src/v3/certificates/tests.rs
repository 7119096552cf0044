use super::*;
use crate::crypto::PrivateKey;
use crate::v3::{RsaSigner, signature_headers};
use crate::vectors::*;

/// Within the validity of the certificates of groups C (2021 to 2031) and D (2022 to 2025).
const NOW: i64 = 1_700_000_000;

fn entry(pem: &str) -> CertificateEntry {
    CertificateEntry::seal(pem, &d_api_v3_key(), "14b16c03dc1b").unwrap()
}

fn c_signer() -> RsaSigner {
    RsaSigner::new(C_SERIAL, PrivateKey::from_pem(C_PRIVATE).unwrap())
}

fn answer(data: Vec<CertificateEntry>, signer: &RsaSigner) -> RawResponse {
    let body = serde_json::to_vec(&CertificateList { data }).unwrap();
    RawResponse {
        status: 200,
        headers: signature_headers(signer, NOW, "n", &body),
        body,
    }
}

#[test]
fn d5_the_published_entry_is_opened() {
    let published: CertificateEntry = serde_json::from_value(serde_json::json!({
        "serial_no": "5DEA10EF55877E3CF6C33255C2E7DEFFF7E427EC",
        "effective_time": "2023-09-19T23:15:58+08:00",
        "expire_time": "2028-09-17T23:15:58+08:00",
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": "14b16c03dc1b",
            "associated_data": "certificate",
            "ciphertext": D5,
        },
    }))
    .unwrap();
    let certificate = published.open(&d_api_v3_key()).unwrap();
    assert_eq!(certificate.serial_no(), published.serial_no);
    let ms = |unix: i64| Some(unix * 1000);
    assert_eq!(
        published.effective_time.unix_ms(),
        ms(certificate.not_before())
    );
    assert_eq!(published.expire_time.unix_ms(), ms(certificate.not_after()));

    let renamed = CertificateEntry {
        serial_no: "5DEA".to_owned(),
        ..published.clone()
    };
    assert!(matches!(
        renamed.open(&d_api_v3_key()),
        Err(CertificateError::AnotherSerial { .. })
    ));
    let other = ApiV3Key::new("00000000000000000000000000000000").unwrap();
    assert_eq!(
        published.open(&other),
        Err(CertificateError::Undecryptable(CryptoError::Refused))
    );
}

#[test]
fn sealing_is_the_reverse_of_opening() {
    let sealed = entry(C_CERTIFICATE);
    assert_eq!(sealed.serial_no, C_SERIAL);
    assert_eq!(
        sealed.open(&d_api_v3_key()).unwrap(),
        Certificate::from_pem(C_CERTIFICATE).unwrap()
    );
    assert!(CertificateEntry::seal(A_PUBLIC, &d_api_v3_key(), "14b16c03dc1b").is_err());
    assert!(CertificateEntry::seal(C_CERTIFICATE, &d_api_v3_key(), "short").is_err());
}

#[test]
fn the_first_list_is_verified_with_a_certificate_inside_it() {
    let ring = KeyRing::new();
    let list = answer(
        vec![entry(C_CERTIFICATE), entry(D_CERTIFICATE)],
        &c_signer(),
    );
    assert_eq!(accept(&list, &d_api_v3_key(), &ring, NOW), Ok(2));
    assert_eq!(ring.serials(), [D_SERIAL, C_SERIAL]);
}

#[test]
fn a_list_that_is_not_verified_changes_nothing() {
    let ring = KeyRing::new();
    let refuse = |response: &RawResponse, now: i64| {
        let refused = accept(response, &d_api_v3_key(), &ring, now).unwrap_err();
        assert!(ring.serials().is_empty());
        refused
    };
    let good = answer(vec![entry(C_CERTIFICATE)], &c_signer());
    let stale = CertificateError::Unverified(VerificationError::Stale {
        timestamp: NOW,
        now: NOW + 300,
    });
    assert_eq!(refuse(&good, NOW + 300), stale);

    let unsigned = RawResponse {
        headers: vec![],
        ..good.clone()
    };
    assert!(matches!(
        refuse(&unsigned, NOW),
        CertificateError::Unverified(_)
    ));

    // Signed by a key that is neither known nor inside.
    let foreign = answer(vec![entry(C_CERTIFICATE)], &a_signer("ABCD"));
    let unknown = VerificationError::UnknownSerial("ABCD".to_owned());
    assert_eq!(refuse(&foreign, NOW), CertificateError::Unverified(unknown));

    // Says it is signed by the certificate inside, but is not.
    let forged = answer(vec![entry(C_CERTIFICATE)], &a_signer(C_SERIAL));
    assert_eq!(
        refuse(&forged, NOW),
        CertificateError::Unverified(VerificationError::BadSignature)
    );

    // One entry that cannot be opened spoils the list.
    let mut broken = entry(D_CERTIFICATE);
    broken.encrypt_certificate.nonce = "000000000000".to_owned();
    let mixed = answer(vec![entry(C_CERTIFICATE), broken], &c_signer());
    assert_eq!(
        refuse(&mixed, NOW),
        CertificateError::Undecryptable(CryptoError::Refused)
    );

    for body in ["", "{}", "[]", "{\"data\":null}"] {
        let response = RawResponse {
            body: body.as_bytes().to_vec(),
            ..good.clone()
        };
        assert!(
            matches!(refuse(&response, NOW), CertificateError::Malformed(_)),
            "{body}"
        );
    }
}

#[test]
fn later_lists_may_be_signed_with_a_key_we_already_have() {
    let ring = KeyRing::new();
    ring.insert_public_key("PUB_KEY_ID_1", a_public());
    let list = answer(vec![entry(C_CERTIFICATE)], &a_signer("PUB_KEY_ID_1"));
    assert_eq!(accept(&list, &d_api_v3_key(), &ring, NOW), Ok(1));
    assert_eq!(ring.serials(), [C_SERIAL, "PUB_KEY_ID_1"]);
}

#[test]
fn entries_of_another_cipher_are_passed_over() {
    let ring = KeyRing::new();
    let mut other = entry(D_CERTIFICATE);
    other.encrypt_certificate.algorithm = "AEAD_SM4_GCM".to_owned();
    let list = answer(vec![other, entry(C_CERTIFICATE)], &c_signer());
    assert_eq!(accept(&list, &d_api_v3_key(), &ring, NOW), Ok(1));
    assert_eq!(ring.serials(), [C_SERIAL]);
}
