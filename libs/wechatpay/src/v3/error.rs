//! Error answers: reading them, and telling a definite "no" from "nobody knows".

use std::fmt;

use serde_json::Value;

use super::outcome::{Outcome, Unknown, UnknownReason};
use super::request::RawResponse;
use super::verify::{SignatureHeaders, VerificationError, Verified};

/// An error answer of WeChat.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// WeChat's code in upper case, for example `PARAM_ERROR`. Empty when the answer had none. Compare with
    /// [`ApiError::is`]: WeChat spells codes with and without underscores.
    pub code: String,
    /// Text for people, usually Chinese. Never to be parsed.
    pub message: String,
    /// What else WeChat said.
    pub detail: Option<Value>,
    /// WeChat's tracing id.
    pub request_id: Option<String>,
    /// Whether the error is proven to come from WeChat Pay.
    pub signature: ErrorSignature,
}

/// Whether an error answer is proven to come from WeChat Pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorSignature {
    /// It was signed, and the signature is right.
    Verified,
    /// It was not signed, as is every answer given before authentication succeeded.
    Absent,
    /// It was signed, and the signature could not be verified.
    Invalid,
}

impl ApiError {
    /// Whether this is the code, whichever way it is spelled: `ORDERPAID` is `ORDER_PAID`.
    pub fn is(&self, code: &str) -> bool {
        spelled_alike(&self.code, code)
    }

    /// For `SIGN_ERROR`: what WeChat verified the signature against (`method`, `url`, `truncated_sign_message`,
    /// `sign_message_length`). To be compared with one's own text.
    pub fn sign_information(&self) -> Option<&Value> {
        self.detail.as_ref()?.get("sign_information")
    }
}

fn spelled_alike(left: &str, right: &str) -> bool {
    let letters = |text| {
        let letters = str::bytes(text).filter(|byte| *byte != b'_');
        letters.map(|byte| byte.to_ascii_uppercase())
    };
    letters(left).eq(letters(right))
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)?;
        if let Some(request_id) = &self.request_id {
            write!(f, " [request id {request_id}]")?;
        }
        Ok(())
    }
}

/// Codes that mean "this request changed nothing" when they come with a 4xx status (WeChat Pay APIv3 documentation,
/// common error codes and those of orders, refunds and bills).
const DEFINITE: &[&str] = &[
    "PARAM_ERROR",
    "INVALID_REQUEST",
    "APPID_MCHID_NOT_MATCH",
    "MCH_NOT_EXISTS",
    "ORDER_CLOSED",
    "ORDER_PAID",
    "ORDER_REVERSED",
    "AUTH_CODE_INVALID",
    "AUTH_CODE_EXPIRE",
    "ALREADY_EXISTS",
    "RESOURCE_ALREADY_EXISTS",
    "NO_STATEMENT_EXIST",
    "STATEMENT_CREATING",
    "SIGN_ERROR",
    "NO_AUTH",
    "OUT_TRADE_NO_USED",
    "TRADE_ERROR",
    "RULE_LIMIT",
    "NOT_ENOUGH",
    "ACCOUNT_ERROR",
    "USER_ACCOUNT_ABNORMAL",
    "REQUEST_BLOCKED",
    "ORDER_NOT_EXIST",
    "RESOURCE_NOT_EXISTS",
    "USER_NOT_EXIST",
    "USER_NOT_EXISTS",
    "NOT_FOUND",
    "REFUND_NOT_EXISTS",
    "OPENID_MISMATCH",
    "INVALID_TRANSACTIONID",
];

/// Definite although WeChat sends them with status 500.
const DEFINITE_DESPITE_5XX: &[&str] = &["OPENID_MISMATCH", "INVALID_TRANSACTIONID"];

const RATE_LIMITED: &[&str] = &[
    "FREQUENCY_LIMITED",
    "FREQUENCY_LIMIT_EXCEED",
    "RATELIMIT_EXCEEDED",
];

const SERVER_ERROR: &[&str] = &[
    "SYSTEM_ERROR",
    "ERROR",
    "BANK_ERROR",
    "BIZ_ERR_NEED_RETRY",
    "SERVICE_UNAVAILABLE",
];

/// The payer of an order by payment code is typing the password. Whether WeChat says so with this code or as the state
/// of a 200 answer is UNCONFIRMED.
const UNDECIDED: &[&str] = &["USERPAYING"];

/// What a non-2xx answer proves. Code first, then status; what is on no list proves nothing.
pub(crate) fn judge<T>(
    response: &RawResponse,
    verification: Result<Verified, VerificationError>,
) -> Outcome<T> {
    let (signature, refusal) = match verification {
        Ok(_) => (ErrorSignature::Verified, None),
        Err(_) if !SignatureHeaders::any(&response.headers) => (ErrorSignature::Absent, None),
        Err(why) => (ErrorSignature::Invalid, Some(why)),
    };
    let error = read(response, signature);
    let reason = match refusal {
        Some(why) => UnknownReason::Unverified(why),
        None if is_undecided(&error) => return Outcome::Unknown(Unknown::undecided(error)),
        None => match reason(&error) {
            Some(reason) => reason,
            None => return Outcome::Rejected(error),
        },
    };
    Outcome::Unknown(Unknown {
        reason,
        request_id: error.request_id.clone(),
        error: Some(error),
    })
}

/// A limit stays a limit, whatever the code beside it.
fn is_undecided(error: &ApiError) -> bool {
    error.status >= 400 && error.status != 429 && UNDECIDED.iter().any(|code| error.is(code))
}

/// Why this error proves nothing; `None` when it is a definite one.
fn reason(error: &ApiError) -> Option<UnknownReason> {
    let among = |codes: &[&str]| codes.iter().any(|code| error.is(code));
    if error.status == 429 || among(RATE_LIMITED) {
        return Some(UnknownReason::RateLimited);
    }
    if error.status >= 400 && among(DEFINITE_DESPITE_5XX) {
        return None;
    }
    if error.status >= 500 || among(SERVER_ERROR) {
        return Some(UnknownReason::ServerError);
    }
    let definite = (400..500).contains(&error.status) && among(DEFINITE);
    (!definite).then_some(UnknownReason::UnknownCode)
}

/// Reads the error body. Gateways in front of WeChat answer with an empty body or a page: then code and message stay
/// empty.
fn read(response: &RawResponse, signature: ErrorSignature) -> ApiError {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    ApiError {
        status: response.status,
        code: text("code").to_ascii_uppercase(),
        message: text("message").to_owned(),
        detail: body
            .get("detail")
            .filter(|detail| !detail.is_null())
            .cloned(),
        request_id: response.request_id(),
        signature,
    }
}

#[cfg(test)]
mod tests;
