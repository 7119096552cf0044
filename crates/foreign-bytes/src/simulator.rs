//! A simulated WeChat with one merchant and one paid order, for the targets that send it requests.

use std::sync::Arc;

use serde_json::json;
use wechat_simulator::{
    App, BuyerAction, CashierAction, Command, Input, Merchant, Options, Output, PhoneAction,
    PlatformKey, PlatformKeys, Wechat, WireRequest, openid,
};
use wechatpay::v3::{RawResponse, VerifyingKey, authorization};

use crate::keys::{CheapKey, NOW, SERIAL, api_v3_key};

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const MERCHANT_SERIAL: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const APPID: &str = "wx1111222233334444";
const PAID: &str = "T20260105000001";

/// The simulator, with the merchant's certificate as given.
pub(crate) fn wechat(certificate: Arc<dyn VerifyingKey>) -> Wechat {
    let platform = PlatformKey {
        signer: Arc::new(CheapKey(SERIAL)),
        opener: None,
    };
    let merchant = Merchant::new(MCHID, "茶馆", PlatformKeys::public_key(platform))
        .with_app(APPID)
        .with_api_v3_key(api_v3_key())
        .with_certificate(MERCHANT_SERIAL, certificate);
    let app = App {
        appid: APPID.to_owned(),
        secret: "secret".to_owned(),
        platform: None,
    };
    let mut wechat = Wechat::new(Options::default())
        .with_app(app)
        .with_merchant(merchant);
    // Whoever has a login code has an openid.
    let login = Command::LoginCode {
        appid: APPID.to_owned(),
        user: "buyer".to_owned(),
    };
    wechat.step(NOW * 1000, Input::Control(login));
    wechat
}

/// With an order that is paid, so that refunds have something to give back.
pub(crate) fn with_paid_order() -> Wechat {
    let mut wechat = wechat(Arc::new(CheapKey(MERCHANT_SERIAL)));
    let body = json!({
        "appid": APPID, "mchid": MCHID, "description": "tea", "out_trade_no": PAID,
        "notify_url": "https://pay.example.com/wechat/notify/1900000001",
        "amount": { "total": 1990, "currency": "CNY" },
        "payer": { "openid": openid(APPID, "buyer") },
    });
    let target = "/v3/pay/transactions/jsapi";
    let answer = send(
        &mut wechat,
        signed("POST", target, body.to_string().as_bytes(), &[]),
    );
    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let act = CashierAction {
        prepay_id: answer["prepay_id"].as_str().unwrap_or_default().to_owned(),
        user: "buyer".to_owned(),
        action: BuyerAction::Pay,
        coupon_fen: None,
        coupon_no_cash: false,
        bank_type: None,
    };
    wechat.step(NOW * 1000, Input::Phone(PhoneAction::Act(act)));
    assert!(
        wechat
            .order(MCHID, PAID)
            .is_some_and(|order| order.payment().is_some()),
        "the order of the bench is not paid: {answer}"
    );
    wechat
}

/// A request with a genuine signature in front of these headers.
pub(crate) fn signed(
    method: &str,
    target: &str,
    body: &[u8],
    headers: &[(String, String)],
) -> WireRequest {
    let key = CheapKey(MERCHANT_SERIAL);
    let authorization = authorization(MCHID, &key, method, target, body, NOW, "nonce");
    let mut all = vec![("Authorization".to_owned(), authorization)];
    all.extend(headers.iter().cloned());
    WireRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: all,
        body: body.to_vec(),
        connection: wechat_simulator::Connection::Plain,
    }
}

/// The one answer.
pub(crate) fn send(wechat: &mut Wechat, request: WireRequest) -> RawResponse {
    let mut answers = Vec::new();
    for output in wechat.step(NOW * 1000, Input::Request(request)) {
        match output {
            Output::Answer { response, .. } => answers.push(response),
            Output::SendNotification(_) => {}
            other @ (Output::NoAnswer { .. } | Output::Phone(_) | Output::Control(_)) => {
                panic!("a request led to {other:?}")
            }
        }
    }
    match (answers.pop(), answers.pop()) {
        (Some(answer), None) => answer,
        _ => panic!("a request has exactly one answer"),
    }
}
