//! The HTTP surfaces. `router.rs` lists every route on one page.

pub(crate) mod auth;
mod balance;
mod body;
mod docs;
pub(crate) mod error;
mod event;
mod gate;
mod health;
mod idempotency;
mod incident;
mod known;
mod login;
mod mini_program;
mod notification;
mod openapi;
mod payment;
mod query;
mod reconciliation;
mod refund;
mod router;
mod webhook_endpoint;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shouyin_core::id::{Appid, Mchid};
use shouyin_core::ports::Ports;
use shouyin_core::session::Session;

pub(crate) use self::gate::Gates;
pub(crate) use self::known::Known;
use crate::journal::Journal;
use crate::login::LoginGate;
use crate::wiring::WechatStatus;

pub use openapi::document as openapi_document;
pub(crate) use router::build as router;

/// What every handler works with. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct App(Arc<AppParts>);

/// The parts of [`App`].
pub(crate) struct AppParts {
    pub(crate) ports: Ports,
    pub(crate) login: LoginGate,
    /// In which apps each merchant takes payments.
    pub(crate) apps: BTreeMap<Mchid, Vec<Appid>>,
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) request_timeout: Duration,
    pub(crate) notification_timeout: Duration,
    /// Whether WeChat is being called.
    pub(crate) wechat_status: Option<WechatStatus>,
    /// How much each merchant may ask.
    pub(crate) gates: Gates,
    /// Merchants by the hash of an API key.
    pub(crate) api_keys: Known<Mchid>,
    /// Users by the hash of a session token.
    pub(crate) sessions: Known<Session>,
}

impl App {
    pub(crate) fn new(parts: AppParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = AppParts;
    fn deref(&self) -> &AppParts {
        &self.0
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("App")
    }
}
