use wechatpay::v2::notification::{Merchant, open, seal};
use wechatpay::v2::{ApiKey, Fields};

use super::*;

const MCHID: &str = "1900000001";

fn key() -> ApiKey {
    ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap()
}

fn paid() -> Fields {
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("result_code", "SUCCESS")
        .with("appid", "wx1111222233334444")
        .with("mch_id", MCHID)
        .with("nonce_str", "n")
        .with("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")
        .with("trade_type", "JSAPI")
        .with("total_fee", "1990")
        .with("cash_fee", "1990")
        .with("transaction_id", "4200000001202601051234567890")
        .with("out_trade_no", "T20260105000001")
        .with("time_end", "20260105120305")
}

fn receive(document: &str) -> Result<Notice, NoticeRefused> {
    let (key, sign_type) = (key(), SignType::HmacSha256);
    let merchant = Merchant {
        mch_id: MCHID,
        sign_type,
        key: &key,
    };
    let opened = open(merchant, document.as_bytes()).map_err(refused)?;
    notice(opened, sign_type)
}

fn signed(fields: Fields) -> String {
    fields.signed(SignType::HmacSha256, &key()).to_xml()
}

fn news(content: &str) -> String {
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("appid", "wx1111222233334444")
        .with("mch_id", MCHID)
        .with("req_info", seal(&key(), content).unwrap())
        .to_xml()
}

#[test]
fn a_signed_payment_is_a_payment() {
    let notice = receive(&signed(paid())).unwrap();
    assert_eq!(notice.event_type, "V2.PAYMENT");
    assert_eq!(notice.wechat_id, "4200000001202601051234567890");
    assert_eq!(notice.serial, "HMAC-SHA256");
    let NoticeContent::Payment(trade) = notice.content else {
        panic!("{notice:?}")
    };
    assert_eq!(trade.out_trade_no.as_str(), "T20260105000001");
    assert_eq!(trade.total, Some(fen::Fen::new(1990)));
}

#[test]
fn nothing_else_that_the_key_signed_is_a_payment() {
    for state in ["NOTPAY", "CLOSED", "REFUND"] {
        let answer = signed(paid().with("trade_state", state));
        assert!(
            matches!(receive(&answer), Err(NoticeRefused::NotVerified(_))),
            "{state}"
        );
    }
    for result in ["FAIL", ""] {
        let failed = signed(paid().with("result_code", result));
        assert!(
            matches!(receive(&failed), Err(NoticeRefused::Unreadable(_))),
            "{result}"
        );
    }
    let numberless = signed(paid().with("out_trade_no", "?"));
    assert!(matches!(
        receive(&numberless),
        Err(NoticeRefused::Unreadable(_))
    ));
}

#[test]
fn whoever_lacks_the_key_is_refused() {
    let other = ApiKey::parse("nobodyhasthiskeynobodyhasthiskey").unwrap();
    for document in [
        "<xml>".to_owned(),
        "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><xml>&x;</xml>".to_owned(),
        paid().to_xml(),
        paid().signed(SignType::Md5, &key()).to_xml(),
        paid().signed(SignType::HmacSha256, &other).to_xml(),
        signed(paid()).replace("1990", "1"),
        signed(paid().with("mch_id", "1900000002")),
        news("<root><out_trade_no>T20260105000001</out_trade_no></root>")
            .replace(MCHID, "1900000002"),
        paid().with("req_info", "bm8=").to_xml(),
    ] {
        let refused = receive(&document);
        assert!(
            matches!(refused, Err(NoticeRefused::NotVerified(_))),
            "{document}: {refused:?}"
        );
    }
}

#[test]
fn news_of_a_refund_is_a_hint_whatever_it_says() {
    let content = "<root><out_trade_no>T20260105000001</out_trade_no><out_refund_no>R-1</out_refund_no><refund_status>SUCCESS</refund_status><refund_fee>1990</refund_fee></root>";
    let notice = receive(&news(content)).unwrap();
    assert_eq!(notice.serial, "unsigned");
    assert_eq!(
        notice.content,
        NoticeContent::RefundHint {
            out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
            out_refund_no: OutRefundNo::parse("R-1").unwrap(),
        }
    );
    let nameless = news("<root><refund_status>SUCCESS</refund_status></root>");
    assert!(matches!(
        receive(&nameless),
        Err(NoticeRefused::Unreadable(_))
    ));
}
