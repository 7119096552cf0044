//! Pages of an official account: who looks at them.
//!
//! Rules: WeChat's documentation of official accounts, "web page authorization" (address, order of its parameters, life of
//! the code, numbers of the errors) and `snsAccessToken`. How the error page looks is UNCONFIRMED; here it is plain text.

use serde_json::{Value, json};
use wechatpay::v3::RawResponse;

use crate::book::AppKind;
use crate::fault::{Fault, FaultKind};
use crate::heart::Wechat;
use crate::log::Checks;
use crate::login::{CODE_LIFE_MS, LoginCode, MiniError};
use crate::message::WireRequest;
use crate::route::query_parameter;

/// The cookie that says whose phone a browser is.
const USER_COOKIE: &str = "simulated_user";
const LONGEST_STATE: usize = 128;
/// WeChat compares the address with a pattern: another order of these is refused.
const PARAMETERS: [&str; 4] = ["appid", "redirect_uri", "response_type", "scope"];

impl Wechat {
    /// `GET /connect/oauth2/authorize`: the browser is sent back with a code. `snsapi_base` asks the user nothing.
    pub(crate) fn authorize(
        &mut self,
        request: &WireRequest,
        fault: Option<&Fault>,
        checks: &mut Checks,
    ) -> RawResponse {
        let refused = match fault.map(|fault| fault.fault) {
            Some(FaultKind::RateLimited | FaultKind::SystemError | FaultKind::Error) => {
                Some((10009, "操作太频繁了，请稍后重试"))
            }
            _ => None,
        };
        let user = phone_user(request);
        let result = match refused {
            Some(refused) => Err(refused),
            None => self.check_authorize(&request.target),
        };
        checks.note("authorize", result.is_ok(), || match &result {
            Ok(asked) => format!("{user:?} looks at a page of {}", asked.appid),
            Err((number, text)) => format!("{number} {text}"),
        });
        let asked = match result {
            Ok(asked) => asked,
            Err((number, text)) => {
                let headers = vec![(
                    "Content-Type".to_owned(),
                    "text/plain; charset=utf-8".to_owned(),
                )];
                let body = format!("{text}\n错误码：{number}\n").into_bytes();
                return RawResponse {
                    status: 200,
                    headers,
                    body,
                };
            }
        };
        let code = self.ids.login_code();
        let made = LoginCode::new(&asked.appid, &user, self.now_ms);
        self.logins.page_codes.insert(code.clone(), made);
        self.openid(&asked.appid, &user);
        let separator = if asked.redirect_uri.contains('?') {
            '&'
        } else {
            '?'
        };
        let location = format!(
            "{}{separator}code={code}&state={}",
            asked.redirect_uri, asked.state
        );
        RawResponse {
            status: 302,
            headers: vec![("Location".to_owned(), location)],
            body: Vec::new(),
        }
    }

    fn check_authorize(&self, target: &str) -> Result<Asked, (u32, &'static str)> {
        let parameter =
            |name: &str| query_parameter(target, name).filter(|value| !value.is_empty());
        let appid = parameter("appid").ok_or((10012, "appid不能为空"))?;
        let redirect_uri = parameter("redirect_uri").ok_or((10011, "redirect_uri不能为空"))?;
        let scope = parameter("scope").ok_or((10010, "scope不能为空"))?;
        if !self.book.apps.contains_key(&appid)
            || self.book.kind(&appid) != AppKind::OfficialAccount
        {
            return Err((10016, "不支持微信开放平台的Appid，请使用公众号Appid"));
        }
        if !matches!(scope.as_str(), "snsapi_base" | "snsapi_userinfo") {
            return Err((10005, "此公众号并没有这些scope的权限"));
        }
        let names = target
            .split_once('?')
            .map_or("", |(_, query)| query)
            .split('&');
        let names = names.map(|pair| pair.split('=').next().unwrap_or_default());
        let state = parameter("state").unwrap_or_default();
        let state_is_plain =
            state.len() <= LONGEST_STATE && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let in_order = names.take(PARAMETERS.len()).eq(PARAMETERS);
        if !in_order || !state_is_plain || parameter("response_type").as_deref() != Some("code") {
            // UNCONFIRMED: the number; the page cannot be opened is all that is documented.
            return Err((10001, "该链接无法访问"));
        }
        let is_address = ["http://", "https://"].iter().any(|scheme| {
            redirect_uri
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        });
        let one_line = redirect_uri.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_address || !one_line {
            return Err((10003, "redirect_uri域名与后台配置不一致"));
        }
        Ok(Asked {
            appid,
            redirect_uri,
            state,
        })
    }

    /// `GET /sns/oauth2/access_token`
    pub(crate) fn page_login(
        &mut self,
        target: &str,
        checks: &mut Checks,
    ) -> Result<Value, MiniError> {
        let parameter =
            |name: &str| query_parameter(target, name).filter(|value| !value.is_empty());
        let appid = parameter("appid").ok_or_else(|| MiniError::new(41002, "appid missing"))?;
        let secret =
            parameter("secret").ok_or_else(|| MiniError::new(41004, "appsecret missing"))?;
        let code = parameter("code").ok_or_else(|| MiniError::new(41008, "missing code"))?;
        self.check_secret(&appid, &secret, checks)?;
        if parameter("grant_type").as_deref() != Some("authorization_code") {
            return Err(MiniError::new(40002, "invalid grant_type"));
        }
        let now_ms = self.now_ms;
        let found = self.logins.page_codes.get_mut(&code);
        checks.note("code", found.is_some(), || match &found {
            Some(code) => code.story(now_ms),
            None => "no browser was sent back with this code".to_owned(),
        });
        let found = found
            .filter(|code| code.appid == appid && now_ms - code.made_ms < CODE_LIFE_MS)
            .ok_or_else(|| MiniError::new(40029, "invalid code"))?;
        if std::mem::replace(&mut found.used, true) {
            return Err(MiniError::new(40163, "code been used"));
        }
        let user = found.user.clone();
        Ok(json!({
            "access_token": self.ids.access_token(),
            "expires_in": 7200,
            "refresh_token": self.ids.access_token(),
            "openid": self.openid(&appid, &user),
            "scope": "snsapi_base",
        }))
    }
}

struct Asked {
    appid: String,
    redirect_uri: String,
    state: String,
}

/// Whose phone it is: the cookie of the phone's page, else `buyer`.
fn phone_user(request: &WireRequest) -> String {
    let cookies = request.header("Cookie").unwrap_or_default();
    let named = cookies.split(';').find_map(|cookie| {
        let (name, value) = cookie.trim().split_once('=')?;
        (name == USER_COOKIE).then(|| {
            percent_encoding::percent_decode_str(value)
                .decode_utf8_lossy()
                .into_owned()
        })
    });
    named
        .filter(|user| !user.is_empty())
        .unwrap_or_else(crate::phone::buyer)
}

#[cfg(test)]
mod tests;
