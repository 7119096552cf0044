use super::*;

const PAY: &str = "/pay/micropay";
const REVERSE: &str = "/secapi/pay/reverse";

impl V2 {
    fn code(&mut self, user: &str, story: CodeStory) -> String {
        let command = Command::PaymentCode {
            user: user.to_owned(),
            story,
            after_ms: None,
        };
        let CommandAnswer::PaymentCode(code) = self.shop.control(command) else {
            panic!("no code")
        };
        code
    }

    fn till(&self, number: &str, code: &str) -> Fields {
        Fields::new()
            .with("body", "茶馆-龙井")
            .with("out_trade_no", number)
            .with("total_fee", "1990")
            .with("spbill_create_ip", "192.0.2.8")
            .with("auth_code", code)
    }

    fn state(&mut self, number: &str) -> String {
        let answer = self.call("/pay/orderquery", by_number(number));
        answer.get("trade_state").unwrap().to_owned()
    }
}

fn by_number(number: &str) -> Fields {
    Fields::new().with("out_trade_no", number)
}

#[test]
fn a_code_is_charged_at_once_and_nobody_is_told() {
    let mut v2 = V2::new(SignType::HmacSha256);
    let code = v2.code("buyer", CodeStory::Pays);
    assert!(code.len() == 18 && code.starts_with("13"));
    let till = v2.till("TILL-000001", &code);
    let paid = v2.call(PAY, till.clone());
    for (name, value) in [
        ("result_code", "SUCCESS"),
        ("trade_type", "MICROPAY"),
        ("openid", openid(APPID, "buyer").as_str()),
        ("total_fee", "1990"),
        ("out_trade_no", "TILL-000001"),
    ] {
        assert_eq!(paid.get(name), Some(value), "{name}");
    }
    assert!(v2.shop.sent.is_empty());
    assert_eq!(v2.refused(PAY, till), "ORDERPAID");
    let (_, seen) = v2.shop.query("TILL-000001");
    assert_eq!(seen["trade_type"], "MICROPAY");
    let refund = v2.refund("TILL-000001", "R-1", 1);
    v2.call("/secapi/pay/refund", refund);
}

#[test]
fn codes_are_good_for_a_minute_one_order_and_one_merchant() {
    let mut v2 = V2::new(SignType::Md5);
    let try_code = |v2: &mut V2, number: &str, code: &str| {
        let till = v2.till(number, code);
        v2.refused(PAY, till)
    };
    assert_eq!(try_code(&mut v2, "TILL-000001", "1234"), "AUTH_CODE_ERROR");
    assert_eq!(
        try_code(&mut v2, "TILL-000001", "161234567890123456"),
        "AUTH_CODE_ERROR"
    );
    assert_eq!(
        try_code(&mut v2, "TILL-000001", "131234567890123456"),
        "AUTH_CODE_INVALID"
    );
    let old = v2.code("buyer", CodeStory::Pays);
    v2.shop.pass(PAYMENT_CODE_LIFE_MS);
    assert_eq!(try_code(&mut v2, "TILL-000001", &old), "AUTHCODEEXPIRE");
    assert!(
        v2.shop.wechat.orders().next().is_none(),
        "no order was made"
    );
    let used = v2.code("buyer", CodeStory::Pays);
    let till = v2.till("TILL-000001", &used);
    v2.call(PAY, till);
    assert_eq!(try_code(&mut v2, "TILL-000002", &used), "AUTH_CODE_INVALID");
    for (story, code) in [
        (CodeStory::NotEnoughMoney, "NOTENOUGH"),
        (CodeStory::CardNotSupported, "NOTSUPORTCARD"),
    ] {
        let shown = v2.code("buyer", story);
        let number = format!("TILL-{code}");
        assert_eq!(try_code(&mut v2, &number, &shown), code);
        assert_eq!(v2.state(&number), "NOTPAY");
    }
}

#[test]
fn a_payer_who_types_a_password_is_waited_for() {
    for (story, first, last) in [
        (CodeStory::PaysLater, "USERPAYING", "SUCCESS"),
        (CodeStory::BankError, "BANKERROR", "SUCCESS"),
        (CodeStory::Fails, "USERPAYING", "PAYERROR"),
        (CodeStory::Hesitates, "USERPAYING", "USERPAYING"),
    ] {
        let mut v2 = V2::new(SignType::Md5);
        let code = v2.code("buyer", story);
        let till = v2.till("TILL-000001", &code);
        assert_eq!(v2.refused(PAY, till.clone()), first, "{story:?}");
        assert_eq!(v2.state("TILL-000001"), "USERPAYING");
        assert_eq!(v2.refused(PAY, till), "USERPAYING", "the same call again");
        let close = by_number("TILL-000001");
        assert_eq!(v2.refused("/pay/closeorder", close), "TRADE_STATE_ERROR");
        v2.shop.pass(45_000);
        assert_eq!(v2.state("TILL-000001"), last, "{story:?}");
        assert!(v2.shop.sent.is_empty());
    }
}

#[test]
fn another_payer_for_the_same_number_is_refused() {
    let mut v2 = V2::new(SignType::Md5);
    let code = v2.code("buyer", CodeStory::NotEnoughMoney);
    let till = v2.till("TILL-000001", &code);
    assert_eq!(v2.refused(PAY, till), "NOTENOUGH");
    let other = v2.code("friend", CodeStory::Pays);
    let till = v2.till("TILL-000001", &other);
    assert_eq!(v2.refused(PAY, till), "BUYER_MISMATCH");
    let same = v2.code("buyer", CodeStory::Pays);
    let till = v2.till("TILL-000001", &same);
    assert_eq!(v2.refused(PAY, till), "OUT_TRADE_NO_USED");
}

#[test]
fn a_reversal_ends_the_order_whatever_became_of_it() {
    for (story, pays_first) in [
        (CodeStory::Hesitates, false),
        (CodeStory::Fails, false),
        (CodeStory::PaysLater, true),
    ] {
        let mut v2 = V2::new(SignType::HmacSha256);
        let code = v2.code("buyer", story);
        let till = v2.till("TILL-000001", &code);
        v2.call(PAY, till.clone());
        let early = v2.call(REVERSE, by_number("TILL-000001"));
        assert_eq!(early.get("err_code"), Some("USERPAYING"));
        assert_eq!(
            early.get("recall"),
            Some("Y"),
            "it comes with a failure too"
        );
        v2.shop.pass(15_000);
        assert_eq!(v2.state("TILL-000001") == "SUCCESS", pays_first);
        for _ in 0..2 {
            let done = v2.call(REVERSE, by_number("TILL-000001"));
            assert_eq!(done.get("result_code"), Some("SUCCESS"));
            assert_eq!(done.get("recall"), Some("N"));
        }
        assert_eq!(v2.state("TILL-000001"), "REVOKED");
        let (_, seen) = v2.shop.query("TILL-000001");
        assert_eq!(seen["trade_state"], "REVOKED");
        assert_eq!(v2.refused(PAY, till), "ORDERREVERSED");
        v2.shop.pass(86_400_000);
        assert_eq!(
            v2.state("TILL-000001"),
            "REVOKED",
            "money under way does not come back"
        );
    }
}

#[test]
fn only_young_orders_by_code_are_reversed() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    assert_eq!(
        v2.refused(REVERSE, by_number("ORDER-000001")),
        "INVALID_REQUEST"
    );
    assert_eq!(
        v2.refused(REVERSE, by_number("NOBODY-0001")),
        "ORDERNOTEXIST"
    );
    let nobody = Fields::new().with("transaction_id", "42");
    assert_eq!(v2.refused(REVERSE, nobody), "INVALID_TRANSACTIONID");
    let code = v2.code("buyer", CodeStory::Pays);
    let till = v2.till("TILL-000001", &code);
    v2.call(PAY, till);
    v2.shop.pass(7 * 86_400_000 + 1);
    assert_eq!(
        v2.refused(REVERSE, by_number("TILL-000001")),
        "REVERSE_EXPIRE"
    );
}

#[test]
fn an_answer_that_is_lost_leaves_the_money_taken() {
    let mut v2 = V2::new(SignType::Md5);
    let code = v2.code("buyer", CodeStory::Pays);
    let fault = Fault::new(FaultKind::SystemErrorAfter).at(Operation::Micropay);
    v2.shop.fault(fault);
    let till = v2.till("TILL-000001", &code);
    assert_eq!(v2.refused(PAY, till), "SYSTEMERROR");
    assert_eq!(v2.state("TILL-000001"), "SUCCESS");
}

#[test]
fn whose_code_it_is_can_be_asked_with_md5_only() {
    let mut v2 = V2::new(SignType::Md5);
    let code = v2.code("buyer", CodeStory::Pays);
    let ask = || Fields::new().with("auth_code", code.as_str());
    let known = v2.call("/tools/authcodetoopenid", ask());
    assert_eq!(known.get("openid"), Some(openid(APPID, "buyer").as_str()));
    v2.sign_type = SignType::HmacSha256;
    v2.unbelieved("/tools/authcodetoopenid", ask());
    let till = v2.till("TILL-000001", &code);
    v2.call(PAY, till);
}

#[test]
fn whose_code_it_is_not_is_refused_without_a_description() {
    let mut v2 = V2::new(SignType::Md5);
    let unknown = Fields::new().with("auth_code", "130000000000000000");
    let refused = v2.call("/tools/authcodetoopenid", unknown);
    assert_eq!(refused.get("result_code"), Some("FAIL"));
    assert_eq!(refused.get("err_code"), Some("AUTH_CODE_INVALID"));
    assert_eq!(refused.get("err_code_des"), None);
}
