//! Pages of an official account: who is looking at one (`snsapi_base`, which asks the user nothing).
//!
//! The page sends the browser to [`authorize_url`]; WeChat sends it back to `redirect_uri` with `code` and `state` in
//! the query; [`Client::identify`] turns the code into the user's openid. A code is good for one exchange and for five
//! minutes.
//!
//! Sources: WeChat's documentation of official accounts, "web page authorization" (the address and the order of its
//! parameters, `state`, life of the code, errors of the page) and `snsAccessToken` (the exchange). That the exchange
//! answers 40163 for a used code, as `jscode2session` does, is what developers report, like the error numbers it does
//! not list: UNCONFIRMED.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::answer::{self, Answer};
use crate::client::Client;
use crate::login::LoginError;
use crate::transport::{Method, Request};

/// Where WeChat's own page is. Only WeChat's browser can open it.
pub const AUTHORIZE_URL: &str = "https://open.weixin.qq.com/connect/oauth2/authorize";

/// `encodeURIComponent`, near enough: what stays is unreserved in every reading of RFC 3986.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

const LONGEST_STATE: usize = 128;

/// Who looks at a page of an official account.
#[derive(Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The user inside this account.
    pub openid: String,
    /// The user across all apps of one open-platform account; usually absent with `snsapi_base`.
    pub unionid: Option<String>,
    /// WeChat shows the page as a preview and made somebody up for it (`is_snapshotuser`): nobody who could pay.
    pub is_made_up: bool,
}

// Who somebody is, is personal data.
impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visitor(***)")
    }
}

/// Why no address could be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// WeChat's page answers 10003 for a domain that is not registered; an address that has none is refused here.
    #[error(
        "redirect_uri must be an http or https address with a host, without spaces or a fragment"
    )]
    RedirectUri,
    /// WeChat's documentation: letters and digits, at most 128 bytes.
    #[error("state must consist of at most 128 letters and digits")]
    State,
}

/// The address the browser is sent to, with the parameters in the one order WeChat takes. `page` is [`AUTHORIZE_URL`],
/// or a simulator's. `state` comes back unchanged: something the page keeps and compares, or empty.
///
/// # Errors
/// When WeChat would refuse `redirect_uri` or `state`.
pub fn authorize_url(
    page: &str,
    appid: &str,
    redirect_uri: &str,
    state: &str,
) -> Result<String, AuthorizeError> {
    let rest = redirect_uri
        .strip_prefix("https://")
        .or_else(|| redirect_uri.strip_prefix("http://"))
        .ok_or(AuthorizeError::RedirectUri)?;
    let plain = rest
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\');
    if !plain || rest.starts_with(['/', '?', ':', '@']) || rest.is_empty() {
        return Err(AuthorizeError::RedirectUri);
    }
    if state.len() > LONGEST_STATE || !state.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(AuthorizeError::State);
    }
    let encode = |text| utf8_percent_encode(text, COMPONENT);
    Ok(format!(
        "{page}?appid={}&redirect_uri={}&response_type=code&scope=snsapi_base&state={state}#wechat_redirect",
        encode(appid),
        encode(redirect_uri),
    ))
}

impl Client {
    /// Exchanges the code a page was opened with (`/sns/oauth2/access_token`). The tokens that come along are dropped: they
    /// are for reading profiles. When WeChat is busy the same code is sent once more, at once.
    ///
    /// # Errors
    /// One variant per thing to do about it, see [`LoginError`]. "Log in again" means: through [`authorize_url`] again.
    pub async fn identify(&self, code: &str) -> Result<Visitor, LoginError> {
        match self.exchange_page_code(code).await {
            Err(LoginError::Busy(_)) => self.exchange_page_code(code).await,
            result => result,
        }
    }

    async fn exchange_page_code(&self, code: &str) -> Result<Visitor, LoginError> {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let secret = self.secret().expose();
        let request = Request {
            method: Method::Get,
            target: Zeroizing::new(format!(
                "/sns/oauth2/access_token?appid={}&secret={}&code={}&grant_type=authorization_code",
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
            Answer::Success(value) => visitor(&value),
            Answer::Failure(error) => Err(error.into()),
            Answer::Unreadable(why) => Err(LoginError::Unreadable(why)),
        }
    }
}

fn visitor(value: &Value) -> Result<Visitor, LoginError> {
    let text = |name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let missing = || LoginError::Unreadable("no openid in the answer".to_owned());
    // Documented as the number 1, and only when it applies. Whatever else it may be once, it is not a person then.
    let is_made_up = match value.get("is_snapshotuser") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(number) => number.as_i64() != Some(0),
    };
    Ok(Visitor {
        openid: text("openid").ok_or_else(missing)?,
        unionid: text("unionid"),
        is_made_up,
    })
}

#[cfg(test)]
mod tests;
