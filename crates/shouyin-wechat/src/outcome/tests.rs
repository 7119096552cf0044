use super::*;

fn rejected(status: u16, code: &str) -> RefusalKind {
    let error = v3::ApiError {
        status,
        code: code.into(),
        message: "..".into(),
        detail: None,
        request_id: Some("08F5-0".into()),
        signature: v3::ErrorSignature::Verified,
    };
    let read = outcome(v3::Outcome::<()>::Rejected(error), Ok);
    let Outcome::Rejected(refusal) = read else {
        panic!("{read:?}")
    };
    refusal.kind
}

#[test]
fn codes_are_understood_in_both_spellings() {
    assert_eq!(rejected(400, "ORDERPAID"), RefusalKind::OrderPaid);
    assert_eq!(rejected(400, "ORDER_PAID"), RefusalKind::OrderPaid);
    assert_eq!(rejected(404, "ORDERNOTEXIST"), RefusalKind::OrderNotExist);
    assert_eq!(rejected(403, "OUT_TRADE_NO_USED"), RefusalKind::NumberUsed);
    assert_eq!(rejected(400, "PARAM_ERROR"), RefusalKind::Other);
    assert_eq!(rejected(403, "NOT_ENOUGH"), RefusalKind::NotEnough);
    assert_eq!(rejected(403, "NOTENOUGH"), RefusalKind::NotEnough);
    assert_eq!(rejected(403, "USER_ACCOUNT_ABNORMAL"), RefusalKind::Other);
}

#[test]
fn an_answer_that_cannot_be_read_proves_nothing() {
    let read: Outcome<()> = outcome(v3::Outcome::Done(1), |_| Err("no prepay_id".into()));
    assert!(matches!(
        read,
        Outcome::Unknown(Doubt {
            not_sent: false,
            ..
        })
    ));
}

#[test]
fn a_request_that_never_left_is_told_apart() {
    let unknown = v3::Unknown::because(v3::UnknownReason::NotSent("connection refused".into()));
    let read: Outcome<()> = outcome(v3::Outcome::<()>::Unknown(unknown), Ok);
    assert!(matches!(
        read,
        Outcome::Unknown(Doubt { not_sent: true, .. })
    ));
}

fn error(status: u16, signature: v3::ErrorSignature) -> v3::ApiError {
    v3::ApiError {
        status,
        code: "ANY".into(),
        message: "..".into(),
        detail: None,
        request_id: None,
        signature,
    }
}

fn unknown(reason: v3::UnknownReason, error: Option<v3::ApiError>) -> v3::Outcome<()> {
    v3::Outcome::Unknown(v3::Unknown {
        error,
        ..v3::Unknown::because(reason)
    })
}

/// Each thing that can come back of a call: what the breaker learns of it, and whether WeChat counts it as erroneous.
#[test]
fn what_came_back_is_judged_for_the_breaker_and_the_limits() {
    use v3::ErrorSignature::{Absent, Verified};
    use v3::UnknownReason as Why;
    let text = || "..".to_owned();
    let forged = v3::VerificationError::BadSignature;
    let cases = [
        (v3::Outcome::Done(()), Heard::Answer, false),
        (
            v3::Outcome::Rejected(error(400, Verified)),
            Heard::Answer,
            true,
        ),
        (
            v3::Outcome::Rejected(error(401, Absent)),
            Heard::Noise,
            true,
        ),
        (unknown(Why::NotSent(text()), None), Heard::Nothing, false),
        (unknown(Why::NoAnswer(text()), None), Heard::Nothing, false),
        (
            unknown(Why::ServerError, Some(error(500, Verified))),
            Heard::Nothing,
            false,
        ),
        (
            unknown(Why::RateLimited, Some(error(429, Verified))),
            Heard::Answer,
            true,
        ),
        (
            unknown(Why::RateLimited, Some(error(429, Absent))),
            Heard::Noise,
            true,
        ),
        (
            unknown(Why::UnknownCode, Some(error(418, Absent))),
            Heard::Noise,
            true,
        ),
        (unknown(Why::Unparsable(text()), None), Heard::Answer, false),
        (unknown(Why::Unverified(forged), None), Heard::Noise, false),
    ];
    for (came_back, learnt, refused) in cases {
        assert_eq!(heard(&came_back), learnt, "{came_back:?}");
        assert_eq!(was_refused(&came_back), refused, "{came_back:?}");
    }
}

#[test]
fn a_limited_call_is_blocked_and_keeps_its_words() {
    let limited = error(429, v3::ErrorSignature::Verified);
    let read: Outcome<()> = outcome(unknown(v3::UnknownReason::RateLimited, Some(limited)), Ok);
    let Outcome::Blocked(refusal) = read else {
        panic!("{read:?}")
    };
    assert_eq!(refusal.kind, RefusalKind::RateLimited);
    assert!(refusal.verified);
}
