//! Problems: what a caller is told when something does not work (RFC 9457). The only place that knows status codes.
//!
//! Every problem has a stable `code` for programs and a `detail` that says what to do next. Internal text goes to the log
//! and never to the caller.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use shouyin_core::notification::{NoticeRefused, NotificationError};
use shouyin_core::payment::service::ServiceError;
use shouyin_core::ports::{NotConfigured, StoreError};
use tracing::error;

macro_rules! codes {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        /// The kinds of problems. Their texts are part of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// All of them, in the order of the documentation.
            pub(crate) const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable name.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// One short sentence, always the same for a code.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// The HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }
        }
    };
}

codes! {
    MalformedJson = BAD_REQUEST, "malformed_json", "The body is not valid JSON";
    InvalidField = BAD_REQUEST, "invalid_field", "A member of the body is not accepted";
    InvalidQuery = BAD_REQUEST, "invalid_query", "A query parameter is not accepted";
    UnreadableBody = BAD_REQUEST, "unreadable_body", "The body could not be received";
    IdempotencyKeyMissing = BAD_REQUEST, "idempotency_key_missing", "The header Idempotency-Key is missing";
    IdempotencyKeyInvalid = BAD_REQUEST, "idempotency_key_invalid", "The header Idempotency-Key is not accepted";
    UnknownApp = BAD_REQUEST, "unknown_app", "The app is not configured for this merchant";
    LoginCodeInvalid = BAD_REQUEST, "login_code_invalid", "WeChat does not accept the login code";
    LoginCodeUsed = BAD_REQUEST, "login_code_used", "The login code was used before";
    ApiKeyMissing = UNAUTHORIZED, "api_key_missing", "An API key is needed";
    ApiKeyInvalid = UNAUTHORIZED, "api_key_invalid", "The API key is not known";
    SessionMissing = UNAUTHORIZED, "session_missing", "A session token is needed";
    SessionInvalid = UNAUTHORIZED, "session_invalid", "The session token is not known";
    SessionExpired = UNAUTHORIZED, "session_expired", "The session has ended";
    UserBlocked = FORBIDDEN, "user_blocked", "WeChat has blocked this user";
    PaymentNotFound = NOT_FOUND, "payment_not_found", "There is no such payment";
    RouteNotFound = NOT_FOUND, "route_not_found", "There is nothing at this address";
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "This address does not take this method";
    IdempotencyKeyReused = CONFLICT, "idempotency_key_reused", "The Idempotency-Key belongs to another request";
    OrderNoConflict = CONFLICT, "order_no_conflict", "The order_no belongs to another payment";
    PaymentClosed = CONFLICT, "payment_closed", "The payment cannot be paid any more";
    TooManyAttempts = CONFLICT, "too_many_attempts", "WeChat has refused this payment too often";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large";
    WechatRefused = UNPROCESSABLE_ENTITY, "wechat_refused", "WeChat refuses this order";
    RateLimited = TOO_MANY_REQUESTS, "rate_limited", "WeChat wants fewer requests";
    Internal = INTERNAL_SERVER_ERROR, "internal", "The server made a mistake";
    Misconfigured = INTERNAL_SERVER_ERROR, "misconfigured", "The server's configuration does not fit";
    WechatUnavailable = SERVICE_UNAVAILABLE, "wechat_unavailable", "WeChat gave no usable answer";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store_unavailable", "The database is not available";
    Timeout = SERVICE_UNAVAILABLE, "timeout", "The request took too long";
}

/// Seconds after which a caller may try again when something outside is not available.
const RETRY_SOON_S: u32 = 2;
/// Seconds after a rate limit: WeChat counts logins per minute.
const RETRY_RATE_LIMITED_S: u32 = 60;

/// What WeChat said, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(crate) struct WechatError {
    /// WeChat's error code.
    #[schema(example = "PARAM_ERROR")]
    pub(crate) code: String,
    /// WeChat's message, usually Chinese.
    pub(crate) message: String,
    /// WeChat's `Request-ID`: quote it when you ask their support.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

/// A problem on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    code: Code,
    detail: String,
    wechat: Option<WechatError>,
}

/// The body of every answer that is not a success (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Where this kind of problem is described.
    #[serde(rename = "type")]
    #[schema(example = "/docs#payment_closed")]
    kind: String,
    /// The same short sentence for every problem of this kind.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// Stable name of this kind, for programs.
    #[schema(example = "payment_closed")]
    code: &'static str,
    /// What happened this time and what to do next, for people.
    detail: String,
    /// What WeChat said, where WeChat is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    wechat: Option<WechatError>,
}

impl Problem {
    /// A problem. `detail` must say what to do.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            wechat: None,
        }
    }

    /// The same with WeChat's words.
    pub(crate) fn with_wechat(mut self, wechat: WechatError) -> Self {
        self.wechat = Some(wechat);
        self
    }

    /// A mistake of ours: the caller learns nothing but that it is ours; the log has the rest.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "Nothing is lost: repeat the request with the same Idempotency-Key. If it happens again, look at the server's log.",
        )
    }

    /// The kind.
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    const fn retry_after_s(&self) -> Option<u32> {
        match self.code.status() {
            StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_SOON_S),
            StatusCode::TOO_MANY_REQUESTS => Some(RETRY_RATE_LIMITED_S),
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let retry_after = self.retry_after_s();
        let body = ProblemBody {
            kind: format!("/docs#{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: self.detail,
            wechat: self.wechat,
        };
        // Serialising plain strings and integers cannot fail.
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => {
                error!(error = why, "The database is not available");
                Self::new(
                    Code::StoreUnavailable,
                    "Nothing was saved. Repeat the request in a few seconds with the same Idempotency-Key.",
                )
            }
            StoreError::Conflict(why) => {
                // Decisions run under the lock, so a uniqueness rule is hit only by a bug or by a foreign writer.
                error!(error = why, "A uniqueness rule of the database was hit");
                Self::internal()
            }
            StoreError::Corrupt(why) => {
                error!(error = why, "Stored data cannot be understood");
                Self::internal()
            }
        }
    }
}

impl From<NotConfigured> for Problem {
    fn from(error: NotConfigured) -> Self {
        error!(error = %error, "A stored payment needs a merchant that is not configured any more");
        Self::new(
            Code::Misconfigured,
            "The merchant of this payment is not configured on this server any more. Its operator has to add it again.",
        )
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => error.into(),
            ServiceError::NotConfigured(error) => error.into(),
        }
    }
}

/// The answer to a notification that gets no 2xx, in the form WeChat asks for
/// (WeChat Pay APIv3, "payment notification": `message` has at most 64 characters).
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

impl IntoResponse for NotificationFailure {
    fn into_response(self) -> Response {
        let body = format!(r#"{{"code":"FAIL","message":"{}"}}"#, self.message);
        (
            self.status,
            [(header::CONTENT_TYPE, "application/json")],
            body,
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_words() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for name in names {
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
        }
    }

    #[test]
    fn messages_to_wechat_are_short_and_need_no_escapes() {
        for failure in [
            NotificationFailure::contradiction(),
            NotificationFailure::unknown_merchant(),
            NotificationFailure::from(&NotificationError::Refused(NoticeRefused::Probe)),
            NotificationFailure::from(&NotificationError::Refused(NoticeRefused::Unreadable(
                "\"".into(),
            ))),
            NotificationFailure::from(&NotificationError::Store(StoreError::Unavailable(
                "disk".into(),
            ))),
        ] {
            assert!(failure.message.len() <= 64 && !failure.message.contains(['"', '\\']));
            assert!(failure.status().is_client_error() || failure.status().is_server_error());
        }
        for code in Code::ALL {
            assert!(code.title().len() <= 64, "{code:?}");
        }
    }
}
