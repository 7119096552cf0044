//! Every switch, played for this protocol. What each does for APIv3 is in `request/tests.rs`, `notice/tests.rs`, `refund/tests.rs`,
//! `bill/tests.rs`.

mod answers;
mod bills;
mod notifications;
mod refunds;
mod requests;

use std::collections::BTreeSet;

use super::*;

const NUMBER: &str = "ORDER-000001";

fn by_number() -> Fields {
    Fields::new().with("out_trade_no", NUMBER)
}

impl V2 {
    /// A query, its answer as it came.
    fn query(&mut self) -> Option<RawResponse> {
        let body = self.signed(by_number()).to_xml();
        self.post("/pay/orderquery", body)
    }

    /// Whether WeChat's books have the order.
    fn exists(&self) -> bool {
        self.shop.wechat.order(MCHID, NUMBER).is_some()
    }
}

macro_rules! tests_of_switches {
    ($($kind:ident => $test:path),* $(,)?) => {
        const ALL: &[FaultKind] = &[$(FaultKind::$kind),*];

        /// A new switch makes the compiler ask for its test.
        fn test_of(kind: FaultKind) -> (&'static str, fn()) {
            match kind {
                $(FaultKind::$kind => (stringify!($test), $test)),*
            }
        }
    };
}

tests_of_switches! {
    RequestLost => requests::request_lost,
    AnswerLost => requests::answer_lost,
    ConnectionReset => requests::connection_reset,
    ConnectionResetAfter => requests::connection_reset_after,
    RateLimited => requests::rate_limited,
    SystemError => requests::system_error,
    SystemErrorAfter => requests::system_error_after,
    ServiceUnavailable => requests::service_unavailable,
    Error => requests::error,
    SlowAnswer => answers::slow_answer,
    AnswerHeld => answers::answer_held,
    WrongResponseSignature => answers::wrong_response_signature,
    UnsignedResponse => answers::unsigned_response,
    SigntestResponse => answers::signtest_response,
    UnknownSerialResponse => answers::unknown_serial_response,
    StaleResponse => answers::stale_response,
    TruncatedBody => answers::truncated_body,
    KeySwitch => answers::key_switch,
    NotificationLost => notifications::notification_lost,
    NotificationDelayed => notifications::notification_delayed,
    NotificationDuplicated => notifications::notification_duplicated,
    NotificationForged => notifications::notification_forged,
    NotificationSigntest => notifications::notification_signtest,
    NotificationUnknownSerial => notifications::notification_unknown_serial,
    NotificationStale => notifications::notification_stale,
    NotificationTampered => notifications::notification_tampered,
    NotificationReordered => notifications::notification_reordered,
    RefundAbnormal => refunds::refund_abnormal,
    RefundClosed => refunds::refund_closed,
    RefundSlow => refunds::refund_slow,
    BillNotReady => bills::bill_not_ready,
    BillNone => bills::bill_none,
    BillWrongDigest => bills::bill_wrong_digest,
    BillLegacyColumns => bills::bill_legacy_columns,
    BillExtraColumn => bills::bill_extra_column,
    BillMissingLine => bills::bill_missing_line,
    BillLateLine => bills::bill_late_line,
    BillOtherAmount => bills::bill_other_amount,
    BillExtraLine => bills::bill_extra_line,
    BillForeignLine => bills::bill_foreign_line,
}

#[test]
fn every_switch_has_a_test_of_its_own() {
    for kind in ALL {
        let (path, _) = test_of(*kind);
        let test = path.rsplit(' ').next().unwrap().rsplit("::").next();
        assert_eq!(test, Some(kind.name().as_str()), "{path}");
    }
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
    let answer = v2.query().unwrap();
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
