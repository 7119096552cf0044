//! Answers of WeChat Pay: nothing counts that is not verified, and what counts is about what was asked.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use fen::Fen;
use futures_util::FutureExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use wechatpay::BoxFuture;
use wechatpay::text::{
    Appid, AuthCode, Description, Mchid, NotifyUrl, Openid, OutRefundNo, OutTradeNo, StoreId,
    TransactionId,
};
use wechatpay::v3::pay::{
    CloseOrder, CodePay, H5App, H5Kind, H5Scene, Handle, Prepay, Product, QueryByOutTradeNo,
    QueryByTransactionId, ReverseOrder, Store, TradeState,
};
use wechatpay::v3::refund::{CreateRefund, OrderNumber, QueryRefund};
use wechatpay::v3::{
    Account, Client, ErrorSignature, KeyRing, Operation, Outcome, RawResponse, SignedRequest,
    Transport, TransportError, signature_headers,
};

use crate::http_text::Message;
use crate::keys::{CheapKey, Judge, NOW, SERIAL, api_v3_key, ring};

/// The numbers that are asked for; seeds answer them.
const OUT_TRADE_NO: &str = "T20260105000001";
const TRANSACTION_ID: &str = "4200000001202601051234567890";
const OUT_REFUND_NO: &str = "R20260105000001-1";

/// The first line is `operation status`; headers and body are the answer's. Without signature headers it is signed here.
pub(crate) fn check(bytes: &[u8]) {
    let message = Message::read(bytes);
    match message.words().0 {
        "prepay" => ask(&prepay(jsapi()), &message, |handle, _| {
            assert!(matches!(handle, Handle::PrepayId(id) if !id.as_str().is_empty()));
        }),
        "app" => ask(&prepay(Product::App), &message, |handle, _| {
            assert!(matches!(handle, Handle::PrepayId(id) if !id.as_str().is_empty()));
        }),
        "native" => ask(&prepay(Product::Native), &message, |handle, _| {
            assert!(matches!(handle, Handle::CodeUrl(url) if !url.as_str().is_empty()));
        }),
        "h5" => ask(&prepay(h5()), &message, |handle, _| {
            assert!(matches!(handle, Handle::H5Url(url) if url.as_str().starts_with("http")));
        }),
        "codepay" => ask(&code_pay(), &message, |order, status| {
            assert_eq!(status, 200);
            assert_eq!(order.out_trade_no, OUT_TRADE_NO);
            assert_eq!(order.trade_state.known(), Some(TradeState::Success));
            assert!(order.transaction_id.is_some());
            survives(order);
        }),
        "reverse" => ask(&reverse(), &message, |(), status| assert_eq!(status, 200)),
        "query" => {
            let (mchid, out_trade_no) = (mchid(), must(OutTradeNo::parse(OUT_TRADE_NO)));
            ask(
                &QueryByOutTradeNo {
                    mchid,
                    out_trade_no,
                },
                &message,
                |order, _| {
                    assert_eq!(order.out_trade_no, OUT_TRADE_NO);
                    assert!(order.mchid.as_deref().is_none_or(|it| it == mchid_text()));
                    survives(order);
                },
            );
        }
        "query_id" => {
            let (mchid, transaction_id) = (mchid(), must(TransactionId::parse(TRANSACTION_ID)));
            ask(
                &QueryByTransactionId {
                    mchid,
                    transaction_id,
                },
                &message,
                |order, _| {
                    assert_eq!(order.transaction_id.as_deref(), Some(TRANSACTION_ID));
                    survives(order);
                },
            );
        }
        "close" => {
            let (mchid, out_trade_no) = (mchid(), must(OutTradeNo::parse(OUT_TRADE_NO)));
            ask(
                &CloseOrder {
                    mchid,
                    out_trade_no,
                },
                &message,
                |(), status| {
                    assert!(matches!(status, 200 | 204));
                },
            );
        }
        "refund" => ask(&refund(), &message, |refund, _| {
            assert_eq!(refund.out_refund_no, OUT_REFUND_NO);
            assert_eq!(refund.out_trade_no, OUT_TRADE_NO);
            survives(refund);
        }),
        _ => {
            let out_refund_no = must(OutRefundNo::parse(OUT_REFUND_NO));
            ask(&QueryRefund { out_refund_no }, &message, |refund, _| {
                assert_eq!(refund.out_refund_no, OUT_REFUND_NO);
                survives(refund);
            });
        }
    }
}

/// What was read can be written and read again, and is the same.
pub(crate) fn survives<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let written = must(serde_json::to_string(value));
    let again: T = must(serde_json::from_str(&written));
    assert_eq!(*value, again);
}

fn ask<O: Operation>(operation: &O, message: &Message<'_>, promise: impl Fn(&O::Answer, u16)) {
    let response = answer(message);
    let done = |ring: KeyRing| {
        let outcome = send(operation, &response, ring);
        judge_error(&outcome, &response);
        outcome.done()
    };
    assert!(
        done(ring(Judge::new(false))).is_none(),
        "an answer counted that no key confirmed"
    );
    for ring in [ring(Judge::new(true)), ring(Arc::new(CheapKey(SERIAL)))] {
        if let Some(answer) = done(ring) {
            assert_eq!(response.status / 100, 2);
            promise(&answer, response.status);
        }
    }
}

/// A definite "no" is never taken from an error whose signature is wrong, nor from a success.
fn judge_error<T>(outcome: &Outcome<T>, response: &RawResponse) {
    match outcome {
        Outcome::Done(_) => {}
        Outcome::Rejected(error) => {
            assert_ne!(error.signature, ErrorSignature::Invalid);
            assert_eq!(error.status, response.status);
            assert!(error.status / 100 != 2 && error.status != 429);
            assert!(!error.code.is_empty() && error.is(&error.code.to_ascii_lowercase()));
        }
        Outcome::Unknown(unknown) => assert!(!unknown.to_string().is_empty()),
    }
}

/// What arrives.
pub(crate) fn answer(message: &Message<'_>) -> RawResponse {
    let mut headers = message.headers.clone();
    if !message.has("Wechatpay-Signature") && !message.has("Unsigned") {
        headers.extend(signature_headers(
            &CheapKey(SERIAL),
            NOW,
            "nonce",
            message.body,
        ));
    }
    RawResponse {
        status: message.words().1.trim().parse().unwrap_or(200),
        headers,
        body: message.body.to_vec(),
    }
}

fn send<O: Operation>(operation: &O, response: &RawResponse, ring: KeyRing) -> Outcome<O::Answer> {
    let client = client(response, Arc::new(ring));
    match client.send(operation).now_or_never() {
        Some(outcome) => outcome,
        None => panic!("a call waits although its answer is there"),
    }
}

/// A client whose every call is answered with this.
pub(crate) fn client(response: &RawResponse, keys: Arc<KeyRing>) -> Client {
    let account = Account {
        mchid: mchid(),
        signer: Arc::new(CheapKey("5157F09EFDC096DE15EBE81A47057A7232F1B8E1")),
        keys,
        api_v3_key: Some(api_v3_key()),
        request_serial: Some(SERIAL.to_owned()),
    };
    let transport = Arc::new(Always(Mutex::new(response.clone())));
    Client::new(
        account,
        transport,
        Arc::new(|| NOW),
        Arc::new(|| "nonce".to_owned()),
    )
}

struct Always(Mutex<RawResponse>);

impl Transport for Always {
    fn send<'a>(
        &'a self,
        _: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        let response = match self.0.lock() {
            Ok(response) => response.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        };
        std::future::ready(Ok(response)).boxed()
    }
}

fn must<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(why) => panic!("{why:?}"),
    }
}

fn mchid_text() -> &'static str {
    "1900000001"
}

fn mchid() -> Mchid {
    must(Mchid::parse(mchid_text()))
}

fn appid() -> Appid {
    must(Appid::parse("wx1111222233334444"))
}

fn jsapi() -> Product {
    Product::Jsapi {
        openid: must(Openid::parse("oAbCdEfGhIjKlMnOpQrStUvWxYz0")),
    }
}

fn h5() -> Product {
    Product::H5(H5Scene {
        payer_client_ip: must("203.0.113.7".parse()),
        kind: H5Kind::Wap,
        app: H5App::default(),
    })
}

fn code_pay() -> CodePay {
    CodePay {
        appid: appid(),
        mchid: mchid(),
        description: must(Description::parse("tea")),
        out_trade_no: must(OutTradeNo::parse(OUT_TRADE_NO)),
        attach: None,
        total: Fen::new(1990),
        auth_code: must(AuthCode::parse("134567890123456789")),
        store: Store::Own(must(StoreId::parse("1"))),
        device_id: None,
        device_ip: None,
    }
}

fn reverse() -> ReverseOrder {
    ReverseOrder {
        appid: appid(),
        mchid: mchid(),
        out_trade_no: must(OutTradeNo::parse(OUT_TRADE_NO)),
    }
}

fn prepay(product: Product) -> Prepay {
    Prepay {
        appid: appid(),
        mchid: mchid(),
        description: must(Description::parse("tea")),
        out_trade_no: must(OutTradeNo::parse(OUT_TRADE_NO)),
        time_expire: None,
        attach: None,
        notify_url: must(NotifyUrl::parse(
            "https://pay.example.com/wechat/notify/1900000001",
        )),
        total: Fen::new(1990),
        product,
    }
}

fn refund() -> CreateRefund {
    CreateRefund {
        order: OrderNumber::OutTradeNo(must(OutTradeNo::parse(OUT_TRADE_NO))),
        out_refund_no: must(OutRefundNo::parse(OUT_REFUND_NO)),
        reason: None,
        notify_url: None,
        refund: Fen::new(990),
        total: Fen::new(1990),
    }
}
