//! Calls that are not even tried: WeChat could only refuse them, or they cannot be written down.

use shouyin_core::id::{Mchid, Route};
use shouyin_core::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use shouyin_core::ports::NotConfigured;
use wechatpay::text::TextError;
use wechatpay::v3::EncryptionError;

use crate::limits::Call;

/// What is said of a merchant whose number is not in the configuration.
pub(crate) fn no_merchant(mchid: &Mchid) -> NotConfigured {
    NotConfigured(format!("merchant {mchid} is not configured on this server"))
}

/// What is said of an order whose protocol was taken out of the configuration.
pub(crate) fn no_protocol(mchid: &Mchid, route: &Route) -> NotConfigured {
    NotConfigured(format!(
        "merchant {mchid} has an order that was placed by {route}, which is not configured any more: set protocol to a value that still accepts {route}"
    ))
}

/// The outcome of a call that nothing is configured for.
pub(crate) fn not_configured<T>(why: &NotConfigured, call: Call) -> Outcome<T> {
    let message = why.to_string();
    match call {
        // A refund is a promise, and a bill is asked for again: a line that is missing in a configuration must not end it for good.
        Call::Refund | Call::Bill => Outcome::Unknown(Doubt {
            reason: message,
            code: None,
            request_id: None,
            not_sent: true,
        }),
        Call::Prepay | Call::Charge | Call::Query | Call::Close | Call::RefundQuery => Unsendable {
            code: "NOT_CONFIGURED",
            message,
        }
        .into(),
    }
}

/// There is no such call in the older protocol.
pub(crate) fn only_in_v3(mchid: &Mchid) -> Unsendable {
    Unsendable {
        code: "NOT_SUPPORTED",
        message: format!(
            "the older protocol has no call for this, and merchant {mchid} has no APIv3 here: use WeChat's merchant console, or move to APIv3"
        ),
    }
}

/// Why a call is not tried.
pub(crate) struct Unsendable {
    code: &'static str,
    message: String,
}

impl Unsendable {
    /// A setting is missing.
    pub(crate) fn setting(problem: &str) -> Self {
        Self {
            code: "NOT_CONFIGURED",
            message: problem.to_owned(),
        }
    }

    /// Core asked for what cannot be: a bug of ours, told instead of sent.
    pub(crate) fn impossible(problem: &str) -> Self {
        Self {
            code: "PARAM_ERROR",
            message: problem.to_owned(),
        }
    }
}

impl From<TextError> for Unsendable {
    fn from(error: TextError) -> Self {
        Self {
            code: "PARAM_ERROR",
            message: error.to_string(),
        }
    }
}

impl From<EncryptionError> for Unsendable {
    fn from(error: EncryptionError) -> Self {
        Self {
            code: match error {
                EncryptionError::NoKey => "NO_ENCRYPTION_KEY",
                EncryptionError::Empty { .. } | EncryptionError::Refused { .. } => "PARAM_ERROR",
            },
            message: error.to_string(),
        }
    }
}

impl<T> From<Unsendable> for Outcome<T> {
    fn from(why: Unsendable) -> Self {
        // Ours, so there is no signature to check: it proves that nothing was sent.
        Outcome::Rejected(Refusal {
            kind: RefusalKind::Other,
            code: why.code.into(),
            message: why.message,
            request_id: None,
            verified: true,
        })
    }
}
