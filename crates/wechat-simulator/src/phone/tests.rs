use serde_json::{Value, json};
use wechatpay::v3::Signer;

use crate::testing::*;
use crate::*;

fn open(prepay_id: &str) -> OpenCashier {
    let package = format!("prepay_id={prepay_id}");
    let text = format!("{APPID}\n1767585600\nnonce\n{package}\n");
    OpenCashier {
        appid: APPID.to_owned(),
        user: "buyer".to_owned(),
        time_stamp: Value::from("1767585600"),
        nonce_str: "nonce".to_owned(),
        package,
        sign_type: "RSA".to_owned(),
        pay_sign: CheapKey::new(MERCHANT_SERIAL).sign(text.as_bytes()),
    }
}

fn refusal(shop: &mut Shop, open: OpenCashier) -> String {
    shop.phone(PhoneAction::Open(open)).unwrap_err().err_msg
}

#[test]
fn the_cashier_opens_for_signed_parameters() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    let answer = shop.phone(PhoneAction::Open(open(&prepay_id))).unwrap();
    let cashier = Cashier {
        prepay_id,
        description: "龙井茶".to_owned(),
        amount_fen: 1990,
        merchant_name: "茶馆".to_owned(),
        out_trade_no: "ORDER-000001".to_owned(),
    };
    assert_eq!(answer, PhoneAnswer::Cashier(cashier));
}

#[test]
fn wrong_arguments_do_not_open_the_cashier() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    let sound = open(&prepay_id);
    let cases = [
        (
            OpenCashier {
                time_stamp: json!(1767585600),
                ..sound.clone()
            },
            "should be String",
        ),
        (
            OpenCashier {
                nonce_str: "other".to_owned(),
                ..sound.clone()
            },
            "支付验证签名失败",
        ),
        (
            OpenCashier {
                sign_type: "MD5".to_owned(),
                ..sound.clone()
            },
            "支付验证签名失败",
        ),
        (
            OpenCashier {
                nonce_str: "n".repeat(33),
                ..sound.clone()
            },
            "nonceStr",
        ),
        (
            OpenCashier {
                package: prepay_id.clone(),
                ..sound.clone()
            },
            "缺少参数 package",
        ),
        (
            OpenCashier {
                pay_sign: String::new(),
                ..sound.clone()
            },
            "missing parameter paySign",
        ),
        (
            OpenCashier {
                user: "stranger".to_owned(),
                ..sound.clone()
            },
            "本人支付",
        ),
        (
            open("wx00000000000000000000000000000000"),
            "缺少参数 total_fee",
        ),
    ];
    for (arguments, expected) in cases {
        let got = refusal(&mut shop, arguments);
        assert!(got.contains(expected), "{got} should contain {expected}");
    }
}

#[test]
fn a_prepay_id_dies_after_two_hours_and_the_order_lives_on() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    shop.pass(PREPAY_LIFE_MS);
    assert!(refusal(&mut shop, open(&prepay_id)).contains("过期"));
    let fresh = shop.prepay("ORDER-000001");
    assert!(shop.phone(PhoneAction::Open(open(&fresh))).is_ok());
}

#[test]
fn only_paying_changes_the_order() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    let wrong = shop.act(&prepay_id, BuyerAction::WrongPassword).unwrap();
    assert_eq!((wrong.err_msg, wrong.trade_state), (None, "NOTPAY"));
    assert_eq!(
        shop.act(&prepay_id, BuyerAction::NotEnoughMoney)
            .unwrap()
            .err_msg,
        None
    );
    let cancel = shop.act(&prepay_id, BuyerAction::Cancel).unwrap();
    assert_eq!(
        cancel.err_msg.as_deref(),
        Some("requestPayment:fail cancel")
    );
    let paid = shop.act(&prepay_id, BuyerAction::Pay).unwrap();
    assert_eq!(
        (paid.err_msg.as_deref(), paid.trade_state),
        (Some("requestPayment:ok"), "SUCCESS")
    );
    assert!(
        shop.act(&prepay_id, BuyerAction::Pay)
            .unwrap_err()
            .err_msg
            .contains("已支付")
    );
}

#[test]
fn an_app_that_dies_has_paid_all_the_same() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    let result = shop.act(&prepay_id, BuyerAction::PayAndVanish).unwrap();
    assert_eq!((result.err_msg, result.trade_state), (None, "SUCCESS"));
}

#[test]
fn a_closed_order_cannot_be_paid() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    shop.close("ORDER-000001");
    assert!(shop.act(&prepay_id, BuyerAction::Pay).is_err());
    assert!(shop.sent.is_empty());
}

#[test]
fn a_coupon_lowers_what_the_payer_pays_and_not_the_total() {
    let mut shop = Shop::new();
    let prepay_id = shop.prepay("ORDER-000001");
    let act = CashierAction {
        prepay_id,
        user: "buyer".to_owned(),
        action: BuyerAction::Pay,
        coupon_fen: Some(90),
        coupon_no_cash: true,
        bank_type: Some("CMB_DEBIT".to_owned()),
    };
    shop.phone(PhoneAction::Act(act)).unwrap();
    let (_, paid) = shop.query("ORDER-000001");
    assert_eq!(
        (&paid["amount"]["total"], &paid["amount"]["payer_total"]),
        (&json!(1990), &json!(1900))
    );
    assert_eq!(paid["promotion_detail"][0]["merchant_contribute"], 90);
    assert_eq!(paid["bank_type"], "CMB_DEBIT");
}

#[test]
fn null_members_can_fail_at_the_cashier_instead() {
    let mut shop = Shop::with(Assumptions {
        null_members: NullMembers::FailAtCashier,
        ..Assumptions::default()
    });
    let mut body = shop.order_body("ORDER-000001");
    body["goods_tag"] = Value::Null;
    let (status, answer) = shop.call("POST", "/v3/pay/transactions/jsapi", &body);
    assert_eq!(status, 200);
    let prepay_id = answer["prepay_id"].as_str().unwrap();
    assert!(
        shop.act(prepay_id, BuyerAction::Pay)
            .unwrap_err()
            .err_msg
            .contains("系统繁忙")
    );
}
