use super::*;

#[test]
fn order_numbers_keep_wechats_limits() {
    for good in ["123456", "A|B*1_2-3", &"a".repeat(32)] {
        assert_eq!(OutTradeNo::parse(good).unwrap().as_str(), good);
    }
    let refused = |text: &str| OutTradeNo::parse(text).unwrap_err().to_string();
    assert_eq!(
        refused("12345"),
        "out_trade_no must have 6 to 32 characters"
    );
    assert_eq!(
        refused(&"a".repeat(33)),
        "out_trade_no must have 6 to 32 characters"
    );
    for bad in ["12345 6", "12345@", "12345/", "12345订", "12345\n"] {
        assert_eq!(
            refused(bad),
            "out_trade_no must consist of letters, digits, _ - | and *",
            "{bad:?}"
        );
    }
}

#[test]
fn refund_numbers_also_take_at_signs() {
    assert!(OutRefundNo::parse("r@1").is_ok());
    assert!(OutRefundNo::parse("").is_err());
    assert!(OutRefundNo::parse(&"r".repeat(65)).is_err());
}

#[test]
fn banks_and_refund_ids_are_checked() {
    assert!(BankType::parse("ICBC_DEBIT").is_ok());
    for bad in ["", "icbc_debit", "ICBC DEBIT", "ABCDEFGHIJ_DEBITS"] {
        assert!(BankType::parse(bad).is_err(), "{bad:?}");
    }
    assert!(RefundId::parse("50300000012026010500000000001").is_ok());
    for bad in ["", "503/..", &"5".repeat(33)] {
        assert!(RefundId::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn descriptions_are_counted_in_characters_and_refuse_emoji() {
    assert!(Description::parse(&"茶".repeat(127)).is_ok());
    assert!(Description::parse(&"茶".repeat(128)).is_err());
    assert!(Description::parse("").is_err());
    assert!(
        Description::parse("tea 🍵")
            .unwrap_err()
            .reason
            .contains("emoji")
    );
    assert!(Description::parse("two\nlines").is_err());
    assert!(Attach::parse(&"a".repeat(128)).is_ok());
    assert!(Attach::parse(&"a".repeat(129)).is_err());
    assert!(RefundReason::parse(&"a".repeat(81)).is_err());
}

#[test]
fn notification_addresses_are_https_without_query() {
    for good in [
        "https://pay.example.com/wx/notify",
        "https://pay.example.com:8443/wx",
        "http://127.0.0.1:8080/notify",
        "http://localhost/notify",
        "http://[::1]:80/notify",
    ] {
        assert!(NotifyUrl::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "pay.example.com/wx",
        "ftp://pay.example.com/",
        "http://pay.example.com/wx",
        "http://localhost.example.com/wx",
        "http://127.0.0.1@pay.example.com/wx",
        "https://pay.example.com/wx?a=1",
        "https://pay.example.com/wx#a",
        " https://pay.example.com/wx",
        "https://pay.example.com/w x",
        "https:///wx",
        "https://:443/wx",
        "https://pay.example.com:99999/wx",
        "https://[::1/wx",
        "https://[pay.example.com]/wx",
        "https://pay.example.com:+443/wx",
        // Found by the fuzz target `text`: readers of addresses disagree about where this host ends.
        "https://pay.example.com\\@evil.example.com/wx",
        "https://pay.example.com\\/wx",
        "https://pay.example.com/<wx>",
        "https://付.example.com/wx",
    ] {
        assert!(NotifyUrl::parse(bad).is_err(), "{bad}");
    }
    assert!(NotifyUrl::parse(&format!("https://a/{}", "b".repeat(250))).is_err());
}

#[test]
fn a_simulator_elsewhere_has_its_own_door() {
    assert!(NotifyUrl::parse("http://shouyin:8080/notify").is_err());
    assert!(NotifyUrl::parse_for_simulator("http://shouyin:8080/notify").is_ok());
    assert!(NotifyUrl::parse_for_simulator("http://shouyin:8080/notify?x=1").is_err());
}

#[test]
fn ids_are_told_apart_by_type_and_checked() {
    assert!(Mchid::parse("1900000001").is_ok());
    assert!(Mchid::parse("19x").is_err());
    assert!(Appid::parse("wx1111222233334444").is_ok());
    assert!(Appid::parse("wx 1").is_err());
    assert!(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").is_ok());
    assert!(Openid::parse("o\u{0}").is_err());
    assert!(TransactionId::parse("4200000001202601051234567890").is_ok());
    assert!(TransactionId::parse("../1").is_err());
}
