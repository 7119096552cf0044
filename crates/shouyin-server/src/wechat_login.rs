//! Login through WeChat's `code2session`.

use std::collections::BTreeMap;

use shouyin_core::id::{Appid, Openid};
use shouyin_core::ports::BoxFuture;
use wechat_miniprogram::{Client, LoginError};

use crate::login::{ExchangeError, LoginPort};

/// One client for each mini program.
#[derive(Default)]
pub struct WechatLogin {
    clients: BTreeMap<Appid, Client>,
}

impl WechatLogin {
    /// From the configured mini programs.
    pub fn new(clients: impl IntoIterator<Item = (Appid, Client)>) -> Self {
        Self {
            clients: clients.into_iter().collect(),
        }
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
            let client = self.clients.get(appid).ok_or(ExchangeError::UnknownApp)?;
            let login = client.code2session(code).await.map_err(refused)?;
            // The message names the rule that was broken, not the openid.
            Openid::parse(login.openid).map_err(|why| ExchangeError::Unavailable(why.to_string()))
        })
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
