use super::*;
use serde_json::json;

fn answer(status: u16, body: &str) -> RawResponse {
    RawResponse {
        status,
        headers: vec![("request-id".to_owned(), "08AB-268443699".to_owned())],
        body: body.as_bytes().to_vec(),
    }
}

fn unsigned(status: u16, body: &str) -> Outcome<()> {
    judge(
        &answer(status, body),
        Err(VerificationError::MissingHeader("Wechatpay-Timestamp")),
    )
}

fn coded(status: u16, code: &str) -> Outcome<()> {
    unsigned(
        status,
        &json!({"code": code, "message": "文字"}).to_string(),
    )
}

fn rejected(outcome: Outcome<()>) -> ApiError {
    let Outcome::Rejected(error) = outcome else {
        panic!("not rejected: {outcome:?}");
    };
    error
}

fn unknown(outcome: Outcome<()>) -> Unknown {
    let Outcome::Unknown(unknown) = outcome else {
        panic!("not unknown: {outcome:?}");
    };
    unknown
}

#[test]
fn documented_refusals_are_definite_in_both_spellings() {
    for code in DEFINITE {
        for status in [400, 401, 403, 404] {
            let spelled = rejected(coded(status, code));
            assert!(spelled.is(code));
            let old = rejected(coded(status, &code.replace('_', "")));
            assert!(old.is(code));
            assert_eq!(old.status, status);
        }
    }
}

#[test]
fn a_payer_who_types_the_password_is_neither_refused_nor_a_failure_of_wechat() {
    for status in [400, 403, 404, 500] {
        for code in ["USERPAYING", "USER_PAYING"] {
            let unknown = unknown(coded(status, code));
            assert!(matches!(unknown.reason, UnknownReason::Unparsable(_)));
            assert!(unknown.to_string().contains("not decided yet"));
            assert_eq!(unknown.error.unwrap().code, code);
        }
    }
    let limited = unknown(coded(429, "USERPAYING"));
    assert_eq!(limited.reason, UnknownReason::RateLimited);
}

/// Found by the fuzz target `answers`: the exception is for 500, and a limit stays a limit.
#[test]
fn codes_that_are_definite_despite_a_5xx_are_not_definite_whatever_the_status() {
    for code in DEFINITE_DESPITE_5XX {
        rejected(coded(500, code));
        rejected(coded(400, code));
        assert_eq!(unknown(coded(429, code)).reason, UnknownReason::RateLimited);
        assert_eq!(unknown(coded(302, code)).reason, UnknownReason::UnknownCode);
    }
}

#[test]
fn failures_and_limits_are_unknown_whatever_the_status() {
    for (status, code, reason) in [
        (500, "SYSTEM_ERROR", UnknownReason::ServerError),
        (400, "SYSTEMERROR", UnknownReason::ServerError),
        (500, "BANK_ERROR", UnknownReason::ServerError),
        (500, "BIZ_ERR_NEED_RETRY", UnknownReason::ServerError),
        (502, "", UnknownReason::ServerError),
        (503, "SERVICE_UNAVAILABLE", UnknownReason::ServerError),
        (500, "PARAM_ERROR", UnknownReason::ServerError),
        (429, "FREQUENCY_LIMITED", UnknownReason::RateLimited),
        (429, "PARAM_ERROR", UnknownReason::RateLimited),
        (403, "RATELIMIT_EXCEEDED", UnknownReason::RateLimited),
        (400, "FREQUENCY_LIMIT_EXCEED", UnknownReason::RateLimited),
        (400, "NEVER_HEARD_OF", UnknownReason::UnknownCode),
        (404, "", UnknownReason::UnknownCode),
        (401, "", UnknownReason::UnknownCode),
        (302, "PARAM_ERROR", UnknownReason::UnknownCode),
    ] {
        let unknown = unknown(coded(status, code));
        assert_eq!(unknown.reason, reason, "{status} {code}");
        assert_eq!(unknown.error.unwrap().code, code);
        assert_eq!(unknown.request_id.as_deref(), Some("08AB-268443699"));
    }
}

#[test]
fn two_codes_are_definite_despite_status_500() {
    for code in ["OPENID_MISMATCH", "INVALID_TRANSACTIONID"] {
        assert!(rejected(coded(500, code)).is(code));
        assert!(rejected(coded(400, code)).is(code));
    }
}

#[test]
fn gateway_pages_prove_nothing() {
    for body in [
        "",
        "<html>502</html>",
        "null",
        "[]",
        "{\"code\":5}",
        "\u{feff}",
    ] {
        let unknown = unknown(unsigned(502, body));
        assert_eq!(unknown.reason, UnknownReason::ServerError, "{body}");
        assert_eq!(unknown.error.unwrap().code, "");
    }
}

#[test]
fn everything_wechat_says_is_kept() {
    let body = r#"{"code":"sign_error","message":"签名错误","detail":{"detail":{"issue":"sign not match"},"field":"signature","location":"authorization","sign_information":{"method":"GET","url":"/v3/certificates","truncated_sign_message":"GET\n/v3/certificates\n1554208460\nN\n\n","sign_message_length":66}}}"#;
    let error = rejected(unsigned(401, body));
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("SIGN_ERROR", "签名错误")
    );
    assert_eq!(error.signature, ErrorSignature::Absent);
    assert_eq!(error.request_id.as_deref(), Some("08AB-268443699"));
    let seen_by_wechat = error.sign_information().unwrap();
    assert_eq!(seen_by_wechat["sign_message_length"], 66);
    assert_eq!(error.detail.as_ref().unwrap()["field"], "signature");
    assert_eq!(
        error.to_string(),
        "401 SIGN_ERROR: 签名错误 [request id 08AB-268443699]"
    );
}

#[test]
fn a_signed_error_with_a_wrong_signature_proves_nothing() {
    let mut response = answer(400, r#"{"code":"ORDER_CLOSED","message":""}"#);
    response
        .headers
        .push(("Wechatpay-Serial".to_owned(), "X".to_owned()));
    let why = VerificationError::BadSignature;
    let unknown = unknown(judge(&response, Err(why.clone())));
    assert_eq!(unknown.reason, UnknownReason::Unverified(why));
    assert_eq!(unknown.error.unwrap().signature, ErrorSignature::Invalid);
}
