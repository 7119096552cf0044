use std::fmt;

use aws_lc_rs::hmac;
use md5::{Digest, Md5};
use zeroize::Zeroizing;

/// How a message is signed (`sign_type`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum SignType {
    /// The documented default; kept for shops that never changed it.
    Md5,
    /// To be preferred.
    #[default]
    HmacSha256,
}

impl SignType {
    /// As WeChat spells it; it accepts no other spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }
}

/// Not a v2 key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the API key must be exactly 32 letters or digits, as set in the merchant platform")]
pub struct InvalidApiKey;

/// The merchant's v2 key: 32 characters that sign everything in both directions. Another one than the APIv3 key.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Checks the text.
    ///
    /// # Errors
    /// When it is not 32 letters or digits.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(InvalidApiKey)
        }
    }

    /// The signature over all fields but `sign` and the empty ones, unknown and numbered ones included, whatever their order.
    pub fn signature<'a>(
        &self,
        sign_type: SignType,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> String {
        let is_signed = |(name, value): &(&str, &str)| *name != "sign" && !value.is_empty();
        let mut fields: Vec<_> = fields.into_iter().filter(is_signed).collect();
        fields.sort_unstable();
        let length = fields
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2);
        let mut pairs = String::with_capacity(length.sum());
        for (name, value) in fields {
            pairs.push_str(name);
            pairs.push('=');
            pairs.push_str(value);
            pairs.push('&');
        }
        // The key comes last, and into no text of ours.
        let parts = [pairs.as_bytes(), b"key=", self.0.as_bytes()];
        match sign_type {
            SignType::Md5 => {
                let mut digest = Md5::new();
                parts.into_iter().for_each(|part| digest.update(part));
                hex::encode_upper(digest.finalize())
            }
            SignType::HmacSha256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
                let mut context = hmac::Context::with_key(&key);
                parts.into_iter().for_each(|part| context.update(part));
                hex::encode_upper(context.sign())
            }
        }
    }

    /// The AES-256 key of refund notifications: the lower-case hexadecimal text of the key's MD5, leading zeros kept.
    pub(super) fn refund_key(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(Md5::digest(self.0.as_bytes())))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Fields;
    use super::*;

    fn key(text: &str) -> ApiKey {
        ApiKey::parse(text).unwrap()
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().fold(Fields::new(), |fields, (name, value)| {
            fields.with(name, *value)
        })
    }

    /// Published with the documentation of the signature.
    #[test]
    fn the_published_request_is_signed_as_published() {
        let request = fields(&[
            ("appid", "wxd930ea5d5a258f4f"),
            ("mch_id", "10000100"),
            ("device_info", "1000"),
            ("body", "test"),
            ("nonce_str", "ibuaiVcKdpRxkhJA"),
        ]);
        let key = key("192006250b4c09247ec02edce69f6a2d");
        assert_eq!(
            request.signature(SignType::Md5, &key),
            "9A0A8659F005D6984697E2CA0A9CF3B7"
        );
        assert_eq!(
            request.signature(SignType::HmacSha256, &key),
            "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
        );
    }

    fn hard() -> Fields {
        fields(&[
            ("appid", "wx1234567890abcdef"),
            ("mch_id", "1900000109"),
            ("nonce_str", "Zt8bqW3kLx0Vn5Yc"),
            ("body", "测试商店-茶 & <杯>"),
            (
                "detail",
                r#"{"goods_detail":[{"goods_id":"A=1","price":1}]}"#,
            ),
            ("attach", ""),
            ("out_trade_no", "SIM-20240102_0001"),
            ("total_fee", "101"),
            ("spbill_create_ip", "127.0.0.1"),
            ("notify_url", "https://pay.example.com/wx/v2/notify"),
            ("trade_type", "JSAPI"),
            ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ])
    }

    #[test]
    fn raw_values_are_signed_and_empty_ones_are_not() {
        let key = key("0123456789abcdef0123456789ABCDEF");
        assert_eq!(
            hard().signature(SignType::Md5, &key),
            "4B5DF4A1C3761FA44435AF14E603696F"
        );
        let with_type = hard().with("sign_type", "HMAC-SHA256");
        assert_eq!(
            with_type.signature(SignType::HmacSha256, &key),
            "8B0BE14D5663D013248537EDD4348A582E6399B9F3D7662D7BA4B2DFC7F675D4"
        );
    }

    #[test]
    fn a_signature_survives_the_way_through_xml_and_nothing_else_does() {
        let key = key("0123456789abcdef0123456789ABCDEF");
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let signed = hard().signed(sign_type, &key);
            let read = Fields::parse(signed.to_xml().as_bytes()).unwrap();
            assert!(read.is_signed(sign_type, &key));
            for (name, value) in signed.iter().filter(|(_, value)| !value.is_empty()) {
                let changed = read.clone().with(name, format!("{value} "));
                assert!(!changed.is_signed(sign_type, &key), "{name}");
            }
            let added = read.clone().with("unknown_9", "x");
            assert!(
                !added.is_signed(sign_type, &key),
                "unknown fields are signed too"
            );
        }
        let md5 = hard().signed(SignType::Md5, &key);
        assert!(!md5.is_signed(SignType::HmacSha256, &key));
        let lower = md5
            .clone()
            .with("sign", md5.get("sign").unwrap().to_lowercase());
        assert!(!lower.is_signed(SignType::Md5, &key));
    }

    #[test]
    fn leading_zeros_of_the_refund_key_stay() {
        for (text, expected) in [
            (
                "ziR0QKsTUfMOuochC9RfCdmfHECorQAP",
                "a1fdc4d1da9fb443b1091d34bcee9493",
            ),
            (
                "key00000000000000000000000000031",
                "097fa4263e69b0c9836e460c890fbdc5",
            ),
        ] {
            assert_eq!(key(text).refund_key().as_str(), expected);
        }
    }

    #[test]
    fn a_key_never_shows_and_must_have_32_characters() {
        assert_eq!(format!("{:?}", key(&"a".repeat(32))), "ApiKey(***)");
        for bad in ["", "short", &"a".repeat(33), &"ä".repeat(16)] {
            assert!(ApiKey::parse(bad).is_err(), "{bad}");
        }
    }
}
