//! The access token (`/cgi-bin/stable_token`): one holder, one refresh at a time.

use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::answer::{self, Answer, ApiError, BUSY};
use crate::client::Client;
use crate::secret::AccessToken;
use crate::transport::{Method, Request, TransportError};

/// A token is renewed when less than this is left (seconds). WeChat makes the next one in the last five minutes and
/// keeps both alive, so asking within them always gives a fresh one.
const MARGIN: i64 = 120;

/// After a failure nobody asks again for this long (seconds): callers who waited for it share the failure.
const PAUSE_AFTER_FAILURE: i64 = 2;

/// Why there is no access token, by what to do about it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// WeChat was busy twice in a row: later.
    #[error("WeChat is busy: {0}")]
    Busy(ApiError),
    /// Too many calls, or the quota of the day is used up: wait.
    #[error("too many calls for a token: {0}")]
    RateLimited(ApiError),
    /// Appid, secret, address list or permission are wrong: somebody has to change a setting.
    #[error("the mini program is not configured right: {0}")]
    Configuration(ApiError),
    /// An error this crate does not know.
    #[error("WeChat refused a token: {0}")]
    Unexpected(ApiError),
    /// No answer.
    #[error("WeChat cannot be reached: {0}")]
    Unreachable(TransportError),
    /// The answer is not one of this interface.
    #[error("WeChat's answer cannot be read: {0}")]
    Unreadable(String),
}

impl From<ApiError> for TokenError {
    fn from(error: ApiError) -> Self {
        match error.errcode {
            BUSY => Self::Busy(error),
            code if answer::is_rate_limit(code) => Self::RateLimited(error),
            code if answer::is_configuration(code) => Self::Configuration(error),
            _ => Self::Unexpected(error),
        }
    }
}

/// What the holder knows.
#[derive(Default)]
pub(crate) struct TokenState {
    held: Option<Held>,
    failed: Option<(i64, TokenError)>,
}

struct Held {
    token: AccessToken,
    expires_at: i64,
}

impl TokenState {
    fn valid(&self, now: i64, margin: i64) -> Option<AccessToken> {
        self.held
            .as_ref()
            .filter(|held| held.expires_at.saturating_sub(now) > margin)
            .map(|held| held.token.clone())
    }
}

impl Client {
    /// A valid access token. It is fetched when there is none or the one we hold is about to end; callers who come
    /// at the same time share one request. While the old one still lives, a failed renewal is no failure.
    ///
    /// # Errors
    /// When there is no valid token and none can be had.
    pub async fn access_token(&self) -> Result<AccessToken, TokenError> {
        let mut state = self.token_state().lock().await;
        let now = self.now();
        if let Some(token) = state.valid(now, MARGIN) {
            return Ok(token);
        }
        if let Some((at, error)) = &state.failed
            && now.saturating_sub(*at) < PAUSE_AFTER_FAILURE
        {
            return state.valid(now, 0).ok_or_else(|| error.clone());
        }
        match self.renew(&mut state).await {
            Ok(token) => Ok(token),
            Err(error) => match state.valid(now, 0) {
                Some(token) => {
                    tracing::warn!("The access token could not be renewed yet: {error}");
                    Ok(token)
                }
                None => Err(error),
            },
        }
    }

    /// Another token than one WeChat has just refused. Whoever comes first fetches it, without forcing: forcing would
    /// end the token every other server is using.
    pub(crate) async fn replace_token(
        &self,
        refused: &AccessToken,
    ) -> Result<AccessToken, TokenError> {
        let mut state = self.token_state().lock().await;
        match state.valid(self.now(), 0) {
            Some(token) if !token.is(refused) => Ok(token),
            _ => {
                state.held = None;
                self.renew(&mut state).await
            }
        }
    }

    async fn renew(&self, state: &mut TokenState) -> Result<AccessToken, TokenError> {
        let result = match self.fetch_token().await {
            Err(TokenError::Busy(_)) => self.fetch_token().await,
            result => result,
        };
        match result {
            Ok(held) => {
                let token = held.token.clone();
                state.held = Some(held);
                state.failed = None;
                Ok(token)
            }
            Err(error) => {
                state.failed = Some((self.now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn fetch_token(&self) -> Result<Held, TokenError> {
        let secret = self.secret().expose();
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.appid(),
            "secret": secret,
            "force_refresh": false,
        });
        let request = Request {
            method: Method::Post,
            target: Zeroizing::new("/cgi-bin/stable_token".to_owned()),
            body: Zeroizing::new(body.to_string().into_bytes()),
        };
        // Time counts from before the request: a slow answer must not make the token look younger than it is.
        let asked_at = self.now();
        let response = self
            .transport()
            .send(&request)
            .await
            .map_err(TokenError::Unreachable)?;
        let value = match answer::read(&response, &[secret]) {
            Answer::Success(value) => value,
            Answer::Failure(error) => return Err(error.into()),
            Answer::Unreadable(why) => return Err(TokenError::Unreadable(why)),
        };
        let missing = |name: &str| TokenError::Unreadable(format!("no {name} in the answer"));
        let token = value
            .get("access_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| missing("access_token"))?;
        let expires_in = value
            .get("expires_in")
            .and_then(Value::as_i64)
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| missing("expires_in"))?;
        Ok(Held {
            token: AccessToken::new(token),
            expires_at: asked_at.saturating_add(expires_in),
        })
    }
}

#[cfg(test)]
mod tests;
