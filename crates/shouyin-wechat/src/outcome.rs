//! What an outcome of the SDK means to core. The only place that knows WeChat's error codes.

use shouyin_core::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use wechatpay::v3;

/// WeChat's codes that mean more than "no". Compared without underscores: older pages spell them without.
/// Source: WeChat Pay APIv3, "error codes" of order, query and close; 404 in all spellings.
const KINDS: [(&str, RefusalKind); 7] = [
    ("ORDER_PAID", RefusalKind::OrderPaid),
    ("ORDER_CLOSED", RefusalKind::OrderClosed),
    ("ORDER_NOT_EXIST", RefusalKind::OrderNotExist),
    ("RESOURCE_NOT_EXISTS", RefusalKind::OrderNotExist),
    ("OUT_TRADE_NO_USED", RefusalKind::NumberUsed),
    ("FREQUENCY_LIMITED", RefusalKind::RateLimited),
    ("RATELIMIT_EXCEEDED", RefusalKind::RateLimited),
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
        // The documentation leaves open whether a limited call was taken only for refunds; orders are repeated under
        // the same number in any case, so this only decides how long we wait.
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

#[cfg(test)]
mod tests {
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
}
