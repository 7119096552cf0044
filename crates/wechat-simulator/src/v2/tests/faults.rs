use super::*;

fn query(v2: &mut V2) -> Option<RawResponse> {
    let fields = Fields::new().with("out_trade_no", "ORDER-000001");
    let body = v2.signed(fields).to_xml();
    v2.post("/pay/orderquery", body)
}

#[test]
fn the_switches_of_one_protocol_work_for_the_other() {
    use FaultKind::*;
    for (kind, done, code) in [
        (RequestLost, false, None),
        (AnswerLost, true, None),
        (ConnectionReset, false, None),
        (ConnectionResetAfter, true, None),
        (SystemError, false, Some("SYSTEMERROR")),
        (SystemErrorAfter, true, Some("SYSTEMERROR")),
        (RateLimited, false, Some("FREQUENCY_LIMITED")),
        (Error, false, Some("NOAUTH")),
    ] {
        let mut v2 = V2::new(SignType::HmacSha256);
        v2.shop.fault(Fault {
            code: Some("NOAUTH".to_owned()),
            ..Fault::new(kind)
                .at(Operation::Prepay)
                .of_order("ORDER-000001")
        });
        let order = v2.order("ORDER-000001");
        let body = v2.signed(order).to_xml();
        let answer = v2.post("/pay/unifiedorder", body);
        match (answer, code) {
            (None, None) => {}
            (Some(answer), Some(code)) => {
                let fields = Fields::parse(&answer.body).unwrap();
                assert!(fields.is_signed(SignType::HmacSha256, &key()));
                assert_eq!(fields.get("err_code"), Some(code));
            }
            (other, _) => panic!("{kind:?}: {other:?}"),
        }
        let exists = v2.shop.wechat.order(MCHID, "ORDER-000001").is_some();
        assert_eq!(exists, done, "{kind:?}");
    }
}

#[test]
fn answers_can_be_wrong_in_every_way_that_exists_here() {
    use FaultKind::*;
    for kind in [
        WrongResponseSignature,
        UnsignedResponse,
        SigntestResponse,
        UnknownSerialResponse,
        TruncatedBody,
    ] {
        let mut v2 = V2::new(SignType::Md5);
        v2.prepay("ORDER-000001");
        v2.shop.fault(Fault::new(kind));
        let answer = query(&mut v2).unwrap();
        let believed =
            Fields::parse(&answer.body).is_ok_and(|fields| fields.is_signed(SignType::Md5, &key()));
        assert!(!believed, "{kind:?}");
    }
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.fault(Fault::new(ServiceUnavailable));
    assert_eq!(query(&mut v2).unwrap().status, 503);
}

#[test]
fn spelling_may_change() {
    let mut v2 = V2::with(
        SignType::HmacSha256,
        Assumptions {
            v2_cdata: false,
            v2_extra_fields: true,
            notification_extra_members: true,
            ..Assumptions::default()
        },
    );
    v2.paid("ORDER-000001");
    let answer = query(&mut v2).unwrap();
    assert!(
        !String::from_utf8(answer.body.clone())
            .unwrap()
            .contains("CDATA")
    );
    let fields = Fields::parse(&answer.body).unwrap();
    assert_eq!(fields.get("field_of_next_year_0"), Some("x & <y>"));
    assert!(fields.is_signed(SignType::HmacSha256, &key()));
    let told = Fields::parse(&v2.shop.sent[0].body).unwrap();
    assert_eq!(told.get("sign_type"), Some("HMAC-SHA256"));
    assert!(told.is_signed(SignType::HmacSha256, &key()));
}

#[test]
fn notification_faults_are_played_too() {
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.fault(Fault::new(FaultKind::NotificationLost));
    v2.paid("ORDER-000001");
    assert!(v2.shop.sent.is_empty());
    v2.shop.pass(20_000);
    assert_eq!(v2.shop.sent.len(), 1);
    let mut v2 = V2::new(SignType::Md5);
    v2.shop.fault(Fault::new(FaultKind::NotificationForged));
    v2.paid("ORDER-000001");
    let genuine: Vec<bool> = v2
        .shop
        .sent
        .iter()
        .map(|dispatch| {
            Fields::parse(&dispatch.body)
                .unwrap()
                .is_signed(SignType::Md5, &key())
        })
        .collect();
    assert_eq!(genuine, [false, true]);
}

#[test]
fn refunds_end_as_the_switches_say() {
    let mut v2 = V2::new(SignType::Md5);
    v2.paid("ORDER-000001");
    v2.shop.fault(Fault::new(FaultKind::RefundAbnormal));
    let refund = v2.refund("ORDER-000001", "R-1", 10);
    v2.call("/secapi/pay/refund", refund);
    v2.shop.pass(3_000);
    let seen = v2.call(
        "/pay/refundquery",
        Fields::new().with("out_refund_no", "R-1"),
    );
    assert_eq!(seen.get("refund_status_0"), Some("CHANGE"));
}
