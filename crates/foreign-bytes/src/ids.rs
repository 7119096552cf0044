//! Ids of our own API and of WeChat, as core reads them: what parses prints itself.

use shouyin_core::event::EventType;
use shouyin_core::id::{
    Appid, EndpointId, EventId, IdempotencyKey, Mchid, Openid, OrderNo, OutRefundNo, OutTradeNo,
    PaymentId, PrepayId, RefundId, RefundNo, TransactionId, WechatRefundId,
};

macro_rules! prints_itself {
    ($text:expr, $($kind:ident $longest:literal)*) => {$(
        let json = serde_json::from_value::<$kind>(serde_json::Value::from($text));
        match $kind::parse($text) {
            Ok(id) => {
                assert_eq!(id.as_str(), $text);
                assert_eq!(String::from(id.clone()), $text);
                assert_eq!(json.ok().as_ref(), Some(&id));
                assert!((1..=$longest).contains(&$text.len()), "{:?}", $text);
                // Ids stand in headers, log lines and paths.
                assert!($text.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", $text);
            }
            Err(why) => {
                assert!(json.is_err(), "{:?} is refused as text and taken as JSON", $text);
                assert!(!$text.is_empty() || !why.to_string().is_empty());
            }
        }
    )*};
}

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = text.trim_end_matches('\n');
    prints_itself!(text, PaymentId 36 RefundId 36 EndpointId 36 EventId 36 Mchid 32 Appid 32);
    prints_itself!(text, OrderNo 64 RefundNo 64 OutTradeNo 32 OutRefundNo 64 PrepayId 64);
    prints_itself!(text, TransactionId 32 WechatRefundId 32 Openid 128 IdempotencyKey 255);
    if let Ok(openid) = Openid::parse(text) {
        assert!(format!("{openid:?}").len() <= 7, "{openid:?}");
    }
    // What core numbers orders and refunds with, the SDK takes.
    if OutTradeNo::parse(text).is_ok() {
        assert!(wechatpay::text::OutTradeNo::parse(text).is_ok(), "{text:?}");
    }
    if OutRefundNo::parse(text).is_ok() {
        assert!(
            wechatpay::text::OutRefundNo::parse(text).is_ok(),
            "{text:?}"
        );
    }
    if let Some(kind) = EventType::parse(text) {
        assert_eq!(kind.as_str(), text);
    }
}
