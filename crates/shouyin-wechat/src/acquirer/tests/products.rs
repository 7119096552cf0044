//! Every product by APIv3: which call is made, and what its answer proves.

use shouyin_core::id::{AuthCode, StoreId};
use shouyin_core::product::{H5Kind, H5Scene};

use super::*;
use crate::AppKind;

fn order(product: Product) -> PrepayOrder {
    let inside = matches!(product, Product::MiniProgram | Product::Jsapi);
    PrepayOrder {
        mchid: mchid(MCHID),
        appid: Appid::parse("wx1111222233334444").unwrap(),
        product,
        route: Route::parse("v3").unwrap(),
        out_trade_no: trade_no(),
        amount: Fen::new(1990),
        description: "Tea".into(),
        attach: None,
        payer: inside.then(|| shouyin_core::id::Openid::parse("oAbCdEfGhIjKlMnOpQ").unwrap()),
        scene: (product == Product::H5).then(|| H5Scene {
            payer_ip: "203.0.113.7".parse().unwrap(),
            kind: H5Kind::Ios,
        }),
        time_expire: Timestamp::from_millis(NOW_MS + 600_000),
    }
}

fn code() -> ScannedCode {
    ScannedCode {
        auth_code: AuthCode::parse("134567890123456789").unwrap(),
        store_id: Some(StoreId::parse("shop-7").unwrap()),
    }
}

fn asked(desk: &Desk) -> (String, serde_json::Value) {
    let request = desk.script.asked().pop().unwrap();
    let body = serde_json::from_slice(&request.body).unwrap_or_default();
    (request.target, body)
}

#[tokio::test]
async fn every_product_is_placed_at_its_own_address_and_gives_its_own_handle() {
    for (product, path, answer, kind) in [
        (
            Product::MiniProgram,
            "jsapi",
            r#"{"prepay_id":"wx26"}"#,
            "prepay_id",
        ),
        (
            Product::Jsapi,
            "jsapi",
            r#"{"prepay_id":"wx26"}"#,
            "prepay_id",
        ),
        (Product::App, "app", r#"{"prepay_id":"wx26"}"#, "prepay_id"),
        (
            Product::Native,
            "native",
            r#"{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}"#,
            "code_url",
        ),
        (
            Product::H5,
            "h5",
            r#"{"h5_url":"https://wx.tenpay.com/cgi-bin/x?prepay_id=wx26&package=1"}"#,
            "h5_url",
        ),
    ] {
        let desk = Desk::new();
        desk.script.says(signed(200, answer));
        let outcome = desk.acquirer().prepay(&order(product)).await;
        let Outcome::Succeeded(handle) = outcome else {
            panic!("{product:?}: {outcome:?}")
        };
        assert_eq!(handle.kind(), kind);
        let (target, body) = asked(&desk);
        assert_eq!(target, format!("/v3/pay/transactions/{path}"));
        let scene = &body["scene_info"];
        assert_eq!(scene.is_null(), product != Product::H5);
        if product == Product::H5 {
            assert_eq!(scene["payer_client_ip"], "203.0.113.7");
            assert_eq!(scene["h5_info"]["type"], "iOS");
        }
    }
}

#[tokio::test]
async fn a_code_is_charged_once_and_only_a_success_is_a_trade() {
    let desk = Desk::new();
    let paid = format!(
        r#"{{"mchid":"{MCHID}","appid":"wx1111222233334444","out_trade_no":"{}","trade_state":"SUCCESS","trade_type":"MICROPAY","transaction_id":"42","success_time":"2026-01-05T12:03:04+08:00","amount":{{"total":1990,"currency":"CNY"}},"payer":{{"openid":"oBuyer"}}}}"#,
        trade_no()
    );
    desk.script.says(signed(200, &paid));
    let outcome = desk.acquirer().charge(&order(Product::Code), &code()).await;
    let Outcome::Succeeded(trade) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(trade.trade_type.as_deref(), Some("MICROPAY"));
    let (target, body) = asked(&desk);
    assert_eq!(target, "/v3/pay/transactions/codepay");
    assert_eq!(body["payer"]["auth_code"], "134567890123456789");
    assert_eq!(body["scene_info"]["store_info"]["out_id"], "shop-7");

    let typing = paid.replace("SUCCESS", "USERPAYING");
    desk.script.says(signed(200, &typing));
    let outcome = desk.acquirer().charge(&order(Product::Code), &code()).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");

    for (error, kind) in [
        ("AUTH_CODE_EXPIRE", RefusalKind::CodeRefused),
        ("NOT_ENOUGH", RefusalKind::NotEnough),
        ("TRADE_ERROR", RefusalKind::Other),
    ] {
        let body = format!(r#"{{"code":"{error}","message":".."}}"#);
        desk.script.says(signed(403, &body));
        let outcome = desk.acquirer().charge(&order(Product::Code), &code()).await;
        match outcome {
            Outcome::Rejected(refusal) => assert_eq!(refusal.kind, kind, "{error}"),
            // What the SDK does not take for final is asked for.
            Outcome::Unknown(_) => assert_eq!(error, "TRADE_ERROR"),
            other @ (Outcome::Succeeded(_) | Outcome::Blocked(_)) => panic!("{error}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_was_charged_is_taken_back_not_closed() {
    let desk = Desk::new();
    let at = OrderAt {
        product: Product::Code,
        ..order_at(mchid(MCHID), trade_no())
    };
    let done = format!(
        r#"{{"appid":"wx1111222233334444","mchid":"{MCHID}","out_trade_no":"{}"}}"#,
        trade_no()
    );
    desk.script.says(signed(200, &done));
    assert_eq!(desk.acquirer().close(&at).await, Outcome::Succeeded(()));
    assert!(asked(&desk).0.ends_with("/reverse"));
}

#[tokio::test]
async fn a_product_needs_an_app_of_its_kind_and_what_its_protocol_wants() {
    let desk = Desk::new();
    let appid = Appid::parse("wx1111222233334444").unwrap();
    let serves = |kind, product| {
        let (number, account) = desk.account(MCHID);
        let account = crate::MerchantAccount {
            apps: [(appid.clone(), kind)].into(),
            ..account
        };
        WechatAcquirer::new([(number, account)]).serves(&mchid(MCHID), &appid, product)
    };
    for product in Product::ALL {
        for (kind, own) in [
            (AppKind::MiniProgram, Product::MiniProgram),
            (AppKind::OfficialAccount, Product::Jsapi),
            (AppKind::MobileApp, Product::App),
        ] {
            let free = matches!(product, Product::Native | Product::H5);
            assert_eq!(
                serves(kind, product).is_ok(),
                free || product == own,
                "{product:?} in {kind:?}"
            );
        }
    }
    let NotServed::Product(why) = serves(AppKind::MiniProgram, Product::Code).unwrap_err() else {
        panic!()
    };
    assert!(why.contains("v3_codes"), "{why}");
    let elsewhere = Appid::parse("wx9").unwrap();
    let none = desk
        .acquirer()
        .serves(&mchid(MCHID), &elsewhere, Product::Native);
    assert_eq!(none, Err(NotServed::App));
}
