//! Problems: what a caller is told when something does not work (RFC 9457). The only place that knows status codes.
//!
//! Every problem has a stable `code` for programs and a `detail` that says what to do next. Internal text goes to the log
//! and never to the caller.

mod code;
mod notification;

use axum::response::{IntoResponse, Response};
use fen::Fen;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use shouyin_core::payment::service::ServiceError;
use shouyin_core::ports::{NotConfigured, StoreError};
use tracing::error;
use utoipa::openapi::schema::{ObjectBuilder, Type};

pub(crate) use code::Code;
pub(crate) use notification::NotificationFailure;

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
    // Boxed, because most problems have none.
    wechat: Option<Box<WechatError>>,
    left: Option<Fen>,
    retry_after_s: Option<u32>,
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
    #[schema(schema_with = every_code)]
    code: &'static str,
    /// What happened this time and what to do next, for people.
    detail: String,
    /// What WeChat said, where WeChat is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    wechat: Option<WechatError>,
    /// What can still be refunded, in fen; with `refund_too_much`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>)]
    left_fen: Option<Fen>,
}

fn every_code() -> utoipa::openapi::schema::Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("Stable name of this kind, for programs."))
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
        .build()
}

impl Problem {
    /// A problem. `detail` must say what to do.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            wechat: None,
            left: None,
            retry_after_s: None,
        }
    }

    /// The same with what is left, in fen.
    pub(crate) fn with_left(mut self, left: Fen) -> Self {
        self.left = Some(left);
        self
    }

    /// The same with the seconds after which it makes sense to come again.
    pub(crate) fn retry_after_s(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The same with WeChat's words.
    pub(crate) fn with_wechat(mut self, wechat: WechatError) -> Self {
        self.wechat = Some(Box::new(wechat));
        self
    }

    /// The database said no before anything was saved.
    fn not_saved() -> Self {
        Self::new(
            Code::StoreUnavailable,
            "Nothing was saved. Repeat the request in a few seconds with the same Idempotency-Key.",
        )
    }

    /// A mistake of ours: the caller learns nothing but that it is ours; the log has the rest.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "Nothing is lost: repeat the request with the same Idempotency-Key. If it happens again, look at the server's log.",
        )
    }

    /// The kind.
    #[cfg(test)]
    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    fn wait_s(&self) -> Option<u32> {
        self.retry_after_s.or(match self.code.status() {
            StatusCode::SERVICE_UNAVAILABLE => Some(RETRY_SOON_S),
            StatusCode::TOO_MANY_REQUESTS => Some(RETRY_RATE_LIMITED_S),
            _ => None,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let retry_after = self.wait_s();
        let body = ProblemBody {
            kind: format!("/docs#{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: self.detail,
            wechat: self.wechat.map(|wechat| *wechat),
            left_fen: self.left,
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
                Self::not_saved()
            }
            StoreError::Conflict(why) => {
                // Decisions run under the lock, so this takes a foreign writer; nothing was saved, and a repeat sees its rows.
                error!(error = why, "A uniqueness rule of the database was hit");
                Self::not_saved()
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
