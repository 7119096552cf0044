//! Orders of the products beside JSAPI: QR code, app, browser.

use wechatpay::v3::AppPayment;

use super::*;

/// What is told to the merchant about its one paid order.
fn told(shop: &Shop) -> Value {
    assert_eq!(shop.sent.len(), 1);
    shop.open(&shop.sent[0]).unwrap().1
}

fn refused(shop: &mut Shop, product: &str, body: &Value) -> (u16, String, String) {
    let target = format!("/v3/pay/transactions/{product}");
    let (status, answer) = shop.call("POST", &target, body);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (
        status,
        text(&answer["code"]),
        text(&answer["detail"]["field"]),
    )
}

#[test]
fn a_code_is_scanned_paid_and_told_with_its_product_and_payer() {
    let mut shop = Shop::new();
    let code_url = shop.place("native", "NATIVE-00001");
    assert!(code_url.starts_with("weixin://wxpay/bizpayurl?pr="));
    let cashier = shop.follow(&code_url, "passer-by").unwrap();
    assert_eq!(cashier.amount_fen, 1990);
    assert!(
        shop.follow(&code_url, "second").is_err(),
        "one order, one payer"
    );
    assert!(
        shop.act_as("second", &cashier.prepay_id, BuyerAction::Pay)
            .is_err()
    );
    let result = shop.act_as("passer-by", &cashier.prepay_id, BuyerAction::Pay);
    assert_eq!(result.unwrap().err_msg, None, "nobody is told on the spot");
    let told = told(&shop);
    assert_eq!(told["trade_type"], "NATIVE");
    assert_eq!(told["payer"]["openid"], openid(APPID, "passer-by").as_str());
    let (_, seen) = shop.query("NATIVE-00001");
    assert_eq!(seen, told);
}

#[test]
fn ordering_again_gives_a_fresh_code_and_kills_the_old_one() {
    for policy in [
        RepeatedPrepay::Fresh,
        RepeatedPrepay::SameWhileValid,
        RepeatedPrepay::FreshInvalidatesOld,
    ] {
        let mut shop = Shop::with(Assumptions {
            repeated_prepay: policy,
            ..Assumptions::default()
        });
        let first = shop.place("native", "NATIVE-00001");
        let second = shop.place("native", "NATIVE-00001");
        assert_ne!(first, second, "{policy:?}");
        assert!(shop.follow(&first, "buyer").is_err());
        shop.pass(PREPAY_LIFE_MS - 1);
        assert!(shop.follow(&second, "buyer").is_ok());
        shop.pass(1);
        assert!(shop.follow(&second, "buyer").is_err(), "two hours");
        assert!(!shop.place("native", "NATIVE-00001").is_empty());
    }
}

#[test]
fn an_address_for_browsers_is_good_for_five_minutes_and_one_payer() {
    for policy in [RepeatedPrepay::Fresh, RepeatedPrepay::SameWhileValid] {
        let mut shop = Shop::with(Assumptions {
            repeated_prepay: policy,
            ..Assumptions::default()
        });
        let h5_url = shop.place("h5", "MWEB-000001");
        assert!(
            h5_url.starts_with("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx")
        );
        let with_return = format!("{h5_url}&redirect_url=https%3A%2F%2Fa.example");
        shop.pass(MWEB_URL_LIFE_MS - 1);
        assert!(shop.follow(&with_return, "buyer").is_ok());
        assert!(shop.follow(&h5_url, "second").is_err());
        shop.pass(1);
        assert!(shop.follow(&h5_url, "buyer").is_err());
        let fresh = shop.place("h5", "MWEB-000001");
        let cashier = shop.follow(&fresh, "buyer").unwrap();
        shop.act(&cashier.prepay_id, BuyerAction::Pay).unwrap();
        assert_eq!(told(&shop)["trade_type"], "MWEB");
    }
}

#[test]
fn an_app_signs_the_bare_prepay_id_with_the_certificate_of_the_order() {
    let mut shop = Shop::new();
    let prepay_id = shop.place("app", "APP-0000001");
    let now = shop.now_ms / 1000;
    let signer = CheapKey::new(MERCHANT_SERIAL);
    let good = AppPayment::sign(&signer, MOBILE, MCHID, &prepay_id, now, "n");
    let with = |name: &str, value: &str| {
        let mut parameters = serde_json::to_value(&good).unwrap();
        parameters[name] = json!(value);
        parameters
    };
    for (name, value) in [
        ("sign", "0"),
        ("timestamp", "1"),
        ("package", "prepay_id=1"),
        ("partnerid", "1900000999"),
        ("appid", APPID),
        ("prepayid", "wx0"),
    ] {
        assert!(shop.open_from_app(with(name, value)).is_err(), "{name}");
    }
    let cashier = shop.open_from_app(with("package", "Sign=WXPay")).unwrap();
    let result = shop.act(&cashier.prepay_id, BuyerAction::Cancel).unwrap();
    assert_eq!(result.err_msg.as_deref(), Some("errCode:-2"));
    let result = shop.act(&cashier.prepay_id, BuyerAction::Pay).unwrap();
    assert_eq!(result.err_msg.as_deref(), Some("errCode:0"));
    let told = told(&shop);
    assert_eq!(
        (&told["trade_type"], &told["appid"]),
        (&json!("APP"), &json!(MOBILE))
    );
}

#[test]
fn the_kinds_of_apps_are_not_interchangeable() {
    let mut shop = Shop::new();
    for (product, appid) in [("jsapi", MOBILE), ("app", APPID), ("app", OFFICIAL)] {
        let mut body = if product == "jsapi" {
            shop.order_body("ORDER-000001")
        } else {
            shop.product_body(product, "ORDER-000001")
        };
        body["appid"] = json!(appid);
        let (status, code, _) = refused(&mut shop, product, &body);
        assert_eq!(
            (status, code.as_str()),
            (400, "INVALID_REQUEST"),
            "{product} {appid}"
        );
    }
    for (number, product, appid) in [
        ("ORDER-000002", "native", MOBILE),
        ("ORDER-000003", "native", OFFICIAL),
        ("ORDER-000004", "h5", MOBILE),
    ] {
        let mut body = shop.product_body(product, number);
        body["appid"] = json!(appid);
        let (status, answer) = shop.call("POST", &format!("/v3/pay/transactions/{product}"), &body);
        assert_eq!(status, 200, "{answer}");
    }
    let mut body = shop.product_body("native", "ORDER-000005");
    body["appid"] = json!("wx0000000000000000");
    let (_, code, _) = refused(&mut shop, "native", &body);
    assert_eq!(code, "APPID_MCHID_NOT_MATCH");
}

#[test]
fn members_of_other_products_are_refused_by_name() {
    let mut shop = Shop::new();
    let mut check = |product: &str, change: &dyn Fn(&mut Value), field: &str| {
        let mut body = shop.product_body(product, "ORDER-000001");
        change(&mut body);
        let expected = (400, "PARAM_ERROR".to_owned(), field.to_owned());
        assert_eq!(refused(&mut shop, product, &body), expected);
        assert_eq!(shop.wechat.orders().count(), 0);
    };
    for product in ["native", "app", "h5"] {
        check(
            product,
            &|body| body["payer"] = json!({ "openid": "o1" }),
            "/payer",
        );
        check(
            product,
            &|body| body["time_expire"] = json!("soon"),
            "/time_expire",
        );
    }
    let h5_info = &|body: &mut Value| {
        body["scene_info"] =
            json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap" } });
    };
    check("native", h5_info, "/scene_info/h5_info");
    check(
        "h5",
        &|body| drop(body.as_object_mut().unwrap().remove("scene_info")),
        "/scene_info",
    );
    for (field, scene) in [
        (
            "/scene_info/payer_client_ip",
            json!({ "h5_info": { "type": "Wap" } }),
        ),
        (
            "/scene_info/payer_client_ip",
            json!({ "payer_client_ip": "127.0.0.1", "h5_info": { "type": "Wap" } }),
        ),
        (
            "/scene_info/payer_client_ip",
            json!({ "payer_client_ip": "home", "h5_info": { "type": "Wap" } }),
        ),
        (
            "/scene_info/h5_info",
            json!({ "payer_client_ip": "203.0.113.7" }),
        ),
        (
            "/scene_info/h5_info/type",
            json!({ "payer_client_ip": "203.0.113.7", "h5_info": {} }),
        ),
        (
            "/scene_info/h5_info/type",
            json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "IOS" } }),
        ),
        (
            "/scene_info/h5_info/wap_url",
            json!({ "payer_client_ip": "203.0.113.7", "h5_info": { "type": "Wap", "wap_url": "x" } }),
        ),
    ] {
        check("h5", &|body| body["scene_info"] = scene.clone(), field);
    }
}

#[test]
fn a_page_opens_the_cashier_through_the_bridge() {
    let mut shop = Shop::new();
    let who = shop.look_at_page("visitor");
    assert_eq!(who, openid(OFFICIAL, "visitor"));
    let mut body = shop.order_body("PAGE-000001");
    body["appid"] = json!(OFFICIAL);
    body["payer"]["openid"] = json!(who);
    let (status, answer) = shop.call("POST", JSAPI, &body);
    assert_eq!(status, 200, "{answer}");
    let prepay_id = answer["prepay_id"].as_str().unwrap();
    let signed = wechatpay::v3::RequestPayment::sign(
        &CheapKey::new(MERCHANT_SERIAL),
        OFFICIAL,
        prepay_id,
        shop.now_ms / 1000,
        "n",
    );
    let bridge = wechatpay::bridge::BridgePayment::new(OFFICIAL, signed);
    let mut parameters = serde_json::to_value(&bridge).unwrap();
    parameters["user"] = json!("visitor");
    let mut open = |parameters: &Value| {
        let open: OpenCashier = serde_json::from_value(parameters.clone()).unwrap();
        shop.phone(PhoneAction::Open(open))
    };
    assert!(open(&parameters).is_ok());
    parameters["paySign"] = json!("0");
    let refusal = open(&parameters).unwrap_err();
    assert_eq!(refusal.err_msg, "get_brand_wcpay_request:fail");
    for (action, told) in [
        (BuyerAction::Cancel, "get_brand_wcpay_request:cancel"),
        (BuyerAction::Pay, "get_brand_wcpay_request:ok"),
    ] {
        let result = shop.act_as("visitor", prepay_id, action).unwrap();
        assert_eq!(result.err_msg.as_deref(), Some(told));
    }
}

#[test]
fn a_handle_of_another_product_does_not_open_the_cashier() {
    let mut shop = Shop::new();
    shop.place("native", "NATIVE-00001");
    let prepay_id = shop.wechat.prepays(MCHID, "NATIVE-00001")[0].0.to_owned();
    let now = shop.now_ms / 1000;
    let signer = CheapKey::new(MERCHANT_SERIAL);
    let signed = wechatpay::v3::RequestPayment::sign(&signer, APPID, &prepay_id, now, "n");
    let mut parameters = serde_json::to_value(&signed).unwrap();
    parameters["appid"] = json!(APPID);
    let open: OpenCashier = serde_json::from_value(parameters).unwrap();
    assert!(shop.phone(PhoneAction::Open(open)).is_err());
    let app = AppPayment::sign(&signer, APPID, MCHID, &prepay_id, now, "n");
    let refusal = shop
        .open_from_app(serde_json::to_value(app).unwrap())
        .unwrap_err();
    assert!(refusal.reason.contains("APP"), "{refusal:?}");
}

#[test]
fn both_protocols_share_the_numbers_of_every_product() {
    let mut shop = Shop::new();
    for (product, number) in [
        ("native", "ORDER-000001"),
        ("h5", "ORDER-000002"),
        ("app", "ORDER-000003"),
    ] {
        shop.place(product, number);
        let (status, seen) = shop.query(number);
        assert_eq!((status, &seen["trade_state"]), (200, &json!("NOTPAY")));
        let (status, _) = shop.call("POST", JSAPI, &shop.order_body(number));
        assert_eq!(status, 403, "the number is used");
        assert_eq!(shop.close(number).0, 204);
        let (_, code, _) = {
            let body = shop.product_body(product, number);
            refused(&mut shop, product, &body)
        };
        assert_eq!(code, "ORDER_CLOSED");
    }
}

#[test]
fn faults_reach_orders_of_every_product() {
    for (product, number) in [
        ("native", "ORDER-000001"),
        ("h5", "ORDER-000002"),
        ("app", "ORDER-000003"),
    ] {
        let mut shop = Shop::new();
        let fault = |kind| Fault::new(kind).at(Operation::Prepay).of_order(number);
        shop.fault(fault(FaultKind::SystemErrorAfter));
        let body = shop.product_body(product, number);
        let (status, code, _) = refused(&mut shop, product, &body);
        assert_eq!((status, code.as_str()), (500, "SYSTEM_ERROR"));
        assert_eq!(shop.query(number).0, 200, "it was made all the same");
        shop.fault(fault(FaultKind::AnswerLost));
        let target = format!("/v3/pay/transactions/{product}");
        let request = shop.signed("POST", &target, &body.to_string());
        assert!(shop.raw(request).is_none());
        assert!(!shop.place(product, number).is_empty());
    }
}
