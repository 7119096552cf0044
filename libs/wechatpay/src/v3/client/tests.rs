use std::collections::VecDeque;
use std::sync::Mutex as StdMutex;

use super::*;
use crate::BoxFuture;
use crate::crypto::{Certificate, PrivateKey};
use crate::text::{Appid, AuthCode, Description, Mchid, OutTradeNo, StoreId};
use crate::v3::certificates::{CertificateEntry, CertificateList};
use crate::v3::pay::{CodePay, QueryByOutTradeNo, Store};
use crate::v3::{
    ErrorSignature, KeyRing, RsaSigner, Target, TransportError, VerifyingKey, signature_headers,
    text_to_sign,
};
use crate::vectors::*;

mod bill;
mod encryption;

/// Within the validity of the certificates of groups C and D.
const NOW: i64 = 1_700_000_000;
const PUBLIC_KEY: &str = "PUB_KEY_ID_1";

type Scripted = Result<RawResponse, TransportError>;

/// WeChat as a list of answers; keeps what was asked.
#[derive(Default)]
struct Script {
    answers: StdMutex<VecDeque<Scripted>>,
    asked: StdMutex<Vec<SignedRequest>>,
}

impl Script {
    fn asked(&self) -> Vec<SignedRequest> {
        self.asked.lock().unwrap().clone()
    }
}

impl Transport for Script {
    fn send<'a>(&'a self, request: &'a SignedRequest) -> BoxFuture<'a, Scripted> {
        self.asked.lock().unwrap().push(request.clone());
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move { answer.expect("more requests than the script has answers") })
    }
}

struct Desk {
    client: Client,
    script: Arc<Script>,
    clock: TestClock,
}

/// A merchant with the key of group D who knows WeChat's public key (the key of group A).
fn desk(answers: Vec<Scripted>) -> Desk {
    let keys = KeyRing::new();
    keys.insert_public_key(PUBLIC_KEY, a_public());
    desk_with(keys, answers)
}

fn desk_with(keys: KeyRing, answers: Vec<Scripted>) -> Desk {
    let script = Arc::new(Script {
        answers: StdMutex::new(answers.into()),
        asked: StdMutex::default(),
    });
    let clock = TestClock::at(NOW);
    let account = Account {
        mchid: Mchid::parse("1900000001").unwrap(),
        signer: Arc::new(RsaSigner::new(
            D_SERIAL,
            PrivateKey::from_pem(D_PRIVATE).unwrap(),
        )),
        keys: Arc::new(keys),
        api_v3_key: Some(d_api_v3_key()),
        request_serial: Some(PUBLIC_KEY.to_owned()),
    };
    let now = clock.clone();
    let transport: Arc<dyn Transport> = script.clone();
    let client = Client::new(
        account,
        transport,
        Arc::new(move || now.now()),
        Arc::new(|| "0123456789abcdef0123456789abcdef".to_owned()),
    );
    Desk {
        client,
        script,
        clock,
    }
}

fn signed_by(signer: &RsaSigner, status: u16, body: &str) -> RawResponse {
    let mut headers = signature_headers(signer, NOW, "n", body.as_bytes());
    headers.push(("Request-Id".to_owned(), "08AB-0".to_owned()));
    RawResponse {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

fn signed(status: u16, body: &str) -> Scripted {
    Ok(signed_by(&a_signer(PUBLIC_KEY), status, body))
}

fn unsigned(status: u16, body: &str) -> Scripted {
    Ok(RawResponse {
        status,
        headers: vec![],
        body: body.as_bytes().to_vec(),
    })
}

fn c_signer() -> RsaSigner {
    RsaSigner::new(C_SERIAL, PrivateKey::from_pem(C_PRIVATE).unwrap())
}

/// The certificate list of a merchant in certificate mode: group C's certificate, signed by itself.
fn certificate_list() -> Scripted {
    let entry = CertificateEntry::seal(C_CERTIFICATE, &d_api_v3_key(), "14b16c03dc1b").unwrap();
    let body = serde_json::to_string(&CertificateList { data: vec![entry] }).unwrap();
    Ok(signed_by(&c_signer(), 200, &body))
}

fn query() -> QueryByOutTradeNo {
    QueryByOutTradeNo {
        mchid: Mchid::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
    }
}

const OPEN_ORDER: &str =
    r#"{"mchid":"1900000001","out_trade_no":"T20260105000001","trade_state":"NOTPAY"}"#;

fn reason<T: fmt::Debug>(outcome: Outcome<T>) -> UnknownReason {
    let shown = format!("{outcome:?}");
    let Outcome::Unknown(unknown) = outcome else {
        panic!("not unknown: {shown}");
    };
    unknown.reason
}

#[tokio::test]
async fn requests_carry_a_signature_that_the_merchants_key_made() {
    let desk = desk(vec![signed(200, OPEN_ORDER)]);
    assert!(desk.client.send(&query()).await.done().is_some());
    let asked = desk.script.asked().remove(0);
    let header = |name: &str| crate::v3::request::header(&asked.headers, name).unwrap();
    let target = "/v3/pay/transactions/out-trade-no/T20260105000001?mchid=1900000001";
    assert_eq!(asked.target, target);
    assert_eq!(header("Accept"), "application/json");
    assert_eq!(header("Wechatpay-Serial"), PUBLIC_KEY);
    let authorization = header("Authorization");
    assert!(authorization.contains(&format!("serial_no=\"{D_SERIAL}\"")));
    assert!(authorization.contains(&format!("timestamp=\"{NOW}\"")));
    let signature = authorization
        .split("signature=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let text = text_to_sign("GET", target, NOW, "0123456789abcdef0123456789abcdef", b"");
    let merchant = Certificate::from_pem(D_CERTIFICATE).unwrap();
    assert!(VerifyingKey::verify(
        merchant.public_key(),
        &text,
        signature
    ));
}

#[tokio::test]
async fn only_a_verified_answer_is_done() {
    let stale = signed_by(&a_signer(PUBLIC_KEY), 200, OPEN_ORDER);
    let mut probe = stale.clone();
    probe.headers[2].1 = "WECHATPAY/SIGNTEST/abc".to_owned();
    let mut changed = stale.clone();
    changed.body = OPEN_ORDER.replace("NOTPAY", "SUCCESS").into_bytes();
    let cases = vec![
        (
            unsigned(200, OPEN_ORDER),
            VerificationError::MissingHeader("Wechatpay-Timestamp"),
        ),
        (Ok(probe), VerificationError::Probe),
        (Ok(changed), VerificationError::BadSignature),
        (
            Ok(signed_by(&a_signer("PUB_KEY_ID_2"), 200, OPEN_ORDER)),
            VerificationError::UnknownSerial("PUB_KEY_ID_2".to_owned()),
        ),
        (
            unsigned(204, ""),
            VerificationError::MissingHeader("Wechatpay-Timestamp"),
        ),
    ];
    for (answer, why) in cases {
        let desk = desk(vec![answer]);
        assert_eq!(
            reason(desk.client.send(&query()).await),
            UnknownReason::Unverified(why)
        );
    }
    let desk = desk(vec![Ok(stale)]);
    desk.clock.advance(300);
    assert!(matches!(
        reason(desk.client.send(&query()).await),
        UnknownReason::Unverified(VerificationError::Stale { .. })
    ));
}

#[tokio::test]
async fn no_answer_and_not_sent_are_told_apart() {
    let lost = desk(vec![Err(TransportError::NoAnswer("timed out".to_owned()))]);
    assert_eq!(
        reason(lost.client.send(&query()).await),
        UnknownReason::NoAnswer("timed out".to_owned())
    );
    let unsent = desk(vec![Err(TransportError::NotSent("refused".to_owned()))]);
    assert_eq!(
        reason(unsent.client.send(&query()).await),
        UnknownReason::NotSent("refused".to_owned())
    );
}

#[tokio::test]
async fn verified_answers_that_cannot_be_used_are_unknown() {
    let other = OPEN_ORDER.replace("0001\"", "0002\"");
    for body in ["", "{}", "[]", &other] {
        let desk = desk(vec![signed(200, body)]);
        assert!(matches!(
            reason(desk.client.send(&query()).await),
            UnknownReason::Unparsable(_)
        ));
    }
}

#[tokio::test]
async fn errors_tell_whether_they_were_signed() {
    let body = r#"{"code":"ORDERNOTEXIST","message":"订单不存在"}"#;
    for (answer, signature) in [
        (signed(404, body), ErrorSignature::Verified),
        (unsigned(404, body), ErrorSignature::Absent),
    ] {
        let outcome = desk(vec![answer]).client.send(&query()).await;
        let Outcome::Rejected(error) = outcome else {
            panic!("not rejected: {outcome:?}");
        };
        assert!(error.is("ORDER_NOT_EXIST"));
        assert_eq!(error.signature, signature);
    }
    let mut forged = signed(404, body).unwrap();
    forged.body.push(b' ');
    let outcome = desk(vec![Ok(forged)]).client.send(&query()).await;
    let Outcome::Unknown(unknown) = outcome else {
        panic!("not unknown: {outcome:?}");
    };
    let why = UnknownReason::Unverified(VerificationError::BadSignature);
    assert_eq!(unknown.reason, why);
    assert_eq!(unknown.error.unwrap().signature, ErrorSignature::Invalid);
}

#[tokio::test]
async fn any_path_can_be_called() {
    let desk = desk(vec![
        signed(200, r#"{"a":[1]}"#),
        signed(204, ""),
        signed(200, "x"),
    ]);
    let target = || Target::parse("/v3/marketing/favor/stocks?offset=0").unwrap();
    let answer = desk
        .client
        .call(Request::get(target()))
        .await
        .done()
        .unwrap();
    assert_eq!(answer, serde_json::json!({"a": [1]}));
    let body = serde_json::json!({"b": 1});
    let empty = desk
        .client
        .call(Request::post_json(target(), &body))
        .await
        .done()
        .unwrap();
    assert_eq!(empty, Value::Null);
    let posted = &desk.script.asked()[1];
    assert_eq!(posted.body, br#"{"b":1}"#);
    assert!(
        posted
            .headers
            .contains(&("Content-Type".to_owned(), "application/json".to_owned()))
    );
    assert!(matches!(
        reason(desk.client.call(Request::get(target())).await),
        UnknownReason::Unparsable(_)
    ));
}

#[tokio::test]
async fn an_unknown_certificate_is_fetched_once_and_the_answer_then_verified() {
    let answer = Ok(signed_by(&c_signer(), 200, OPEN_ORDER));
    let desk = desk_with(
        KeyRing::new(),
        vec![answer.clone(), certificate_list(), answer],
    );
    assert!(desk.client.send(&query()).await.done().is_some());
    assert_eq!(desk.client.account().keys.serials(), [C_SERIAL]);
    assert!(desk.client.send(&query()).await.done().is_some());
    let targets: Vec<_> = desk
        .script
        .asked()
        .iter()
        .map(|r| r.target.clone())
        .collect();
    assert_eq!(
        (targets.len(), targets[1].as_str()),
        (3, "/v3/certificates")
    );
}

#[tokio::test]
async fn serials_nobody_can_know_do_not_double_every_call() {
    let probe = || Ok(signed_by(&a_signer("ABCDEF"), 200, OPEN_ORDER));
    let unknown = UnknownReason::Unverified(VerificationError::UnknownSerial("ABCDEF".to_owned()));
    let desk = desk_with(
        KeyRing::new(),
        vec![
            probe(),
            certificate_list(),
            probe(),
            probe(),
            certificate_list(),
        ],
    );
    for _ in 0..2 {
        assert_eq!(reason(desk.client.send(&query()).await), unknown);
    }
    assert_eq!(
        desk.script.asked().len(),
        3,
        "the second call does not fetch again"
    );
    desk.clock.advance(REFRESH_PAUSE);
    assert_eq!(reason(desk.client.send(&query()).await), unknown);
    assert_eq!(desk.script.asked().len(), 5);
}

#[tokio::test]
async fn nothing_is_fetched_for_public_keys_or_without_the_api_v3_key() {
    let answer = || Ok(signed_by(&a_signer("PUB_KEY_ID_9"), 200, OPEN_ORDER));
    let by_public_key = desk(vec![answer()]);
    assert!(matches!(
        reason(by_public_key.client.send(&query()).await),
        UnknownReason::Unverified(_)
    ));
    let mut without = desk(vec![Ok(signed_by(&c_signer(), 200, OPEN_ORDER))]);
    without.client.account.api_v3_key = None;
    assert!(matches!(
        reason(without.client.send(&query()).await),
        UnknownReason::Unverified(_)
    ));
    assert!(matches!(
        reason(without.client.refresh_certificates().await),
        UnknownReason::NotSent(_)
    ));
}

#[tokio::test]
async fn certificates_are_refreshed_by_the_clock() {
    let refused = r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#;
    let desk = desk(vec![
        certificate_list(),
        signed(404, refused),
        unsigned(200, r#"{"data":[]}"#),
        Err(TransportError::NoAnswer("reset".to_owned())),
    ]);
    assert_eq!(desk.client.refresh_certificates().await.done(), Some(1));
    assert_eq!(desk.client.account().keys.serials(), [C_SERIAL, PUBLIC_KEY]);
    let outcome = desk.client.refresh_certificates().await;
    let Outcome::Rejected(error) = outcome else {
        panic!("not rejected: {outcome:?}");
    };
    assert!(error.is("RESOURCE_NOT_EXISTS"));
    assert!(matches!(
        reason(desk.client.refresh_certificates().await),
        UnknownReason::Unverified(_)
    ));
    assert!(matches!(
        reason(desk.client.refresh_certificates().await),
        UnknownReason::NoAnswer(_)
    ));
}

#[tokio::test]
async fn concurrent_callers_share_one_refresh() {
    /// Answers by path, and lets others run before it answers.
    struct Slow(StdMutex<usize>);
    impl Transport for Slow {
        fn send<'a>(&'a self, request: &'a SignedRequest) -> BoxFuture<'a, Scripted> {
            Box::pin(async move {
                tokio::task::yield_now().await;
                if request.target == "/v3/certificates" {
                    *self.0.lock().unwrap() += 1;
                    return certificate_list();
                }
                Ok(signed_by(&c_signer(), 200, OPEN_ORDER))
            })
        }
    }
    let slow = Arc::new(Slow(StdMutex::new(0)));
    let mut desk = desk_with(KeyRing::new(), vec![]);
    desk.client.transport = slow.clone();
    let query = query();
    let calls = (0..8).map(|_| desk.client.send(&query));
    let outcomes = futures_util::future::join_all(calls).await;
    assert!(outcomes.into_iter().all(|outcome| outcome.done().is_some()));
    assert_eq!(*slow.0.lock().unwrap(), 1);
}

#[tokio::test]
async fn notifications_never_make_us_call_wechat() {
    // The script has no answers: any call would fail this test.
    let desk = desk(vec![]);
    let headers = signature_headers(&c_signer(), NOW, "n", b"{}");
    let opened = desk.client.open_notification(&headers, b"{}", NOW);
    let unknown = VerificationError::UnknownSerial(C_SERIAL.to_owned());
    assert_eq!(opened, Err(NotificationError::Unverified(unknown)));

    desk.client
        .account()
        .keys
        .insert_public_key(F_SERIAL, a_public());
    let headers = headers_of_f();
    assert!(
        desk.client
            .open_notification(&headers, F_BODY.as_bytes(), F_TIMESTAMP)
            .is_ok()
    );
    assert!(desk.script.asked().is_empty());
}

fn headers_of_f() -> Vec<(String, String)> {
    headers(&F_TIMESTAMP.to_string(), F_NONCE, F, F_SERIAL)
}

#[test]
fn request_payment_uses_clock_and_nonces() {
    let desk = desk(vec![]);
    let payment = desk.client.request_payment("wx1111222233334444", "wx1");
    assert_eq!(payment.time_stamp, NOW.to_string());
    assert_eq!(payment.nonce_str, "0123456789abcdef0123456789abcdef");
    let text = RequestPayment::text_to_sign(
        "wx1111222233334444",
        &payment.time_stamp,
        &payment.nonce_str,
        &payment.package,
    );
    let merchant = Certificate::from_pem(D_CERTIFICATE).unwrap();
    assert!(VerifyingKey::verify(
        merchant.public_key(),
        &text,
        &payment.pay_sign
    ));
}

/// Whether a payer who types the password is a state, a 202 or an error is UNCONFIRMED: all of them mean "ask".
#[tokio::test]
async fn a_payer_who_types_the_password_is_undecided_however_wechat_says_it() {
    let state = r#"{"mchid":"1900000001","appid":"wx1111222233334444","out_trade_no":"T20260105000001","trade_type":"MICROPAY","trade_state":"USERPAYING"}"#;
    let code = r#"{"code":"USERPAYING","message":"需要用户输入支付密码"}"#;
    for (status, body) in [
        (200, state),
        (202, state),
        (202, code),
        (400, code),
        (403, code),
    ] {
        let desk = desk(vec![signed(status, body)]);
        let Outcome::Unknown(unknown) = desk.client.send(&charge()).await else {
            panic!("{status} {body} is taken for an answer");
        };
        let undecided = UnknownReason::Unparsable("not decided yet: USERPAYING".to_owned());
        assert_eq!(unknown.reason, undecided);
        assert_eq!(unknown.request_id.as_deref(), Some("08AB-0"));
        let error = unknown.error.unwrap();
        assert!(error.is("USERPAYING"));
        assert_eq!(
            (error.status, error.signature),
            (status, ErrorSignature::Verified)
        );
        assert_eq!(desk.script.asked().len(), 1, "a charge is sent once");
    }
    for (status, body) in [(200, state), (202, code)] {
        let desk = desk(vec![unsigned(status, body)]);
        let why = reason(desk.client.send(&charge()).await);
        assert!(matches!(why, UnknownReason::Unverified(_)), "{why:?}");
    }
}

fn charge() -> CodePay {
    CodePay {
        appid: Appid::parse("wx1111222233334444").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        description: Description::parse("tea").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        attach: None,
        total: fen::Fen::new(1990),
        auth_code: AuthCode::parse("134567890123456789").unwrap(),
        store: Store::Own(StoreId::parse("1").unwrap()),
        device_id: None,
        device_ip: None,
    }
}

#[test]
fn payments_in_apps_and_pages_use_clock_and_nonces() {
    let desk = desk(vec![]);
    let payment = desk.client.app_payment("wx1111222233334444", "wx1");
    assert_eq!(payment.partner_id, "1900000001");
    assert_eq!(payment.timestamp, NOW.to_string());
    let text = AppPayment::text_to_sign(
        "wx1111222233334444",
        &payment.timestamp,
        "0123456789abcdef0123456789abcdef",
        "wx1",
    );
    let merchant = Certificate::from_pem(D_CERTIFICATE).unwrap();
    assert!(VerifyingKey::verify(
        merchant.public_key(),
        &text,
        &payment.sign
    ));
    let bridge = desk.client.bridge_payment("wx1111222233334444", "wx1");
    assert_eq!(bridge.app_id, "wx1111222233334444");
    assert_eq!(
        bridge.parameters,
        desk.client.request_payment("wx1111222233334444", "wx1")
    );
}

#[test]
fn nonces_are_32_characters_and_fresh() {
    let (one, two) = (random_nonce(), random_nonce());
    assert_eq!(one.len(), 32);
    assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    assert_ne!(one, two);
}

#[test]
fn secrets_of_the_account_are_not_printed() {
    let shown = format!("{:?}", desk(vec![]).client);
    assert!(shown.contains("1900000001") && shown.contains("***"));
    assert!(!shown.contains(D_API_V3_KEY));
}
