//! Login through WeChat: `code2session` for mini programs, page authorization for official accounts.

use std::collections::BTreeMap;

use shouyin_core::id::{Appid, Openid};
use shouyin_core::ports::BoxFuture;
use shouyin_wechat::AppKind;
use wechat_miniprogram::official_account::{AUTHORIZE_URL, AuthorizeError, authorize_url};
use wechat_miniprogram::{Client, LoginError};

use crate::login::{AuthorizeRefused, ExchangeError, LoginPort};

/// One client for each app whose users log in.
pub struct WechatLogin {
    clients: BTreeMap<Appid, (AppKind, Client)>,
    page: String,
}

impl WechatLogin {
    /// From the configured apps.
    pub fn new(clients: impl IntoIterator<Item = (Appid, AppKind, Client)>) -> Self {
        Self {
            clients: clients
                .into_iter()
                .map(|(appid, kind, client)| (appid, (kind, client)))
                .collect(),
            page: AUTHORIZE_URL.to_owned(),
        }
    }

    /// With another page than WeChat's for users of official accounts: a simulator's.
    #[must_use]
    pub fn with_page(self, page: String) -> Self {
        Self { page, ..self }
    }
}

impl std::fmt::Debug for WechatLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.clients.keys()).finish()
    }
}

impl LoginPort for WechatLogin {
    fn exchange<'a>(
        &'a self,
        appid: &'a Appid,
        code: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>> {
        Box::pin(async move {
            let (kind, client) = self.clients.get(appid).ok_or(ExchangeError::UnknownApp)?;
            let openid = match kind {
                AppKind::MiniProgram => client.code2session(code).await.map_err(refused)?.openid,
                AppKind::OfficialAccount => {
                    let visitor = client.identify(code).await.map_err(refused)?;
                    if visitor.is_made_up {
                        return Err(ExchangeError::Preview);
                    }
                    visitor.openid
                }
                // The merchant's own app knows its users by itself.
                AppKind::MobileApp => return Err(ExchangeError::UnknownApp),
            };
            // The message names the rule that was broken, not the openid.
            Openid::parse(openid).map_err(|why| ExchangeError::Unavailable(why.to_string()))
        })
    }

    fn authorize(
        &self,
        appid: &Appid,
        redirect_uri: &str,
        state: &str,
    ) -> Result<String, AuthorizeRefused> {
        match self.clients.get(appid) {
            Some((AppKind::OfficialAccount, _)) => {
                authorize_url(&self.page, appid.as_str(), redirect_uri, state).map_err(|error| {
                    match error {
                        AuthorizeError::RedirectUri | AuthorizeError::State => {
                            AuthorizeRefused::Invalid(error.to_string())
                        }
                    }
                })
            }
            Some((AppKind::MiniProgram | AppKind::MobileApp, _)) | None => {
                Err(AuthorizeRefused::NoOfficialAccount)
            }
        }
    }
}

fn refused(error: LoginError) -> ExchangeError {
    let text = error.to_string();
    match error {
        LoginError::CodeUsed(_) => ExchangeError::CodeUsed,
        LoginError::CodeInvalid(_) => ExchangeError::CodeInvalid,
        LoginError::RateLimited(_) => ExchangeError::RateLimited,
        LoginError::UserBlocked(_) => ExchangeError::UserBlocked,
        LoginError::Configuration(_) => ExchangeError::Misconfigured(text),
        LoginError::Busy(_)
        | LoginError::Unexpected(_)
        | LoginError::Unreachable(_)
        | LoginError::Unreadable(_) => ExchangeError::Unavailable(text),
    }
}
