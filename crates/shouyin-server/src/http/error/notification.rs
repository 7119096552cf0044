//! What WeChat is told about a notification that gets no 2xx.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use shouyin_core::notification::{NoticeRefused, NotificationError};
use shouyin_wechat::Protocol;
use wechatpay::v2;

use super::Problem;

/// The answer to a notification that gets no 2xx, in the form WeChat asks for
/// (WeChat Pay APIv3, "payment notification": `message` has at most 64 characters; WeChat Pay v2: a document that says FAIL).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotificationFailure {
    status: StatusCode,
    message: &'static str,
}

impl NotificationFailure {
    /// The HTTP status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The body of the answer.
    pub(crate) fn body(&self, protocol: Protocol) -> String {
        match protocol {
            // None of our messages has a character that JSON escapes.
            Protocol::V3 => format!(r#"{{"code":"FAIL","message":"{}"}}"#, self.message),
            Protocol::V2 => v2::notification::refused(self.message),
        }
    }

    /// The type of that body.
    pub(crate) const fn content_type(&self, protocol: Protocol) -> &'static str {
        match protocol {
            Protocol::V3 => "application/json",
            Protocol::V2 => "text/xml",
        }
    }

    /// It could not be received.
    pub(crate) fn not_received(problem: &Problem) -> Self {
        Self {
            status: problem.code.status(),
            message: problem.code.title(),
        }
    }

    /// Genuine, but it contradicts our record.
    pub(crate) const fn contradiction() -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            message: "does not match the order of this merchant",
        }
    }

    /// Genuine, but something else must be known first.
    pub(crate) const fn too_early() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            message: "its payment is not known yet, come again",
        }
    }

    /// No such merchant here.
    pub(crate) const fn unknown_merchant() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: "no such merchant here",
        }
    }
}

impl From<&NotificationError> for NotificationFailure {
    fn from(error: &NotificationError) -> Self {
        // Not more than needed: whoever forges notifications shall not learn from the answer how far they came.
        let (status, message) = match error {
            NotificationError::Refused(NoticeRefused::UnknownMerchant) => {
                return Self::unknown_merchant();
            }
            NotificationError::Refused(
                NoticeRefused::Probe | NoticeRefused::NotVerified(_) | NoticeRefused::Stale(_),
            ) => (StatusCode::UNAUTHORIZED, "signature not accepted"),
            NotificationError::Refused(NoticeRefused::Unreadable(_)) => {
                (StatusCode::BAD_REQUEST, "content cannot be read")
            }
            NotificationError::Store(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "not stored, come again")
            }
        };
        Self { status, message }
    }
}

/// Before anything of the body was seen.
impl IntoResponse for NotificationFailure {
    fn into_response(self) -> Response {
        let protocol = Protocol::V3;
        let content_type = [(header::CONTENT_TYPE, self.content_type(protocol))];
        (self.status, content_type, self.body(protocol)).into_response()
    }
}

#[cfg(test)]
mod tests {
    use shouyin_core::ports::StoreError;

    use super::*;

    #[test]
    fn messages_are_short_json_and_never_a_success() {
        let failed = |error| NotificationFailure::from(&error);
        for failure in [
            NotificationFailure::contradiction(),
            NotificationFailure::too_early(),
            NotificationFailure::unknown_merchant(),
            failed(NotificationError::Refused(NoticeRefused::Probe)),
            failed(NotificationError::Refused(NoticeRefused::Unreadable(
                "\"".into(),
            ))),
            failed(NotificationError::Store(StoreError::Unavailable(
                "disk".into(),
            ))),
        ] {
            assert!(failure.status.is_client_error() || failure.status.is_server_error());
            let body: serde_json::Value =
                serde_json::from_str(&failure.body(Protocol::V3)).unwrap();
            let message = body["message"].as_str().unwrap();
            assert!(
                message.chars().count() <= 64 && !message.contains("disk"),
                "{message}"
            );
            let document = v2::Fields::parse(failure.body(Protocol::V2).as_bytes()).unwrap();
            assert_eq!(document.get("return_code"), Some("FAIL"));
            assert_eq!(
                document.get("return_msg").unwrap().replace(' ', ""),
                message.replace([' ', ','], "")
            );
        }
    }
}
