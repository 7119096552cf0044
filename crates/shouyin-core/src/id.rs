//! Ids and checked strings. A value of one of these types exists only if it is valid.

use serde::{Deserialize, Serialize};

use crate::ports::Ids;
use crate::time::Timestamp;

/// Why a text is not a valid id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidId {
    /// The field, in the words of the API.
    pub what: &'static str,
    /// What is wrong with it and what is accepted.
    pub problem: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:expr, $problem:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text; the error says what is accepted.
            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidId { what: $what, problem: $problem })
                }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

fn is_wechat_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'|' | b'*')
}

fn is_wechat_number(text: &str) -> bool {
    text.bytes().all(is_wechat_byte)
}

fn is_generated(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == 32
            && rest
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

text_id!(
    /// A payment: what the shop asks to be paid. `pay_` and 32 hexadecimal digits, time-ordered.
    PaymentId, "payment id", |t| is_generated("pay_", t), "must be pay_ followed by 32 hexadecimal digits"
);
text_id!(
    /// An event: `evt_` and 32 hexadecimal digits. One business fact has one event id for ever.
    EventId, "event id", |t| is_generated("evt_", t), "must be evt_ followed by 32 hexadecimal digits"
);
text_id!(
    /// A merchant's number at WeChat Pay (`mchid`): digits, 8 to 10 in practice, 32 at most.
    Mchid, "mchid", |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit()),
    "must be 1 to 32 digits"
);
text_id!(
    /// An app's id at WeChat (`appid`): `wx` and 16 characters in practice, 32 at most.
    Appid, "appid", |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric()),
    "must be 1 to 32 letters and digits"
);
text_id!(
    /// The shop's own order number, 1 to 64 visible ASCII characters.
    OrderNo, "order_no", |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 64 visible ASCII characters"
);
text_id!(
    /// The merchant's number of one order at WeChat: 6 to 32 of `0-9 A-Z a-z _ - | *`, unique per mchid
    /// (WeChat Pay APIv3, "JSAPI order", `out_trade_no`).
    OutTradeNo, "out_trade_no", |t| (6..=32).contains(&t.len()) && is_wechat_number(t),
    "must be 6 to 32 letters, digits or _ - | *"
);
text_id!(
    /// A refund of a payment: `ref_` and 32 hexadecimal digits, time-ordered.
    RefundId, "refund id", |t| is_generated("ref_", t), "must be ref_ followed by 32 hexadecimal digits"
);
text_id!(
    /// An address that webhooks are sent to: `whk_` and 32 hexadecimal digits.
    EndpointId, "webhook endpoint id", |t| is_generated("whk_", t), "must be whk_ followed by 32 hexadecimal digits"
);
text_id!(
    /// The shop's own number of a refund, 1 to 64 visible ASCII characters, unique within its payment.
    RefundNo, "refund_no", |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 64 visible ASCII characters"
);
text_id!(
    /// The merchant's number of one refund at WeChat: 1 to 64 of `0-9 A-Z a-z _ - | * @`, unique per mchid
    /// (WeChat Pay APIv3, "refund", `out_refund_no`). Whoever asks again under another number asks for a second refund.
    OutRefundNo, "out_refund_no", |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| is_wechat_byte(b) || b == b'@'),
    "must be 1 to 64 letters, digits or _ - | * @"
);
text_id!(
    /// WeChat's number of a refund (`refund_id`), at most 32 characters.
    WechatRefundId, "refund_id", |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 32 visible ASCII characters"
);
text_id!(
    /// WeChat's number of a paid order, at most 32 characters.
    TransactionId, "transaction_id", |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 32 visible ASCII characters"
);
text_id!(
    /// WeChat's handle of an order waiting for payment, at most 64 characters, valid for two hours.
    PrepayId, "prepay_id", |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 64 visible ASCII characters"
);
text_id!(
    /// What the QR code of an order says, valid for two hours. Not a fixed format (WeChat Pay APIv3, "Native order", `code_url`,
    /// at most 64 characters; longer ones were seen).
    CodeUrl, "code_url", |t| (1..=512).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 512 visible ASCII characters"
);
text_id!(
    /// Where a browser goes to pay an order, valid for five minutes (WeChat Pay APIv3, "H5 order", `h5_url`, at most 512 characters).
    /// WeChat's is https; a simulator's begins like the address at which it is reached. The answer it comes in is signed.
    H5Url, "h5_url", |t| t.len() <= 2048 && (t.starts_with("https://") || t.starts_with("http://")) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be an https or http address of at most 2048 visible ASCII characters"
);
text_id!(
    /// What a payer's phone shows to be charged (付款码): 18 digits that begin with 10 to 15, good for a minute and for one order
    /// (WeChat Pay APIv3, "codepay", `auth_code`). Whoever has it can charge the payer: never stored, `Debug` hides it.
    AuthCode, "auth_code", |t| t.len() == 18 && t.bytes().all(|b| b.is_ascii_digit()) && matches!(t.as_bytes(), [b'1', b'0'..=b'5', ..]),
    "must be 18 digits that begin with 10 to 15"
);
text_id!(
    /// The merchant's own number of a shop, 1 to 32 letters, digits, `_` or `-` (WeChat Pay APIv3, "codepay", `store_info.out_id`).
    StoreId, "store_id", |t| (1..=32).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
    "must be 1 to 32 letters, digits, _ or -"
);
text_id!(
    /// The way in which an attempt and its refunds reach WeChat, for example a protocol. Chosen by the acquirer when the
    /// attempt is recorded and kept for ever: whatever was begun one way is asked for, repeated and refunded the same way.
    /// Core never looks into it.
    Route, "route", |t| (1..=16).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()),
    "must be 1 to 16 lower-case letters and digits"
);
text_id!(
    /// A user inside one app, at most 128 characters. Personal data: `Debug` shows its end only.
    Openid, "openid", |t| (1..=128).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 128 visible ASCII characters"
);
text_id!(
    /// Chosen by our caller for one POST, 1 to 255 visible ASCII characters.
    IdempotencyKey, "Idempotency-Key", |t| (1..=255).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic()),
    "must be 1 to 255 visible ASCII characters"
);
shown!(
    PaymentId,
    RefundId,
    EndpointId,
    EventId,
    RefundNo,
    OutRefundNo,
    WechatRefundId,
    Mchid,
    Appid,
    OrderNo,
    OutTradeNo,
    TransactionId,
    PrepayId,
    CodeUrl,
    H5Url,
    StoreId,
    Route,
    IdempotencyKey
);

impl std::fmt::Debug for Openid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.masked())
    }
}

impl std::fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthCode(***)")
    }
}

impl Openid {
    /// The last four characters behind `***`: enough to compare by eye, too little to identify.
    pub fn masked(&self) -> String {
        let tail: String = self
            .0
            .chars()
            .skip(self.0.chars().count().saturating_sub(4))
            .collect();
        format!("***{tail}")
    }
}

/// 32 hexadecimal digits: a UUID version 7, so that ids sort by time and still spread.
fn time_ordered(ids: &dyn Ids, now: Timestamp) -> String {
    let random = ids.random();
    let [_, _, _, _, _, _, tail @ ..] = random.to_be_bytes();
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &tail)
        .into_uuid()
        .simple()
        .to_string()
}

impl PaymentId {
    /// A fresh id.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(format!("pay_{}", time_ordered(ids, now)))
    }
}

impl RefundId {
    /// A fresh id.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(format!("ref_{}", time_ordered(ids, now)))
    }
}

impl EndpointId {
    /// A fresh id.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(format!("whk_{}", time_ordered(ids, now)))
    }
}

impl OutRefundNo {
    /// The number of the refund that the shop calls `refund_no`: 32 characters, and always the same ones. If this server
    /// forgot the refund because an old backup was restored, the shop's repetition reaches WeChat under the number that it
    /// knows, and is no second refund.
    pub fn of(payment_id: &PaymentId, refund_no: &RefundNo) -> Self {
        let name = format!("{payment_id}/{refund_no}");
        let number = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, name.as_bytes());
        Self(number.simple().to_string())
    }

    /// A fresh number: 32 characters, half of what WeChat allows.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(time_ordered(ids, now))
    }
}

impl EventId {
    /// A fresh id.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(format!("evt_{}", time_ordered(ids, now)))
    }
}

impl OutTradeNo {
    /// A fresh number: exactly the 32 characters WeChat allows at most.
    pub fn fresh(ids: &dyn Ids, now: Timestamp) -> Self {
        Self(time_ordered(ids, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u128);
    impl Ids for Fixed {
        fn random(&self) -> u128 {
            self.0
        }
    }

    #[test]
    fn fresh_ids_are_valid_and_sort_by_time() {
        let early = PaymentId::fresh(&Fixed(u128::MAX), Timestamp::from_millis(1_767_585_785_000));
        let late = PaymentId::fresh(&Fixed(0), Timestamp::from_millis(1_767_585_785_001));
        assert!(early < late);
        assert_eq!(PaymentId::parse(early.as_str()), Ok(early.clone()));
        let number = OutTradeNo::fresh(&Fixed(7), Timestamp::from_millis(1));
        assert_eq!(number.as_str().len(), 32);
        assert_eq!(OutTradeNo::parse(number.as_str()), Ok(number.clone()));
    }

    #[test]
    fn strings_that_wechat_would_refuse_are_refused_here() {
        for bad in [
            "",
            "12345",
            "has space",
            "ünïcode",
            "123456789012345678901234567890123",
        ] {
            assert!(OutTradeNo::parse(bad).is_err(), "{bad:?}");
        }
        assert!(OutTradeNo::parse("A|B*1_2-3").is_ok());
        assert!(Mchid::parse("19000x").is_err());
        assert!(PaymentId::parse("pay_0").is_err());
        assert!(OrderNo::parse("").is_err());
    }

    #[test]
    fn an_openid_never_shows_in_full() {
        let openid = Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
        assert_eq!(format!("{openid:?}"), "***eS6o");
    }
}
