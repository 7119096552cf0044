//! Payment codes by APIv3.

use super::*;

const PAY: &str = "/v3/pay/transactions/codepay";

fn till(number: &str, code: &str) -> Value {
    json!({
        "appid": APPID,
        "mchid": MCHID,
        "description": "龙井茶",
        "out_trade_no": number,
        "attach": "shop=7",
        "payer": { "auth_code": code },
        "amount": { "total": 1990, "currency": "CNY" },
        "scene_info": { "store_info": { "out_id": "shop-7" }, "device_id": "till-2" },
    })
}

fn charge(shop: &mut Shop, number: &str, code: &str) -> (u16, Value) {
    shop.call("POST", PAY, &till(number, code))
}

fn reverse(shop: &mut Shop, number: &str) -> (u16, Value) {
    let target = format!("/v3/pay/transactions/out-trade-no/{number}/reverse");
    shop.call("POST", &target, &json!({ "appid": APPID, "mchid": MCHID }))
}

fn state(shop: &mut Shop, number: &str) -> String {
    let (status, seen) = shop.query(number);
    assert_eq!(status, 200);
    seen["trade_state"].as_str().unwrap().to_owned()
}

#[test]
fn a_code_is_charged_at_once_and_nobody_is_told() {
    let mut shop = Shop::new();
    let code = shop.payment_code("buyer", CodeStory::Pays);
    let (status, paid) = charge(&mut shop, "TILL-000001", &code);
    assert_eq!(status, 200);
    assert_eq!(paid["trade_state"], "SUCCESS");
    assert_eq!(paid["trade_type"], "MICROPAY");
    assert_eq!(paid["payer"]["openid"], openid(APPID, "buyer").as_str());
    assert_eq!(paid["scene_info"]["device_id"], "till-2");
    assert!(shop.sent.is_empty(), "there is no notification");
    assert_eq!(shop.query("TILL-000001").1, paid);
    let (status, again) = charge(&mut shop, "TILL-000001", &code);
    assert_eq!((status, &again["code"]), (400, &json!("ORDER_PAID")));
}

#[test]
fn a_payer_who_types_the_password_is_told_in_three_ways() {
    for (way, status, member) in [
        (UserPaying::Accepted, 202, "code"),
        (UserPaying::State, 200, "trade_state"),
        (UserPaying::Error, 400, "code"),
    ] {
        for (story, last) in [
            (CodeStory::PaysLater, "SUCCESS"),
            (CodeStory::Fails, "PAYERROR"),
            (CodeStory::Hesitates, "USERPAYING"),
        ] {
            let mut shop = Shop::with(Assumptions {
                codepay_user_paying: way,
                ..Assumptions::default()
            });
            let code = shop.payment_code("buyer", story);
            for _ in 0..2 {
                let (answered, body) = charge(&mut shop, "TILL-000001", &code);
                assert_eq!((answered, &body[member]), (status, &json!("USERPAYING")));
            }
            assert_eq!(state(&mut shop, "TILL-000001"), "USERPAYING");
            let target = "/v3/pay/transactions/out-trade-no/TILL-000001/close";
            let request = shop.signed("POST", target, &json!({ "mchid": MCHID }).to_string());
            let refused = shop.raw(request).unwrap();
            assert_eq!(refused.status, 400);
            assert!(refused.request_id().unwrap().ends_with("-268449641"));
            shop.pass(45_000);
            assert_eq!(state(&mut shop, "TILL-000001"), last);
            assert!(shop.sent.is_empty());
        }
    }
}

#[test]
fn a_reversal_gives_the_money_back_or_closes_the_order() {
    for (story, paid_before) in [
        (CodeStory::Pays, true),
        (CodeStory::PaysLater, true),
        (CodeStory::Fails, false),
        (CodeStory::Hesitates, false),
    ] {
        let mut shop = Shop::new();
        let code = shop.payment_code("buyer", story);
        charge(&mut shop, "TILL-000001", &code);
        if story != CodeStory::Pays {
            let (status, early) = reverse(&mut shop, "TILL-000001");
            assert_eq!(
                (status, &early["code"]),
                (202, &json!("USERPAYING")),
                "15 seconds"
            );
        }
        shop.pass(15_000);
        for _ in 0..2 {
            let (status, answer) = reverse(&mut shop, "TILL-000001");
            let whole = json!({ "appid": APPID, "mchid": MCHID, "out_trade_no": "TILL-000001" });
            assert_eq!((status, answer), (200, whole));
        }
        assert_eq!(state(&mut shop, "TILL-000001"), "REVOKED");
        let order = shop.wechat.order(MCHID, "TILL-000001").unwrap();
        assert_eq!(order.reversed.is_some(), paid_before, "{story:?}");
        let (status, again) = charge(&mut shop, "TILL-000001", &code);
        assert_eq!((status, &again["code"]), (400, &json!("ORDER_REVERSED")));
        shop.pass(86_400_000);
        assert_eq!(state(&mut shop, "TILL-000001"), "REVOKED");
    }
}

#[test]
fn a_password_typed_while_the_merchant_reverses_makes_that_reversal_fail() {
    let mut shop = Shop::new();
    let code = shop.payment_code("buyer", CodeStory::PaysAtReverse);
    charge(&mut shop, "TILL-000001", &code);
    shop.pass(45_000);
    assert_eq!(state(&mut shop, "TILL-000001"), "USERPAYING");
    let (status, first) = reverse(&mut shop, "TILL-000001");
    assert_eq!((status, &first["code"]), (202, &json!("USERPAYING")));
    assert_eq!(
        state(&mut shop, "TILL-000001"),
        "SUCCESS",
        "the money is there now"
    );
    assert_eq!(reverse(&mut shop, "TILL-000001").0, 200);
    assert_eq!(state(&mut shop, "TILL-000001"), "REVOKED");
    let order = shop.wechat.order(MCHID, "TILL-000001").unwrap();
    assert!(order.reversed.is_some(), "and it went back");
}

#[test]
fn the_phone_can_decide_while_it_is_asked() {
    for (pays, after) in [(true, "SUCCESS"), (false, "PAYERROR")] {
        let mut shop = Shop::new();
        let auth_code = shop.payment_code("buyer", CodeStory::Hesitates);
        let decide = |shop: &mut Shop, auth_code: &str| {
            let auth_code = auth_code.to_owned();
            match shop.step(Input::Control(Command::DecideCode { auth_code, pays })) {
                Some(Output::Control(result)) => result,
                other => panic!("{other:?}"),
            }
        };
        let refused = decide(&mut shop, &auth_code);
        assert!(
            matches!(refused, Err(CommandError::Refused(_))),
            "nobody asks yet"
        );
        charge(&mut shop, "TILL-000001", &auth_code);
        decide(&mut shop, &auth_code).unwrap();
        assert_eq!(state(&mut shop, "TILL-000001"), after);
        assert!(decide(&mut shop, &auth_code).is_err(), "it is decided");
        let unknown = decide(&mut shop, "130000000000000000");
        assert!(matches!(unknown, Err(CommandError::Unknown(_))));
    }
}

#[test]
fn codes_are_good_for_a_minute_and_one_order() {
    let mut shop = Shop::new();
    let code_of = |(_, answer): (u16, Value)| answer["code"].as_str().unwrap().to_owned();
    let old = shop.payment_code("buyer", CodeStory::Pays);
    shop.pass(PAYMENT_CODE_LIFE_MS);
    let (status, expired) = charge(&mut shop, "TILL-000001", &old);
    assert_eq!(
        (status, &expired["code"]),
        (403, &json!("AUTH_CODE_EXPIRE"))
    );
    for unknown in ["130000000000000000", "160000000000000000"] {
        let refused = charge(&mut shop, "TILL-000001", unknown);
        assert_eq!(code_of(refused), "AUTH_CODE_INVALID");
    }
    assert_eq!(shop.wechat.orders().count(), 0, "no order was made");
    let used = shop.payment_code("buyer", CodeStory::Pays);
    assert_eq!(charge(&mut shop, "TILL-000001", &used).0, 200);
    assert_eq!(
        code_of(charge(&mut shop, "TILL-000002", &used)),
        "AUTH_CODE_INVALID"
    );
    for (story, status, code) in [
        (CodeStory::NotEnoughMoney, 403, "NOT_ENOUGH"),
        (CodeStory::CardNotSupported, 403, "TRADE_ERROR"),
        (CodeStory::BankError, 500, "BANK_ERROR"),
    ] {
        let shown = shop.payment_code("buyer", story);
        let number = format!("TILL-{code}");
        let (answered, body) = charge(&mut shop, &number, &shown);
        assert_eq!((answered, &body["code"]), (status, &json!(code)));
    }
    assert_eq!(state(&mut shop, "TILL-NOT_ENOUGH"), "NOTPAY");
    let other = shop.payment_code("friend", CodeStory::Pays);
    assert_eq!(
        code_of(charge(&mut shop, "TILL-NOT_ENOUGH", &other)),
        "OUT_TRADE_NO_USED"
    );
    shop.pass(10_000);
    assert_eq!(state(&mut shop, "TILL-BANK_ERROR"), "SUCCESS");
}

#[test]
fn members_outside_their_limits_are_refused_by_name() {
    let mut shop = Shop::new();
    let code = shop.payment_code("buyer", CodeStory::Pays);
    let mut check = |change: &dyn Fn(&mut Value), field: &str| {
        let mut body = till("TILL-000001", &code);
        change(&mut body);
        let (status, answer) = shop.call("POST", PAY, &body);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("PARAM_ERROR")),
            "{field}"
        );
        assert_eq!(answer["detail"]["field"], field);
        assert_eq!(shop.wechat.orders().count(), 0);
    };
    check(
        &|body| body["payer"]["auth_code"] = json!("1345"),
        "/payer/auth_code",
    );
    check(
        &|body| body["payer"]["openid"] = json!("o1"),
        "/payer/openid",
    );
    check(
        &|body| body["notify_url"] = json!(NOTIFY_URL),
        "/notify_url",
    );
    check(
        &|body| body["time_expire"] = json!("2026-01-05T12:30:00+08:00"),
        "/time_expire",
    );
    check(
        &|body| body["scene_info"] = json!({}),
        "/scene_info/store_info",
    );
    check(
        &|body| body["scene_info"]["store_info"] = json!({}),
        "/scene_info/store_info/id",
    );
    check(
        &|body| body["scene_info"]["payer_client_ip"] = json!("203.0.113.7"),
        "/scene_info/payer_client_ip",
    );
    check(
        &|body| body["scene_info"]["device_ip"] = json!("home"),
        "/scene_info/device_ip",
    );
    check(
        &|body| drop(body.as_object_mut().unwrap().remove("scene_info")),
        "/scene_info",
    );
    check(&|body| body["amount"]["total"] = json!(0), "/amount/total");
    check(
        &|body| {
            body["detail"] = json!({ "goods_detail": [{
                "merchant_goods_id": "x", "wechatpay_goods_id": "y", "quantity": 1, "unit_price": 1,
            }] });
        },
        "/detail/goods_detail/0/wechatpay_goods_id",
    );
}

#[test]
fn only_young_orders_by_code_of_this_app_are_reversed() {
    let mut shop = Shop::new();
    shop.prepay("ORDER-000001");
    let (status, refused) = reverse(&mut shop, "ORDER-000001");
    assert_eq!((status, &refused["code"]), (400, &json!("INVALID_REQUEST")));
    let (status, refused) = reverse(&mut shop, "NOBODY-0001");
    assert_eq!((status, &refused["code"]), (404, &json!("ORDER_NOT_EXIST")));
    let code = shop.payment_code("buyer", CodeStory::Pays);
    charge(&mut shop, "TILL-000001", &code);
    let target = "/v3/pay/transactions/out-trade-no/TILL-000001/reverse";
    let (status, _) = shop.call(
        "POST",
        target,
        &json!({ "appid": OFFICIAL, "mchid": MCHID }),
    );
    assert_eq!(status, 400);
    let (status, refused) = shop.call("POST", target, &json!({ "mchid": MCHID }));
    assert_eq!(
        (status, &refused["detail"]["field"]),
        (400, &json!("/appid"))
    );
    shop.pass(7 * 86_400_000 + 1);
    assert_eq!(reverse(&mut shop, "TILL-000001").0, 400);
    assert_eq!(state(&mut shop, "TILL-000001"), "SUCCESS");
}

#[test]
fn the_open_points_are_switches() {
    let switched = |change: &dyn Fn(&mut Assumptions)| {
        let mut assumptions = Assumptions::default();
        change(&mut assumptions);
        let mut shop = Shop::with(assumptions);
        let code = shop.payment_code("buyer", CodeStory::Pays);
        (shop, code)
    };
    let (mut shop, code) = switched(&|it| it.codepay_offered = false);
    let (status, refused) = charge(&mut shop, "TILL-000001", &code);
    assert_eq!((status, &refused["code"]), (403, &json!("NO_AUTH")));
    assert_eq!(reverse(&mut shop, "TILL-000001").0, 403);

    let (mut shop, code) = switched(&|it| it.codepay_notify_url_ignored = true);
    let mut body = till("TILL-000001", &code);
    body["notify_url"] = json!(NOTIFY_URL);
    assert_eq!(shop.call("POST", PAY, &body).0, 200);
    assert!(shop.sent.is_empty());

    let (mut shop, _) = switched(&|it| it.codepay_errors = SpecificOrGeneral::General);
    let (status, refused) = charge(&mut shop, "TILL-000001", "130000000000000000");
    assert_eq!((status, &refused["code"]), (400, &json!("INVALID_REQUEST")));

    let (mut shop, code) = switched(&|it| it.codepay_reverse_until_ms = 60_000);
    charge(&mut shop, "TILL-000001", &code);
    shop.pass(60_001);
    assert_eq!(reverse(&mut shop, "TILL-000001").0, 400);

    let (mut shop, _) = switched(&|it| it.reverse_wait_ms = 0);
    let code = shop.payment_code("buyer", CodeStory::Hesitates);
    charge(&mut shop, "TILL-000001", &code);
    assert_eq!(reverse(&mut shop, "TILL-000001").0, 200);
}

#[test]
fn faults_reach_charges_and_reversals() {
    let mut shop = Shop::new();
    let code = shop.payment_code("buyer", CodeStory::Pays);
    let fault = |kind, operation| Fault::new(kind).at(operation).of_order("TILL-000001");
    shop.fault(fault(FaultKind::SystemErrorAfter, Operation::Micropay));
    let (status, answer) = charge(&mut shop, "TILL-000001", &code);
    assert_eq!((status, &answer["code"]), (500, &json!("SYSTEM_ERROR")));
    assert_eq!(
        state(&mut shop, "TILL-000001"),
        "SUCCESS",
        "the money was taken"
    );
    shop.fault(fault(FaultKind::AnswerLost, Operation::Reverse));
    let target = "/v3/pay/transactions/out-trade-no/TILL-000001/reverse";
    let body = json!({ "appid": APPID, "mchid": MCHID }).to_string();
    let request = shop.signed("POST", target, &body);
    assert!(shop.raw(request).is_none());
    assert_eq!(state(&mut shop, "TILL-000001"), "REVOKED");
}
