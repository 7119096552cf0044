//! Login: the code of `wx.login` for the user's openid (`/sns/jscode2session`).

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::answer::{self, Answer, ApiError, BUSY};
use crate::client::Client;
use crate::secret::SessionKey;
use crate::transport::{Method, Request, TransportError};

/// Who logged in.
#[derive(Clone)]
pub struct Login {
    /// The user inside this app.
    pub openid: String,
    /// Shared with WeChat for this user; stays on the server.
    pub session_key: SessionKey,
    /// The user across all apps of one open-platform account, if the app is bound to one.
    pub unionid: Option<String>,
}

// Who somebody is, is personal data.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// Why nobody logged in, by what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LoginError {
    /// The code was used before (40163): the phone calls `wx.login` again.
    #[error("the login code was already used: {0}")]
    CodeUsed(ApiError),
    /// The code is wrong, older than five minutes (40029, and 42003 for pages), or of another app: the phone calls `wx.login` again.
    #[error("the login code is not valid: {0}")]
    CodeInvalid(ApiError),
    /// Too many logins of this user (100 per minute), or the quota is used up: wait.
    #[error("too many logins: {0}")]
    RateLimited(ApiError),
    /// WeChat was busy twice in a row: the same code may be tried again.
    #[error("WeChat is busy: {0}")]
    Busy(ApiError),
    /// WeChat blocked the user as high risk (40226): refuse, do not repeat.
    #[error("the user is blocked: {0}")]
    UserBlocked(ApiError),
    /// Appid, secret, address list or permission are wrong: somebody has to change a setting.
    #[error("the app is not configured right: {0}")]
    Configuration(ApiError),
    /// An error this crate does not know.
    #[error("WeChat refused the login: {0}")]
    Unexpected(ApiError),
    /// No answer. If it was sent, the code may be used up.
    #[error("WeChat cannot be reached: {0}")]
    Unreachable(TransportError),
    /// The answer is not one of this interface, for example a gateway's page.
    #[error("WeChat's answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<ApiError> for LoginError {
    fn from(error: ApiError) -> Self {
        match error.errcode {
            40163 => Self::CodeUsed(error),
            40029 | 42003 => Self::CodeInvalid(error),
            40226 => Self::UserBlocked(error),
            BUSY => Self::Busy(error),
            code if answer::is_rate_limit(code) => Self::RateLimited(error),
            code if answer::is_configuration(code) => Self::Configuration(error),
            _ => Self::Unexpected(error),
        }
    }
}

impl Client {
    /// Exchanges the code of `wx.login`. When WeChat is busy the same code is sent once more, at once.
    ///
    /// # Errors
    /// One variant per thing to do about it, see [`LoginError`].
    pub async fn code2session(&self, code: &str) -> Result<Login, LoginError> {
        match self.exchange(code).await {
            Err(LoginError::Busy(_)) => self.exchange(code).await,
            result => result,
        }
    }

    async fn exchange(&self, code: &str) -> Result<Login, LoginError> {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let secret = self.secret().expose();
        let request = Request {
            method: Method::Get,
            target: Zeroizing::new(format!(
                "/sns/jscode2session?appid={}&secret={}&js_code={}&grant_type=authorization_code",
                encode(self.appid()),
                encode(secret),
                encode(code)
            )),
            body: Zeroizing::new(Vec::new()),
        };
        let response = self
            .transport()
            .send(&request)
            .await
            .map_err(LoginError::Unreachable)?;
        match answer::read(&response, &[secret, code]) {
            Answer::Success(value) => login(&value),
            Answer::Failure(error) => Err(error.into()),
            Answer::Unreadable(why) => Err(LoginError::Unreadable(why)),
        }
    }
}

fn login(value: &Value) -> Result<Login, LoginError> {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let missing = |name: &str| LoginError::Unreadable(format!("no {name} in the answer"));
    Ok(Login {
        openid: text("openid").ok_or_else(|| missing("openid"))?,
        session_key: SessionKey::new(text("session_key").ok_or_else(|| missing("session_key"))?),
        unionid: text("unionid"),
    })
}

#[cfg(test)]
mod tests;
