use wechatpay::v2::AppPayment;

use super::*;

impl V2 {
    fn product(&mut self, number: &str, kind: &str) -> Fields {
        let scene = r#"{"h5_info":{"type":"Wap","wap_url":"https://a.example","wap_name":"茶"}}"#;
        let appid = if kind == "APP" { MOBILE } else { APPID };
        let order = self
            .order(number)
            .with("appid", appid)
            .with("trade_type", kind)
            .with("openid", "")
            .with("product_id", "tea")
            .with("scene_info", scene)
            .with("spbill_create_ip", "203.0.113.9");
        self.call("/pay/unifiedorder", order)
    }

    fn follow(&mut self, url: &str, user: &str) -> Result<PhoneAnswer, PhoneRefusal> {
        self.shop.phone(PhoneAction::Follow(FollowLink {
            url: url.to_owned(),
            user: user.to_owned(),
        }))
    }
}

#[test]
fn a_code_is_scanned_by_one_person_and_paid_by_the_same() {
    let mut v2 = V2::new(SignType::Md5);
    let placed = v2.product("NATIVE-00001", "NATIVE");
    let code_url = placed.get("code_url").unwrap().to_owned();
    let Ok(PhoneAnswer::Cashier(cashier)) = v2.follow(&code_url, "passer-by") else {
        panic!("no cashier")
    };
    assert_eq!(cashier.amount_fen, 1990);
    assert!(
        v2.follow(&code_url, "second").is_err(),
        "one order, one payer"
    );
    assert!(v2.shop.act(&cashier.prepay_id, BuyerAction::Pay).is_err());
    let act = CashierAction {
        prepay_id: cashier.prepay_id,
        user: "passer-by".to_owned(),
        action: BuyerAction::Pay,
        coupon_fen: None,
        coupon_no_cash: false,
        bank_type: None,
    };
    v2.shop.phone(PhoneAction::Act(act)).unwrap();
    let told = Fields::parse(&v2.shop.sent[0].body).unwrap();
    assert_eq!(told.get("trade_type"), Some("NATIVE"));
    assert_eq!(
        told.get("openid"),
        Some(openid(APPID, "passer-by").as_str())
    );
    assert!(
        v2.follow("weixin://wxpay/bizpayurl?pr=nobody", "buyer")
            .is_err()
    );
}

#[test]
fn a_link_into_a_browser_is_good_for_five_minutes() {
    let mut v2 = V2::new(SignType::Md5);
    let placed = v2.product("MWEB-000001", "MWEB");
    let url = format!(
        "{}&redirect_url=https%3A%2F%2Fa.example",
        placed.get("mweb_url").unwrap()
    );
    v2.shop.pass(MWEB_URL_LIFE_MS - 1);
    assert!(v2.follow(&url, "buyer").is_ok());
    v2.shop.pass(1);
    assert!(v2.follow(&url, "buyer").is_err());
}

#[test]
fn an_app_signs_lower_case_names_with_the_orders_sign_type() {
    for sign_type in BOTH {
        let mut v2 = V2::new(sign_type);
        let placed = v2.product("APP-0000001", "APP");
        let prepay_id = placed.get("prepay_id").unwrap();
        let now = v2.shop.now_ms / 1000;
        let sign = |how| AppPayment::sign(&key(), how, MOBILE, MCHID, prepay_id, now, "n");
        let mut open = |payment: AppPayment| {
            let parameters = serde_json::to_value(payment).unwrap();
            v2.shop.open_from_app(parameters)
        };
        let good = sign(sign_type);
        assert!(open(good.clone()).is_ok());
        let [md5, hmac] = BOTH;
        assert!(open(sign(if sign_type == md5 { hmac } else { md5 })).is_err());
        let other = AppPayment {
            partner_id: "1900000999".to_owned(),
            ..good
        };
        assert!(open(other).is_err());
    }
}

#[test]
fn an_app_order_wants_a_mobile_app() {
    let mut v2 = V2::new(SignType::Md5);
    for (kind, appid) in [("APP", APPID), ("APP", OFFICIAL), ("JSAPI", MOBILE)] {
        let order = v2
            .order("ORDER-000001")
            .with("trade_type", kind)
            .with("appid", appid);
        assert_eq!(v2.refused("/pay/unifiedorder", order), "INVALID_REQUEST");
    }
}
