//! What is wrong with an answer, the work being done.

use super::*;

/// Asks with this switch thrown; whether a client may believe the answer.
fn believed(kind: FaultKind) -> bool {
    let [md5, hmac] = BOTH.map(|sign_type| {
        let mut v2 = V2::new(sign_type);
        v2.prepay(NUMBER);
        v2.shop.fault(Fault::new(kind).at(Operation::Query));
        let answer = v2.query().unwrap();
        let believed =
            Fields::parse(&answer.body).is_ok_and(|fields| fields.is_signed(sign_type, &key()));
        let next = v2.query().unwrap();
        let next = Fields::parse(&next.body).unwrap();
        assert!(next.is_signed(sign_type, &key()), "played once");
        believed
    });
    assert_eq!(md5, hmac);
    md5
}

/// How long the answer to a query is held back, milliseconds.
fn held_back_ms(fault: Fault) -> i64 {
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.prepay(NUMBER);
    v2.shop.fault(fault);
    let body = v2.signed(by_number()).to_xml();
    let request = WireRequest {
        method: "POST".to_owned(),
        target: "/pay/orderquery".to_owned(),
        headers: Vec::new(),
        body: body.into_bytes(),
        connection: Connection::Plain,
    };
    match v2.shop.step(Input::Request(request)) {
        Some(Output::Answer { after_ms, response }) => {
            let fields = Fields::parse(&response.body).unwrap();
            assert!(fields.is_signed(SignType::HmacSha256, &key()));
            after_ms
        }
        other => panic!("{other:?}"),
    }
}

#[test]
pub(super) fn slow_answer() {
    let slow = Fault::new(FaultKind::SlowAnswer);
    assert_eq!(held_back_ms(slow.clone()), 1_000);
    assert_eq!(held_back_ms(slow.delay_ms(6_000)), 6_000);
}

#[test]
pub(super) fn answer_held() {
    let held = Fault::new(FaultKind::AnswerHeld);
    assert_eq!(held_back_ms(held), UNTIL_RELEASED);
}

#[test]
pub(super) fn wrong_response_signature() {
    assert!(!believed(FaultKind::WrongResponseSignature));
}

#[test]
pub(super) fn unsigned_response() {
    assert!(!believed(FaultKind::UnsignedResponse));
}

/// There are no probes in this protocol: a wrong signature is what comes nearest.
#[test]
pub(super) fn signtest_response() {
    assert!(!believed(FaultKind::SigntestResponse));
}

/// No message of this protocol names a key: a signature by a key nobody has is what comes nearest.
#[test]
pub(super) fn unknown_serial_response() {
    assert!(!believed(FaultKind::UnknownSerialResponse));
}

/// No message of this protocol says when it was signed, so none is stale.
#[test]
pub(super) fn stale_response() {
    assert!(believed(FaultKind::StaleResponse));
}

#[test]
pub(super) fn truncated_body() {
    assert!(!believed(FaultKind::TruncatedBody));
    // Files are not signed; they end too early all the same.
    let mut v2 = V2::new(SignType::HmacSha256);
    v2.paid(NUMBER);
    v2.shop.pass(2 * 86_400_000);
    for (path, kind) in [
        ("/pay/downloadbill", ("bill_type", "ALL")),
        ("/pay/downloadfundflow", ("account_type", "Basic")),
    ] {
        let file = |v2: &mut V2| {
            let fields = Fields::new()
                .with("bill_date", "20260105")
                .with(kind.0, kind.1);
            let body = v2.signed(fields).to_xml();
            v2.post(path, body).unwrap()
        };
        let whole = file(&mut v2);
        v2.shop
            .fault(Fault::new(FaultKind::TruncatedBody).at(Operation::Bill));
        let half = file(&mut v2);
        assert!(whole.body.starts_with(&half.body), "{path}");
        assert_eq!(half.body.len(), whole.body.len() / 2, "{path}");
        assert_eq!(half.headers, whole.headers, "a digest is of the whole file");
    }
}

/// The merchant's API key signs both ways: what changes are WeChat's keys of APIv3.
#[test]
pub(super) fn key_switch() {
    let mut v2 = V2::new(SignType::Md5);
    let certificate = PlatformCertificate {
        key: platform_key("CERTIFICATE-1"),
        pem: String::new(),
        effective_ms: 0,
        expire_ms: i64::MAX,
    };
    v2.shop.control(Command::AddCertificate {
        mchid: MCHID.to_owned(),
        certificate: Box::new(certificate),
    });
    v2.prepay(NUMBER);
    v2.shop
        .fault(Fault::new(FaultKind::KeySwitch).at(Operation::Query));
    v2.call("/pay/orderquery", by_number());
    let merchant = v2.shop.wechat.merchants().next().unwrap();
    assert_eq!(merchant.platform.mode, SigningMode::Certificate);
    v2.shop
        .fault(Fault::new(FaultKind::KeySwitch).at(Operation::PaymentNotification));
    v2.paid(NUMBER);
    let merchant = v2.shop.wechat.merchants().next().unwrap();
    assert_eq!(merchant.platform.mode, SigningMode::PublicKey);
    let told = Fields::parse(&v2.shop.sent[0].body).unwrap();
    assert!(told.is_signed(SignType::Md5, &key()));
}
