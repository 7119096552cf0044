//! One app, and calls in its name.

use std::fmt;
use std::sync::Arc;

use futures_util::lock::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::answer::{self, Answer, ApiError};
use crate::secret::{AccessToken, AppSecret};
use crate::token::{TokenError, TokenState};
use crate::transport::{Method, Request, Transport, TransportError};

/// Tells the time in Unix seconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// One mini program or official account at WeChat's server interfaces.
pub struct Client {
    appid: String,
    secret: AppSecret,
    transport: Arc<dyn Transport>,
    clock: Clock,
    token: Mutex<TokenState>,
}

/// Why a call with an access token failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallError {
    /// No access token, so nothing was sent.
    #[error("no access token: {0}")]
    Token(#[from] TokenError),
    /// WeChat answered an error.
    #[error("WeChat refused the call: {0}")]
    Refused(ApiError),
    /// No answer.
    #[error("WeChat cannot be reached: {0}")]
    Unreachable(TransportError),
    /// The answer is not one of this interface.
    #[error("WeChat's answer cannot be read: {0}")]
    Unreadable(String),
}

impl Client {
    /// A client from its parts; `clock` tells Unix seconds.
    pub fn new(
        appid: impl Into<String>,
        secret: AppSecret,
        transport: Arc<dyn Transport>,
        clock: Clock,
    ) -> Self {
        Self {
            appid: appid.into(),
            secret,
            transport,
            clock,
            token: Mutex::new(TokenState::default()),
        }
    }

    /// The app.
    pub fn appid(&self) -> &str {
        &self.appid
    }

    /// Calls an interface that takes a JSON body and the access token in its query, for example
    /// `/wxa/business/getuserphonenumber`. A token WeChat refuses is replaced once, and the call repeated once.
    ///
    /// # Errors
    /// When there is no token, no answer, or an error.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        let token = self.access_token().await?;
        match self.post_with(&token, path, body).await {
            Err(CallError::Refused(error)) if is_refused_token(error.errcode) => {
                let token = self.replace_token(&token).await?;
                self.post_with(&token, path, body).await
            }
            result => result,
        }
    }

    async fn post_with(
        &self,
        token: &AccessToken,
        path: &str,
        body: &Value,
    ) -> Result<Value, CallError> {
        let request = Request {
            method: Method::Post,
            target: Zeroizing::new(format!(
                "{path}?access_token={}",
                utf8_percent_encode(token.expose(), NON_ALPHANUMERIC)
            )),
            body: Zeroizing::new(body.to_string().into_bytes()),
        };
        let response = self
            .transport
            .send(&request)
            .await
            .map_err(CallError::Unreachable)?;
        match answer::read(&response, &[token.expose()]) {
            Answer::Success(value) => Ok(value),
            Answer::Failure(error) => Err(CallError::Refused(error)),
            Answer::Unreadable(why) => Err(CallError::Unreadable(why)),
        }
    }

    pub(crate) fn secret(&self) -> &AppSecret {
        &self.secret
    }

    pub(crate) fn transport(&self) -> &dyn Transport {
        self.transport.as_ref()
    }

    pub(crate) fn token_state(&self) -> &Mutex<TokenState> {
        &self.token
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)()
    }
}

/// Invalid, illegal or expired access token.
fn is_refused_token(errcode: i64) -> bool {
    matches!(errcode, 40001 | 40014 | 42001)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("appid", &self.appid)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}
