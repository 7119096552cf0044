use super::*;

const MCH_ID: &str = "1900000109";

fn key() -> ApiKey {
    ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap()
}

fn open_with(sign_type: SignType, body: &str) -> Result<Notification, NotificationError> {
    let key = key();
    let merchant = Merchant {
        mch_id: MCH_ID,
        sign_type,
        key: &key,
    };
    open(merchant, body.as_bytes())
}

/// The example of the documentation's layout, with values and signatures of our own.
fn payment(sign: &str) -> String {
    format!(
        "<xml>
  <return_code><![CDATA[SUCCESS]]></return_code>
  <appid><![CDATA[wx1234567890abcdef]]></appid>
  <mch_id><![CDATA[1900000109]]></mch_id>
  <nonce_str><![CDATA[Zt8bqW3kLx0Vn5Yc]]></nonce_str>
  <result_code><![CDATA[SUCCESS]]></result_code>
  <openid><![CDATA[oUpF8uMuAJO_M2pxb1Q9zNjWeS6o]]></openid>
  <is_subscribe><![CDATA[N]]></is_subscribe>
  <trade_type><![CDATA[JSAPI]]></trade_type>
  <bank_type><![CDATA[OTHERS]]></bank_type>
  <total_fee>101</total_fee>
  <cash_fee>101</cash_fee>
  <fee_type><![CDATA[CNY]]></fee_type>
  <transaction_id><![CDATA[4200000015202401020000000001]]></transaction_id>
  <out_trade_no><![CDATA[SIM-20240102_0001]]></out_trade_no>
  <time_end><![CDATA[20240102120005]]></time_end>
  <sign><![CDATA[{sign}]]></sign>
</xml>"
    )
}

const MD5_SIGN: &str = "70BD4B04F0742E219ADF4ACEACFF0349";
const HMAC_SIGN: &str = "22EF942E16623236C7E920BD8C81EFA9ED2FFE862158AB7076076ECBC80B2451";

#[test]
fn a_signed_payment_is_believed_with_the_configured_sign_type_only() {
    for (sign_type, sign, other) in [
        (SignType::Md5, MD5_SIGN, HMAC_SIGN),
        (SignType::HmacSha256, HMAC_SIGN, MD5_SIGN),
    ] {
        let Ok(Notification::Payment(verified)) = open_with(sign_type, &payment(sign)) else {
            panic!("{sign_type:?}")
        };
        assert_eq!(verified.fen("total_fee"), Ok(fen::Fen::new(101)));
        assert!(open_with(sign_type, &payment(other)).is_err());
    }
}

#[test]
fn what_was_touched_is_refused() {
    let good = payment(HMAC_SIGN);
    for (from, to) in [
        ("<total_fee>101", "<total_fee>100"),
        ("1900000109", "1900000110"),
        ("<fee_type>", "<extra>1</extra><fee_type>"),
        (HMAC_SIGN, ""),
        ("<xml>", "<!DOCTYPE xml><xml>"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert!(open_with(SignType::HmacSha256, &bad).is_err(), "{to}");
    }
    let failed = good.replacen(
        "<return_code><![CDATA[SUCCESS]]>",
        "<return_code><![CDATA[FAIL]]>",
        1,
    );
    assert!(open_with(SignType::HmacSha256, &failed).is_err());
}

fn refund(mch_id: &str, req_info: &str) -> String {
    format!(
        "<xml><return_code>SUCCESS</return_code><appid>wx1234567890abcdef</appid><mch_id>{mch_id}</mch_id>\
         <nonce_str>n</nonce_str><req_info><![CDATA[{req_info}]]></req_info></xml>"
    )
}

#[test]
fn a_refund_notification_is_decrypted_and_stays_a_hint() {
    let req_info = "ntuJZa4yz+F8s6STuiToomvjEkxZu81D+j0NONkPReM5vb7OjTfVtwVTSxLBwCkrdAQH0oocL7BWFAKnyVZrhIc73qcUzrCMtfthR+IoD5A4qRkcMVi07DD5wZKdnVT/RiGEUGCkhJTU/qcgwgvDcg==";
    let Ok(Notification::RefundHint(hint)) = open_with(SignType::Md5, &refund(MCH_ID, req_info))
    else {
        panic!("not opened")
    };
    assert_eq!(hint.get("out_refund_no"), Some("R1"));
    assert_eq!(hint.get("refund_status"), Some("SUCCESS"));
    assert!(open_with(SignType::Md5, &refund("1900000110", req_info)).is_err());
    for bad in [
        "",
        "AAAA",
        "not base64!",
        &req_info[4..],
        &req_info[..req_info.len() - 4],
    ] {
        assert!(
            open_with(SignType::Md5, &refund(MCH_ID, bad)).is_err(),
            "{bad}"
        );
    }
}

#[test]
fn sealing_is_the_reverse_of_opening() {
    let content = "<root>\n<out_refund_no><![CDATA[R1]]></out_refund_no>\n<refund_status><![CDATA[SUCCESS]]></refund_status>\n</root>";
    let req_info = "ntuJZa4yz+F8s6STuiToomvjEkxZu81D+j0NONkPReM5vb7OjTfVtwVTSxLBwCkrdAQH0oocL7BWFAKnyVZrhIc73qcUzrCMtfthR+IoD5A4qRkcMVi07DD5wZKdnVT/RiGEUGCkhJTU/qcgwgvDcg==";
    assert_eq!(seal(&key(), content).as_deref(), Some(req_info));
}

/// Published with the documentation of refund notifications.
const PUBLISHED: &str = "YYwp8C48th0wnQzTqeI+41pflB26v+smFj9z6h9RPBgxTyZyxc+4YNEz7QEgZNWj/6rIb2MfyWMZmCc41CfjKSssoSZPXxOhUayb\
6KvNSZ1p6frOX1PDWzhyruXK7ouNND+gDsG4yZ0XXzsL4/pYNwLLba/71QrnkJ/BHcByk4EXnglju5DLup9pJQSnTxjomI9Rxu57\
m9jg5lLQFxMWXyeASZJNvof0ulnHlWJswS4OxKOkmW7VEyKyLGV6npoOm03Qsx2wkRxLsSa9gPpg4hdaReeUqh1FMbm7aWjyrVYT\
/MEZWg98p4GomEIYvz34XfDncTezX4bf/ZiSLXt79aE1/YTZrYfymXeCrGjlbe0rg/T2ezJHAC870u2vsVbY1/KcE2A443N+DEnA\
ziXlBQ1AeWq3Rqk/O6/TMM0lomzgctAOiAMg+bh5+Gu1ubA9O3E+vehULydD5qx2o6i3+qA9ORbH415NyRrQdeFq5vmCiRikp5xY\
ptWiGZA0tkoaLKMPQ4ndE5gWHqiBbGPfULZWokI+QjjhhBmwgbd6J0VqpRorwOuzC/BHdkP72DCdNcm7IDUpggnzBIy0+seWIkcH\
EryKjge3YDHpJeQCqrAH0CgxXHDt1xtbQbST1VqFyuhPhUjDXMXrknrGPN/oE1t0rLRq+78cI+k8xe5E6seeUXQsEe8r3358mpcD\
YSmXWSXVZxK6er9EF98APqHwcndyEJD2YyCh/mMVhERuX+7kjlRXSiNUWa/Cv/XAKFQuvUYA5ea2eYWtPRHa4DpyuF1SNsaqVKfg\
qKXZrJHfAgslVpSVqUpX4zkKszHF4kwMZO3M7J1P94Mxa7Tm9mTOJePOoHPXeEB+m9rX6pSfoi3mJDQ5inJ+Vc4gOkg/Wd/lqiy6\
TTyP/dHDN6/v+AuJx5AXBo/2NDD3fWhHjkqEKIuARr2ClZt9ZRQO4HkXdZo7CN06sGCHk48Tg8PmxnxKcMZm7Aoquv5yMIM2gWSW\
IRJhwJ8cUpafIHc+GesDlbF6Zbt+/KXkafJAQq2RklEN+WvZ/zFz113EPgWPjp16TwBoziq96MMekvWKY/vdhjol8VFtGH9F61Oy\
1Xwf6DJtPw==";

#[test]
fn the_published_refund_notification_opens() {
    let key = ApiKey::parse("ziR0QKsTUfMOuochC9RfCdmfHECorQAP").unwrap();
    let fields = decrypt(&key, PUBLISHED).unwrap();
    for (name, value) in [
        ("out_refund_no", "50fd012ed1b311e7af7800163e32c503"),
        ("out_trade_no", "4893e76d8c8b434cb64e9cd536338e33"),
        ("refund_account", "REFUND_SOURCE_RECHARGE_FUNDS"),
        ("refund_fee", "6"),
        ("refund_id", "50000404922017112502468056157"),
        ("refund_recv_accout", "支付用户零钱"),
        ("refund_request_source", "API"),
        ("refund_status", "SUCCESS"),
        ("settlement_refund_fee", "6"),
        ("settlement_total_fee", "6"),
        ("success_time", "2017-11-25 15:36:17"),
        ("total_fee", "6"),
        ("transaction_id", "4200000015201711256947025404"),
    ] {
        assert_eq!(fields.get(name), Some(value), "{name}");
    }
    assert!(matches!(
        decrypt(
            &ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap(),
            PUBLISHED
        ),
        Err(NotificationError::Undecryptable)
    ));
}

#[test]
fn what_we_answer_is_what_wechat_reads() {
    let accepted = Fields::parse(ACCEPTED.as_bytes()).unwrap();
    assert_eq!(accepted.get("return_code"), Some("SUCCESS"));
    let no = Fields::parse(refused("no <such> ]]> order").as_bytes()).unwrap();
    assert_eq!(no.get("return_code"), Some("FAIL"));
    assert_eq!(no.get("return_msg"), Some("no such  order"));
}
