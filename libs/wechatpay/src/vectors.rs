//! Published and derived test vectors. All keys here are public test keys.
//!
//! A, B: WeChat Pay's documentation; C: the official Go SDK's tests; D: the official Java SDK's tests; F: a whole
//! notification, derived. Group E (SM cryptography) is not implemented.

use std::sync::{Arc, Mutex, OnceLock};

use crate::crypto::{ApiV3Key, PrivateKey, PublicKey};
use crate::v3::RsaSigner;

macro_rules! vector {
    ($name:ident, $file:literal) => {
        pub(crate) const $name: &str = include_str!(concat!("../tests/vectors/", $file));
    };
}

vector!(A_PRIVATE, "a_private_pkcs1.pem");
vector!(A_PUBLIC, "a_public.pem");
vector!(A1_BODY, "a1_body.json");
vector!(A1, "a1.sig");
vector!(A2, "a2.sig");
vector!(A3, "a3.sig");
vector!(A4, "a4.sig");
vector!(A5, "a5.sig");
vector!(A6, "a6.sig");
vector!(A7, "a7.sig");
vector!(A8, "a8.sig");
vector!(A9, "a9.sig");
vector!(A10, "a10.sig");
vector!(B_PUBLIC, "b_public.pem");
vector!(B, "b.sig");
vector!(B204, "b204.sig");
vector!(C_PRIVATE, "c_private.pem");
vector!(C_CERTIFICATE, "c_certificate.pem");
vector!(C1, "c1.sig");
vector!(C3, "c3.sig");
vector!(C3_BODY, "c3_body.json");
vector!(D_PRIVATE, "d_private.pem");
vector!(D_CERTIFICATE, "d_certificate.pem");
vector!(D2, "d2.sig");
vector!(D3, "d3.oaep");
vector!(D4, "d4.pkcs1v15");
vector!(D5, "d5.ciphertext");
vector!(F, "f.sig");
vector!(F_BODY, "f_body.json");
vector!(F_PLAINTEXT, "f_plaintext.json");
vector!(PARTNER_PAYMENT, "partner_payment.json");
vector!(COMBINE_PAYMENT, "combine_payment.json");
vector!(REFUND_NOTICE, "refund_notice.json");
vector!(REFUND_CREATE, "refund_create.json");
vector!(REFUND_ANSWER, "refund_answer.json");

pub(crate) const A_MCHID: &str = "1900007291";
pub(crate) const A_SERIAL: &str = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB";
pub(crate) const A_TIMESTAMP: i64 = 1_554_208_460;
pub(crate) const A_NONCE: &str = "593BEC0C930BF1AFEB40B4A08C8FB242";

pub(crate) const B_TIMESTAMP: i64 = 1_722_850_421;
pub(crate) const B_NONCE: &str = "d824f2e086d3c1df967785d13fcd22ef";
pub(crate) const B_SERIAL: &str = "PUB_KEY_ID_0000000000000024101100397200000006";
pub(crate) const B_BODY: &str = r#"{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}"#;

pub(crate) const C_SERIAL: &str = "D7CE59D1F522D701";
pub(crate) const D_SERIAL: &str = "5F1C72E2A8931B72A2E13AF8DEE92471EB397115";
pub(crate) const D_API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";

pub(crate) const F_SERIAL: &str = "PUB_KEY_ID_0119000000012026010500000000000001";
pub(crate) const F_TIMESTAMP: i64 = 1_767_585_785;
pub(crate) const F_NONCE: &str = "9f2c4e6a8b0d1f3a5c7e9b1d3f5a7c9e";

pub(crate) fn a_key() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::from_pem(A_PRIVATE).unwrap())
        .clone()
}

pub(crate) fn a_public() -> PublicKey {
    PublicKey::from_pem(A_PUBLIC).unwrap()
}

/// The key of group A as somebody else's: a merchant, or a stand-in for WeChat.
pub(crate) fn a_signer(serial_no: &str) -> RsaSigner {
    RsaSigner::new(serial_no, a_key())
}

pub(crate) fn d_api_v3_key() -> ApiV3Key {
    ApiV3Key::new(D_API_V3_KEY).unwrap()
}

/// Signature headers as they would arrive, spelled as HTTP/2 spells them.
pub(crate) fn headers(
    timestamp: &str,
    nonce: &str,
    signature: &str,
    serial: &str,
) -> Vec<(String, String)> {
    [
        ("wechatpay-timestamp", timestamp),
        ("wechatpay-nonce", nonce),
        ("wechatpay-signature", signature),
        ("wechatpay-serial", serial),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
        (
            "request-id",
            "08F5B8C2B506102C18FDDFEEA30620BE821E28EDC405-0",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

/// A clock that a test moves.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<i64>>);

impl TestClock {
    pub(crate) fn at(unix: i64) -> Self {
        Self(Arc::new(Mutex::new(unix)))
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += seconds;
    }

    pub(crate) fn now(&self) -> i64 {
        *self.0.lock().unwrap()
    }
}
