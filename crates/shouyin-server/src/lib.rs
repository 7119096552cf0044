#![doc = include_str!("../README.md")]

mod assemble;
pub mod config;
mod http;
pub mod journal;
mod logging;
mod login;
mod observed_acquirer;
mod observed_store;
mod serve;
pub mod webhook_sender;
mod wechat_login;
mod wiring;
mod worker;

pub use assemble::{BuildError, open_store};
pub use http::auth::new_api_key;
pub use http::openapi_document;
pub use logging::{LogFormat, init_logging};
pub use login::{ExchangeError, LoginPort};
pub use serve::{ServeError, bind};
pub use shouyin_wechat::{AppKind, H5Site, Limits as WechatLimits};
pub use webhook_sender::{HttpWebhookSender, WebhookOptions};
pub use wechat_login::WechatLogin;
pub use wiring::{Parts, Server, SystemClock, SystemIds, WechatStatus};
pub use worker::Refresh;
