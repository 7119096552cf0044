use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::vectors::*;

fn decoded(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

#[test]
fn both_private_key_forms_are_read_and_sign_as_published() {
    // C1 and D2: PKCS#8; the published signatures are of these ASCII texts.
    let cases = [(C_PRIVATE, "source", C1), (D_PRIVATE, "message", D2)];
    for (pem, text, published) in cases {
        let key = PrivateKey::from_pem(pem).unwrap();
        assert_eq!(STANDARD.encode(key.sign(text.as_bytes())), published);
        assert!(
            key.public_key()
                .verify(text.as_bytes(), &decoded(published))
        );
        assert!(
            !key.public_key()
                .verify(b"another text", &decoded(published))
        );
    }
    // Group A comes as PKCS#1; its public half is published too.
    assert_eq!(a_key().public_key(), a_public());
    assert_eq!(
        PublicKey::from_pem(&a_public().to_pem()).unwrap(),
        a_public()
    );
}

#[test]
fn public_keys_refuse_wrong_signatures_of_any_length() {
    let key = a_public();
    for signature in [
        &b""[..],
        b"x",
        &[0; 255],
        &[0; 256],
        &[255; 257],
        &[0; 4096],
    ] {
        assert!(!key.verify(b"text", signature));
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let private = |text: &str| PrivateKey::from_pem(text).unwrap_err();
    assert_eq!(
        private(""),
        KeyError::NotPem {
            expected: "PRIVATE KEY"
        }
    );
    assert_eq!(
        private(A_PUBLIC),
        KeyError::NotPem {
            expected: "PRIVATE KEY"
        }
    );
    let damaged = C_PRIVATE.replacen("MIIEvg", "MIIEvA", 1);
    assert!(matches!(private(&damaged), KeyError::Unreadable { .. }));
    let empty = "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----";
    assert!(matches!(private(empty), KeyError::Unreadable { .. }));
    assert_eq!(
        PublicKey::from_pem(D_CERTIFICATE).unwrap_err(),
        KeyError::NotPem {
            expected: "PUBLIC KEY"
        }
    );
    assert_eq!(
        Certificate::from_pem(A_PUBLIC).unwrap_err(),
        KeyError::NotPem {
            expected: "CERTIFICATE"
        }
    );
    let cut = "-----BEGIN CERTIFICATE-----\nMIIDVzCC\n-----END CERTIFICATE-----";
    assert!(matches!(
        Certificate::from_pem(cut),
        Err(KeyError::Unreadable { .. })
    ));
}

#[test]
fn keys_of_another_kind_or_too_short_are_refused() {
    let elliptic = rcgen::KeyPair::generate().unwrap();
    assert!(matches!(
        PrivateKey::from_pem(&elliptic.serialize_pem()),
        Err(KeyError::Unreadable { .. })
    ));
    assert!(matches!(
        PublicKey::from_pem(&elliptic.public_key_pem()),
        Err(KeyError::Unreadable { .. })
    ));
    // RSA with 1024 bits, made for this test.
    let short = include_str!("../../tests/vectors/short_rsa_1024_private.pem");
    assert_eq!(
        PrivateKey::from_pem(short).unwrap_err(),
        KeyError::UnsupportedSize
    );
    let short = include_str!("../../tests/vectors/short_rsa_1024_public.pem");
    assert_eq!(
        PublicKey::from_pem(short).unwrap_err(),
        KeyError::UnsupportedSize
    );
}

#[test]
fn a_private_key_whose_parts_do_not_belong_together_is_refused() {
    // The key of group D with one of its CRT numbers changed.
    let text = D_PRIVATE.replace("xNJ1TM6J6kRQdn5O6Ot4ERw=", "xNJ1TM6J6kRQdn5O6Ot4ERg=");
    assert_ne!(text, D_PRIVATE);
    assert!(matches!(
        PrivateKey::from_pem(&text),
        Err(KeyError::Unreadable { .. })
    ));
}

#[test]
fn certificates_tell_serial_validity_and_key() {
    let c = Certificate::from_pem(C_CERTIFICATE).unwrap();
    assert_eq!(c.serial_no(), C_SERIAL);
    assert!(c.public_key().verify(b"source", &decoded(C1)));
    let d = Certificate::from_pem(D_CERTIFICATE).unwrap();
    assert_eq!(d.serial_no(), D_SERIAL);
    assert_eq!(
        (d.not_before(), d.not_after()),
        (1_652_147_830, 1_746_755_830)
    );
    assert!(!d.is_valid_at(d.not_before() - 1));
    assert!(d.is_valid_at(d.not_before()) && d.is_valid_at(d.not_after()));
    assert!(!d.is_valid_at(d.not_after() + 1));
    assert_eq!(
        d.public_key(),
        &PrivateKey::from_pem(D_PRIVATE).unwrap().public_key()
    );
}

#[test]
fn d1_opens_and_seals_as_published() {
    let key = d_api_v3_key();
    let published = "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI=";
    let open = |nonce, data, text| key.open(nonce, data, text);
    assert_eq!(
        open("uluk4a9R25RW", "associatedData", published).unwrap(),
        b"message"
    );
    assert_eq!(
        key.seal("uluk4a9R25RW", "associatedData", b"message")
            .unwrap(),
        published
    );
    assert_eq!(
        open("uluk4a9R25RX", "associatedData", published),
        Err(CryptoError::Refused)
    );
    assert_eq!(
        open("uluk4a9R25RW", "associateddata", published),
        Err(CryptoError::Refused)
    );
    assert_eq!(
        open("uluk4a9R25RW", "", published),
        Err(CryptoError::Refused)
    );
    let changed = published.replacen('u', "v", 1);
    assert_eq!(
        open("uluk4a9R25RW", "associatedData", &changed),
        Err(CryptoError::Refused)
    );
    let other = ApiV3Key::new("b7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb").unwrap();
    assert_eq!(
        other.open("uluk4a9R25RW", "associatedData", published),
        Err(CryptoError::Refused)
    );
}

#[test]
fn lengths_are_checked_before_the_cipher() {
    let key = d_api_v3_key();
    for nonce in ["", "uluk4a9R25R", "uluk4a9R25RWx", "茶茶茶茶茶"] {
        let refused = Err(CryptoError::NonceLength {
            length: nonce.len(),
        });
        assert_eq!(key.open(nonce, "", "AAAA"), refused);
        assert_eq!(key.seal(nonce, "", b"").map(String::into_bytes), refused);
    }
    let long = "1234567890123456";
    assert_eq!(
        key.open("uluk4a9R25RW", long, "AAAA"),
        Err(CryptoError::AssociatedDataLength { length: 16 })
    );
    assert_eq!(
        key.open("uluk4a9R25RW", "", &STANDARD.encode([0; 15])),
        Err(CryptoError::CiphertextLength { length: 15 })
    );
    assert_eq!(
        key.open("uluk4a9R25RW", "", ""),
        Err(CryptoError::CiphertextLength { length: 0 })
    );
    assert_eq!(
        key.open("uluk4a9R25RW", "", "WECHATPAY/SIGNTEST/!"),
        Err(CryptoError::NotBase64)
    );
    // An empty plaintext is the shortest that exists: the tag alone.
    let empty = key.seal("uluk4a9R25RW", "", b"").unwrap();
    assert_eq!(key.open("uluk4a9R25RW", "", &empty).unwrap(), b"");
}

#[test]
fn c2_its_short_key_is_refused() {
    // The Go SDK's tests decrypt `FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC` with this key, which silently is AES-128.
    assert_eq!(
        ApiV3Key::new("testAPIv3Key0000").unwrap_err(),
        KeyError::ApiV3KeyLength { length: 16 }
    );
    for key in [
        "",
        "a7cde1ZJB1kG2e7VfTs3jQzaWizur8G",
        "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb\n",
    ] {
        assert_eq!(
            ApiV3Key::new(key).unwrap_err(),
            KeyError::ApiV3KeyLength { length: key.len() }
        );
    }
}

#[test]
fn d3_decrypts_with_sha1_and_round_trips() {
    let key = PrivateKey::from_pem(D_PRIVATE).unwrap();
    assert_eq!(key.decrypt_oaep(D3).unwrap(), b"plaintext");
    assert_eq!(a_key().decrypt_oaep(D3), Err(CryptoError::Refused));
    let name = "张三".as_bytes();
    let (one, two) = (
        key.public_key().encrypt_oaep(name),
        key.public_key().encrypt_oaep(name),
    );
    assert_ne!(one, two, "OAEP is randomised");
    assert_eq!(key.decrypt_oaep(&one.unwrap()).unwrap(), name);
}

#[test]
fn d4_and_sha256_are_other_paddings_and_refused() {
    let key = PrivateKey::from_pem(D_PRIVATE).unwrap();
    assert_eq!(key.decrypt_oaep(D4), Err(CryptoError::Refused));
    let spki = pem::block(&key.public_key().to_pem(), "PUBLIC KEY").unwrap();
    let sha256 =
        OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(&spki).unwrap()).unwrap();
    let mut output = vec![0; sha256.ciphertext_size()];
    let sealed = sha256
        .encrypt(&OAEP_SHA256_MGF1SHA256, b"plaintext", &mut output, None)
        .unwrap();
    assert_eq!(
        key.decrypt_oaep(&STANDARD.encode(sealed)),
        Err(CryptoError::Refused)
    );
}

#[test]
fn rsa_encryption_knows_its_limit() {
    let key = a_public();
    assert!(key.encrypt_oaep(&[1; 214]).is_ok());
    assert_eq!(
        key.encrypt_oaep(&[1; 215]),
        Err(CryptoError::PlaintextLength {
            length: 215,
            limit: 214
        })
    );
    assert_eq!(
        a_key().decrypt_oaep("not base64!"),
        Err(CryptoError::NotBase64)
    );
    assert_eq!(a_key().decrypt_oaep(""), Err(CryptoError::Refused));
}

#[test]
fn secrets_are_not_printed() {
    let shown = format!("{:?} {:?} {:?}", a_key(), d_api_v3_key(), a_public());
    assert_eq!(shown, "PrivateKey(***) ApiV3Key(***) PublicKey(2048 bits)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn foreign_bytes_never_panic(nonce in ".{0,16}", data in ".{0,20}", text in "[A-Za-z0-9+/=]{0,80}") {
        prop_assert!(d_api_v3_key().open(&nonce, &data, &text).is_err());
    }

    #[test]
    fn foreign_pem_never_panics(inside in "[A-Za-z0-9+/=\n]{0,120}") {
        for label in ["CERTIFICATE", "PUBLIC KEY", "PRIVATE KEY", "RSA PRIVATE KEY"] {
            let text = format!("-----BEGIN {label}-----\n{inside}\n-----END {label}-----\n");
            prop_assert!(Certificate::from_pem(&text).is_err());
            prop_assert!(PublicKey::from_pem(&text).is_err());
            prop_assert!(PrivateKey::from_pem(&text).is_err());
        }
    }

    #[test]
    fn what_is_sealed_opens(plaintext in proptest::collection::vec(any::<u8>(), 0..200)) {
        let sealed = d_api_v3_key().seal("uluk4a9R25RW", "transaction", &plaintext).unwrap();
        prop_assert_eq!(d_api_v3_key().open("uluk4a9R25RW", "transaction", &sealed).unwrap(), plaintext);
    }
}
