//! The older protocol through the heart's public door.

mod codes;
mod faults;
mod files;
mod links;
mod notices;
mod orders;
mod refunds;

use fen::Fen;
use serde_json::json;
use wechatpay::v2::{ApiKey, Fields, RequestPayment, SignType};
use wechatpay::v3::RawResponse;

use crate::testing::*;
use crate::*;

fn key() -> ApiKey {
    ApiKey::parse(API_KEY).unwrap()
}

/// A merchant that speaks the older protocol.
struct V2 {
    shop: Shop,
    sign_type: SignType,
    calls: u32,
}

impl V2 {
    fn new(sign_type: SignType) -> Self {
        Self::with(sign_type, Assumptions::default())
    }

    fn with(sign_type: SignType, assumptions: Assumptions) -> Self {
        Self {
            shop: Shop::with(assumptions),
            sign_type,
            calls: 0,
        }
    }

    /// With everything a merchant adds, signed.
    fn signed(&mut self, fields: Fields) -> Fields {
        self.calls += 1;
        let appid = fields.get("appid").unwrap_or(APPID).to_owned();
        let mut fields = fields
            .with("appid", appid)
            .with("mch_id", MCHID)
            .with("nonce_str", format!("nonce{}", self.calls));
        if self.sign_type == SignType::HmacSha256 {
            fields.set("sign_type", "HMAC-SHA256");
        }
        fields.signed(self.sign_type, &key())
    }

    fn post(&mut self, path: &str, body: impl Into<Vec<u8>>) -> Option<RawResponse> {
        self.post_over(path, body, Connection::Plain)
    }

    fn post_over(
        &mut self,
        path: &str,
        body: impl Into<Vec<u8>>,
        connection: Connection,
    ) -> Option<RawResponse> {
        self.shop.raw(WireRequest {
            method: "POST".to_owned(),
            target: path.to_owned(),
            headers: Vec::new(),
            body: body.into(),
            connection,
        })
    }

    /// A signed call whose answer must be signed alike.
    fn call(&mut self, path: &str, fields: Fields) -> Fields {
        let answer = self.answer(path, fields);
        assert_eq!(
            answer.get("return_code"),
            Some("SUCCESS"),
            "{:?}",
            answer.get("return_msg")
        );
        assert!(answer.is_signed(self.sign_type, &key()), "{answer:?}");
        assert_eq!(answer.get("mch_id"), Some(MCHID));
        answer
    }

    /// The answer, signed or not.
    fn answer(&mut self, path: &str, fields: Fields) -> Fields {
        let signed = self.signed(fields);
        let response = self.post(path, signed.to_xml()).expect("an answer");
        assert_eq!(response.status, 200);
        Fields::parse(&response.body).unwrap()
    }

    /// The `err_code` of a call that must be refused, signed.
    fn refused(&mut self, path: &str, fields: Fields) -> String {
        let answer = self.call(path, fields);
        assert_eq!(answer.get("result_code"), Some("FAIL"));
        assert!(answer.get("err_code_des").is_some());
        answer.get("err_code").unwrap().to_owned()
    }

    /// The `return_msg` of a call that must be refused without a signature.
    fn unbelieved(&mut self, path: &str, fields: Fields) -> String {
        let answer = self.answer(path, fields);
        assert_unsigned(&answer);
        answer.get("return_msg").unwrap().to_owned()
    }

    fn order(&self, number: &str) -> Fields {
        Fields::new()
            .with("body", "茶馆-龙井 & <新茶>")
            .with("attach", "shop=7")
            .with("out_trade_no", number)
            .with("total_fee", "1990")
            .with("spbill_create_ip", "127.0.0.1")
            .with("notify_url", NOTIFY_URL)
            .with("trade_type", "JSAPI")
            .with("openid", openid(APPID, "buyer"))
    }

    fn prepay(&mut self, number: &str) -> String {
        let order = self.order(number);
        let answer = self.call("/pay/unifiedorder", order);
        assert_eq!(answer.get("trade_type"), Some("JSAPI"));
        answer.get("prepay_id").unwrap().to_owned()
    }

    fn parameters(&self, prepay_id: &str, sign_type: SignType) -> OpenCashier {
        let now = self.shop.now_ms / 1000;
        let signed = RequestPayment::sign(&key(), sign_type, APPID, prepay_id, now, "n1");
        OpenCashier {
            appid: APPID.to_owned(),
            user: "buyer".to_owned(),
            time_stamp: json!(signed.time_stamp),
            nonce_str: signed.nonce_str,
            package: signed.package,
            sign_type: signed.sign_type,
            pay_sign: signed.pay_sign,
        }
    }

    /// Orders and pays; WeChat's number.
    fn paid(&mut self, number: &str) -> String {
        let prepay_id = self.prepay(number);
        let open = self.parameters(&prepay_id, self.sign_type);
        self.shop.phone(PhoneAction::Open(open)).unwrap();
        self.shop.act(&prepay_id, BuyerAction::Pay).unwrap();
        let order = self.shop.wechat.order(MCHID, number).unwrap();
        order.payment().unwrap().transaction_id.clone()
    }

    fn refund(&self, order: &str, number: &str, fen: i64) -> Fields {
        Fields::new()
            .with("out_trade_no", order)
            .with("out_refund_no", number)
            .with("total_fee", "1990")
            .with("refund_fee", fen.to_string())
    }
}

fn assert_unsigned(answer: &Fields) {
    assert_eq!(answer.get("return_code"), Some("FAIL"));
    for absent in ["sign", "appid", "mch_id", "result_code"] {
        assert_eq!(answer.get(absent), None, "{absent}");
    }
}

const BOTH: [SignType; 2] = [SignType::Md5, SignType::HmacSha256];

fn fen(amount: i64) -> Fen {
    Fen::new(amount)
}
