//! What an outcome of the SDK means to core. The only place that knows WeChat's error codes.

use shouyin_core::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use wechatpay::v3;

use crate::breaker::Heard;

/// WeChat's codes that mean more than "no". Compared without underscores: older pages spell them without.
/// Source: WeChat Pay APIv3, "error codes" of order, query, close and refund; 404 in all spellings. The older protocol spells
/// the same codes without underscores and has two of its own (WeChat Pay v2, "error codes" of refund and refund query).
/// Payment codes: WeChat Pay v2, "error codes" of micropay and reverse; APIv3 publishes no list of its own for them.
const KINDS: [(&str, RefusalKind); 18] = [
    ("ORDER_PAID", RefusalKind::OrderPaid),
    ("ORDER_CLOSED", RefusalKind::OrderClosed),
    ("ORDER_NOT_EXIST", RefusalKind::OrderNotExist),
    ("RESOURCE_NOT_EXISTS", RefusalKind::OrderNotExist),
    ("OUT_TRADE_NO_USED", RefusalKind::NumberUsed),
    ("NOT_ENOUGH", RefusalKind::NotEnough),
    ("FREQUENCY_LIMITED", RefusalKind::RateLimited),
    ("RATELIMIT_EXCEEDED", RefusalKind::RateLimited),
    ("REFUNDNOTEXIST", RefusalKind::OrderNotExist),
    ("INVALID_REQ_TOO_MUCH", RefusalKind::RateLimited),
    ("ORDER_REVERSED", RefusalKind::OrderClosed),
    ("AUTH_CODE_EXPIRE", RefusalKind::CodeRefused),
    ("AUTH_CODE_INVALID", RefusalKind::CodeRefused),
    ("AUTH_CODE_ERROR", RefusalKind::CodeRefused),
    // The spelling is WeChat's.
    ("NOTSUPORTCARD", RefusalKind::CodeRefused),
    ("RULE_LIMIT", RefusalKind::CodeRefused),
    ("BUYER_MISMATCH", RefusalKind::CodeRefused),
    ("REVERSE_EXPIRE", RefusalKind::TooLateToReverse),
];

fn refusal(error: v3::ApiError) -> Refusal {
    let kind = if error.status == 429 {
        RefusalKind::RateLimited
    } else {
        KINDS
            .iter()
            .find(|(code, _)| error.is(code))
            .map_or(RefusalKind::Other, |(_, kind)| *kind)
    };
    let verified = error.signature == v3::ErrorSignature::Verified;
    Refusal {
        kind,
        code: error.code,
        message: error.message,
        request_id: error.request_id,
        verified,
    }
}

/// Translates, with `read` for the answer of a success. An answer that cannot be read proves nothing.
pub(crate) fn outcome<W, T>(
    outcome: v3::Outcome<W>,
    read: impl FnOnce(W) -> Result<T, String>,
) -> Outcome<T> {
    match outcome {
        v3::Outcome::Done(answer) => match read(answer) {
            Ok(value) => Outcome::Succeeded(value),
            Err(reason) => Outcome::Unknown(Doubt {
                reason,
                code: None,
                request_id: None,
                not_sent: false,
            }),
        },
        v3::Outcome::Rejected(error) => Outcome::Rejected(refusal(error)),
        v3::Outcome::Unknown(unknown) => unproven(unknown),
    }
}

fn unproven<T>(unknown: v3::Unknown) -> Outcome<T> {
    let reason = unknown.to_string();
    match (unknown.reason, unknown.error) {
        // For refunds the documentation leaves open whether a limited call was taken. Everything is repeated under the
        // same number, so this only decides how long we wait.
        (v3::UnknownReason::RateLimited, Some(error)) => Outcome::Blocked(refusal(error)),
        (why, error) => Outcome::Unknown(Doubt {
            reason,
            code: error
                .map(|error| error.code)
                .filter(|code| !code.is_empty()),
            request_id: unknown.request_id,
            not_sent: matches!(why, v3::UnknownReason::NotSent(_)),
        }),
    }
}

/// What the circuit breaker learns from a call.
pub(crate) fn heard<W>(outcome: &v3::Outcome<W>) -> Heard {
    let signed = |error: Option<&v3::ApiError>| match error.map(|error| error.signature) {
        Some(v3::ErrorSignature::Verified) => Heard::Answer,
        Some(v3::ErrorSignature::Absent | v3::ErrorSignature::Invalid) | None => Heard::Noise,
    };
    match outcome {
        v3::Outcome::Done(_) => Heard::Answer,
        v3::Outcome::Rejected(error) => signed(Some(error)),
        v3::Outcome::Unknown(unknown) => match unknown.reason {
            v3::UnknownReason::NotSent(_)
            | v3::UnknownReason::NoAnswer(_)
            | v3::UnknownReason::ServerError => Heard::Nothing,
            v3::UnknownReason::Unparsable(_) => Heard::Answer,
            v3::UnknownReason::RateLimited | v3::UnknownReason::UnknownCode => {
                signed(unknown.error.as_ref())
            }
            v3::UnknownReason::Unverified(_) => Heard::Noise,
        },
    }
}

/// Whether WeChat counts this call as an erroneous one.
pub(crate) fn was_refused<W>(outcome: &v3::Outcome<W>) -> bool {
    match outcome {
        v3::Outcome::Done(_) => false,
        v3::Outcome::Rejected(_) => true,
        v3::Outcome::Unknown(unknown) => match unknown.reason {
            v3::UnknownReason::RateLimited | v3::UnknownReason::UnknownCode => true,
            v3::UnknownReason::NotSent(_)
            | v3::UnknownReason::NoAnswer(_)
            | v3::UnknownReason::ServerError
            | v3::UnknownReason::Unverified(_)
            | v3::UnknownReason::Unparsable(_) => false,
        },
    }
}

#[cfg(test)]
mod tests;
