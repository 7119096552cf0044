//! Key files, certificates, and what is decrypted with them.

use wechatpay::crypto::{ApiV3Key, Certificate, PrivateKey, PublicKey};

use crate::keys;

pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(key) = PublicKey::from_pem(&text) {
        check_public(&key);
    }
    if let Ok(certificate) = Certificate::from_pem(&text) {
        let serial = certificate.serial_no();
        assert!(
            serial
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte)),
            "{serial:?}"
        );
        let (from, until) = (certificate.not_before(), certificate.not_after());
        assert_eq!(certificate.is_valid_at(from), from <= until);
        assert!(!certificate.is_valid_at(until.saturating_add(1)) || until == i64::MAX);
        check_public(certificate.public_key());
    }
    if let Ok(key) = PrivateKey::from_pem(&text) {
        let signature = key.sign(b"text");
        assert!(key.public_key().verify(b"text", &signature));
        assert!(!key.public_key().verify(b"another text", &signature));
        assert_eq!(format!("{key:?}"), "PrivateKey(***)");
        check_public(&key.public_key());
    }
    api_v3(&text);
}

fn check_public(key: &PublicKey) {
    assert_eq!(PublicKey::from_pem(&key.to_pem()).as_ref(), Ok(key));
    // Foreign bytes as a signature are refused, never worth a panic.
    for length in [0, 1, 255, 256, 257, 512] {
        assert!(!key.verify(b"text", &vec![0; length]));
    }
}

/// Lines: key, nonce, associated data, ciphertext. Then the same bytes as a plaintext.
fn api_v3(text: &str) {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (key, nonce, associated_data, ciphertext) = (next(), next(), next(), next());
    if let Ok(key) = ApiV3Key::new(key) {
        assert_eq!(format!("{key:?}"), "ApiV3Key(***)");
        if let Ok(plaintext) = key.open(nonce, associated_data, ciphertext) {
            // GCM is deterministic: what opens is exactly what sealing gives.
            let sealed = key.seal(nonce, associated_data, &plaintext);
            assert_eq!(sealed.as_deref(), Ok(ciphertext));
        }
    }
    let key = keys::api_v3_key();
    let Ok(sealed) = key.seal("Qm7Kx2Vb9TzL", "transaction", text.as_bytes()) else {
        panic!("12 bytes of nonce and less than 16 of associated data are always taken");
    };
    assert_eq!(
        key.open("Qm7Kx2Vb9TzL", "transaction", &sealed).as_deref(),
        Ok(text.as_bytes())
    );
    assert!(key.open("Qm7Kx2Vb9TzL", "refund", &sealed).is_err());
    assert!(key.open("Qm7Kx2Vb9TzM", "transaction", &sealed).is_err());
}
