//! `POST /mp/v1/login`: a code of `wx.login` for a session token. The openid stays on the server.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shouyin_core::id::Appid;
use shouyin_core::payment::view::rfc3339;
use tracing::{error, warn};
use utoipa::ToSchema;

use super::App;
use super::body::{self, RawBody};
use super::error::{Code, Problem, ProblemBody};
use crate::login::{ExchangeError, LoginError};

/// WeChat's login codes have 32 characters in practice; this only keeps nonsense away from WeChat.
const LONGEST_CODE: usize = 256;

/// What `wx.login` gave.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The mini program's own appid.
    #[schema(example = "wx1111222233334444")]
    appid: String,
    /// The one-time code from `wx.login`. It lives five minutes.
    code: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoginAnswer {
    /// Send it as `Authorization: Bearer <session_token>`.
    session_token: String,
    /// When it ends; then log in again.
    expires_at: String,
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Store(error) => error.into(),
            LoginError::Exchange(error) => error.into(),
        }
    }
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::UnknownApp => Self::new(
                Code::UnknownApp,
                "This app is not configured on this server. Check the appid, or add the app with its secret to the configuration.",
            ),
            ExchangeError::CodeInvalid => Self::new(
                Code::LoginCodeInvalid,
                "Call wx.login again and send the new code: this one is wrong, older than five minutes, or of another app.",
            ),
            ExchangeError::CodeUsed => Self::new(
                Code::LoginCodeUsed,
                "Call wx.login again and send the new code: a code can be used once.",
            ),
            ExchangeError::RateLimited => Self::new(
                Code::RateLimited,
                "Too many logins of this user. Wait a minute, then call wx.login again.",
            ),
            ExchangeError::UserBlocked => Self::new(
                Code::UserBlocked,
                "WeChat has blocked this user as a high risk. Logging in again does not help.",
            ),
            ExchangeError::Unavailable(why) => {
                warn!(error = why, "WeChat gave no usable answer to a login");
                Self::new(
                    Code::WechatUnavailable,
                    "WeChat cannot be reached just now. Send the same code again in a few seconds.",
                )
            }
            ExchangeError::Misconfigured(why) => {
                error!(error = why, "WeChat refuses this server's logins");
                Self::new(
                    Code::Misconfigured,
                    "WeChat does not accept this server's app settings. Its operator finds the reason in the server's log.",
                )
            }
        }
    }
}

/// Log in with a code from `wx.login`.
///
/// Sending the same code again within five minutes is safe: the same user gets another session.
#[utoipa::path(
    post, path = "/mp/v1/login", tag = "mini program", operation_id = "log_in",
    request_body = LoginBody,
    responses(
        (status = 200, description = "A session", body = LoginAnswer),
        (status = 400, description = "`login_code_invalid`, `login_code_used`, `unknown_app`, `malformed_json`, `invalid_field`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "`user_blocked`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`, `store_unavailable`: repeat with the same code", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    RawBody(bytes): RawBody,
) -> Result<axum::Json<LoginAnswer>, Problem> {
    let LoginBody { appid, code } = body::parse(&bytes)?;
    let appid = Appid::parse(appid)
        .map_err(|error| Problem::new(Code::InvalidField, format!("{error}.")))?;
    if code.is_empty() || code.len() > LONGEST_CODE || !code.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Problem::new(
            Code::InvalidField,
            "code must be the code that wx.login gave: visible ASCII characters.",
        ));
    }
    let session = app.login.log_in(&app.ports, appid, &code).await?;
    Ok(axum::Json(LoginAnswer {
        session_token: session.token,
        expires_at: rfc3339(session.expires_at),
    }))
}
