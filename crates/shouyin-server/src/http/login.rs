//! `POST /mp/v1/login`: a code of `wx.login`, or of a page of an official account, for a session token. The openid stays on the
//! server. `GET /mp/v1/authorize`: the way to such a page's code.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use shouyin_core::id::Appid;
use shouyin_core::payment::view::rfc3339;
use tracing::{error, warn};
use utoipa::ToSchema;

use super::App;
use super::body::{self, RawBody};
use super::error::{Code, Problem, ProblemBody};
use super::query;
use crate::login::{AuthorizeRefused, ExchangeError, LoginError};

/// WeChat's login codes have 32 characters in practice; this only keeps nonsense away from WeChat.
const LONGEST_CODE: usize = 256;

/// What `wx.login` gave, or what WeChat added to the address of a page of an official account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginBody {
    /// The mini program's or official account's own appid.
    #[schema(example = "wx1111222233334444")]
    appid: String,
    /// The one-time code from `wx.login`, or the `code` that came with the page's address. It lives five minutes.
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
                "Call wx.login again (a page of an official account: go through /mp/v1/authorize again) and send the new code: this one is wrong, older than five minutes, or of another app.",
            ),
            ExchangeError::CodeUsed => Self::new(
                Code::LoginCodeUsed,
                "Call wx.login again (a page of an official account: go through /mp/v1/authorize again) and send the new code: a code can be used once.",
            ),
            ExchangeError::RateLimited => Self::new(
                Code::RateLimited,
                "Too many logins of this user. Wait a minute, then call wx.login again.",
            ),
            ExchangeError::UserBlocked => Self::new(
                Code::UserBlocked,
                "WeChat has blocked this user as a high risk. Logging in again does not help.",
            ),
            ExchangeError::Preview => Self::new(
                Code::PreviewUser,
                "WeChat shows this page as a preview. The user has to open the full page; then log in again.",
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
        (status = 403, description = "`user_blocked`, `preview_user`", body = ProblemBody, content_type = "application/problem+json"),
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

/// Where a browser of an official account's user comes back to.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuthorizeQuery {
    /// The official account.
    appid: String,
    /// The page to come back to, on the domain registered in WeChat's console. It is opened with `code` and `state`.
    redirect_uri: String,
    /// Comes back unchanged: at most 128 letters and digits. Keep it in the page and compare.
    #[serde(default)]
    state: String,
}

/// Send the browser to WeChat, to learn who the user of a page is.
///
/// For pages of official accounts, inside WeChat. The user sees nothing of it. The page that WeChat comes back to sends the code
/// to `POST /mp/v1/login`.
#[utoipa::path(
    get, path = "/mp/v1/authorize", tag = "mini program", operation_id = "authorize",
    params(AuthorizeQuery),
    responses(
        (status = 302, description = "To WeChat's page"),
        (status = 400, description = "`unknown_app`, `invalid_query`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn authorize(
    State(app): State<App>,
    query: Result<Query<AuthorizeQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let query = query::query(query)?;
    let unknown = || {
        Problem::new(
            Code::UnknownApp,
            "No official account with this appid is configured on this server: check the appid, and that its kind is official_account.",
        )
    };
    let appid = Appid::parse(query.appid).map_err(|_| unknown())?;
    let address = app
        .login
        .authorize(&appid, &query.redirect_uri, &query.state)
        .map_err(|refused| match refused {
            AuthorizeRefused::NoOfficialAccount => unknown(),
            AuthorizeRefused::Invalid(why) => Problem::new(Code::InvalidQuery, format!("{why}.")),
        })?;
    Ok((StatusCode::FOUND, [(header::LOCATION, address)]).into_response())
}
