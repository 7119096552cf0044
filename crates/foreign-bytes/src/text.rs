//! Checked texts of the SDK: what parses prints itself, and stays itself on the request line.

use wechatpay::text::{
    Appid, Attach, Description, Mchid, NotifyUrl, Openid, OutRefundNo, OutTradeNo, PrepayId,
    RefundReason, TransactionId,
};
use wechatpay::v3::pay::QueryByOutTradeNo;
use wechatpay::v3::refund::QueryRefund;
use wechatpay::v3::{Operation, Target};

macro_rules! prints_itself {
    ($text:expr, $($kind:ident)*) => {$(
        if let Ok(value) = $kind::parse($text) {
            assert_eq!(value.as_str(), $text);
            assert_eq!(value.to_string(), $text);
            assert_eq!($text.parse::<$kind>().as_ref(), Ok(&value));
            assert!(!$text.is_empty() && !$text.chars().any(char::is_control), "{:?}", $text);
            assert!($text.chars().all(|c| c.len_utf8() <= 3), "{:?}", $text);
        }
    )*};
}

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = text.trim_end_matches('\n');
    prints_itself!(text, Appid Mchid OutTradeNo TransactionId PrepayId OutRefundNo Description NotifyUrl RefundReason);
    prints_itself!(text, Attach);
    if let Ok(openid) = Openid::parse(text) {
        assert_eq!(openid.as_str(), text);
        assert_eq!(format!("{openid:?}"), "Openid(\"***\")");
    }
    targets(text);
    if let Ok(url) = NotifyUrl::parse(text) {
        notify_url(&url);
    }
    if let Ok(url) = NotifyUrl::parse_for_simulator(text) {
        assert_eq!(url.as_str(), text);
    }
}

/// What is signed must be what is sent: no number may turn into another path.
fn targets(text: &str) {
    let path = Target::path(&["v3", text, "close"]).with_query(text, text);
    assert!(path.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    let (route, query) = path.as_str().split_once('?').unwrap_or_default();
    assert_eq!(route.matches('/').count(), 3, "{path}");
    assert_eq!(query.matches(['&', '=']).count(), 1, "{path}");
    if let Ok(target) = Target::parse(text) {
        assert_eq!(target.as_str(), text);
        // A target that another parser cuts elsewhere would be signed as one thing and sent as another.
        let parsed = text.parse::<http::uri::PathAndQuery>();
        assert_eq!(parsed.ok().as_ref().map(|p| p.as_str()), Some(text));
    }
    let mchid = Mchid::parse("1900000001");
    if let (Ok(out_trade_no), Ok(mchid)) = (OutTradeNo::parse(text), mchid) {
        let query = QueryByOutTradeNo {
            mchid,
            out_trade_no,
        };
        sent_as_signed(&query.request().target);
    }
    if let Ok(out_refund_no) = OutRefundNo::parse(text) {
        sent_as_signed(&QueryRefund { out_refund_no }.request().target);
    }
}

fn sent_as_signed(target: &Target) {
    assert_eq!(Target::parse(target.as_str()).as_ref(), Ok(target));
}

/// Another reader of addresses must find the same host: WeChat sends where it reads, not where we read.
fn notify_url(url: &NotifyUrl) {
    let text = url.as_str();
    let Ok(uri) = text.parse::<http::Uri>() else {
        panic!("{text:?} is taken here, but it is not an address");
    };
    let host = uri.host().unwrap_or_default();
    assert!(!host.is_empty() && uri.query().is_none(), "{text:?}");
    let loopback = host == "localhost" || host == "[::1]" || host.starts_with("127.");
    // `http` reads an IPv6 host with its brackets, and any spelling of ::1 is loopback.
    let loopback = loopback
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::Ipv6Addr>()
            .is_ok_and(|ip| ip.is_loopback());
    assert!(uri.scheme_str() == Some("https") || loopback, "{text:?}");
}
