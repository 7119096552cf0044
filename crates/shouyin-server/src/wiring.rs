//! Puts the parts together. The only place that knows which implementation stands behind a port, and the only clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use axum::Router;
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::ports::{Clock, Ids, Ports};
use shouyin_wechat::BreakerStatus;
use tokio::sync::Notify;
use tracing::warn;

use crate::config::Limits;
use crate::http::{App, AppParts, router};
use crate::journal::Journal;
use crate::login::{LoginGate, LoginPort};
use crate::observed_acquirer::ObservedAcquirer;
use crate::observed_store::ObservedStore;
use crate::worker::Refresh;

/// How far the system's clock may be set back before we follow it, in milliseconds. Below that our time stands still until
/// the old time is reached, so that what happened later is not stored as earlier. Above that it would stand still for so long
/// that WeChat refused our signatures (300 s), so we follow.
const FOLLOW_BACK_MS: i64 = 60_000;

/// The system's clock. Small steps back are not shown.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest_ms: AtomicI64,
}

impl SystemClock {
    fn at(&self, read_ms: i64) -> Timestamp {
        let latest_ms = self.latest_ms.fetch_max(read_ms, Ordering::AcqRel);
        if latest_ms.saturating_sub(read_ms) > FOLLOW_BACK_MS {
            warn!(
                by_ms = latest_ms - read_ms,
                "The system's clock was set back"
            );
            self.latest_ms.store(read_ms, Ordering::Release);
            return Timestamp::from_millis(read_ms);
        }
        Timestamp::from_millis(latest_ms.max(read_ms))
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one production clock; everything else takes the time as an argument"
    )]
    fn now(&self) -> Timestamp {
        let read_ms = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or(0);
        self.at(read_ms)
    }
}

/// The system's source of randomness.
#[derive(Debug)]
pub struct SystemIds(SystemRandom);

impl SystemIds {
    /// Uses the operating system's generator.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Default for SystemIds {
    fn default() -> Self {
        Self::new()
    }
}

impl Ids for SystemIds {
    fn random(&self) -> u128 {
        let mut bytes = [0; 16];
        let filled = self.0.fill(&mut bytes);
        // Without randomness ids could be guessed and tokens repeated: refusing is the only safe answer.
        assert!(filled.is_ok(), "the system gives no randomness");
        u128::from_be_bytes(bytes)
    }
}

/// Whether WeChat is being called, one answer for each merchant: for the readiness probe.
pub type WechatStatus = Arc<dyn Fn() -> Vec<BreakerStatus> + Send + Sync>;

/// What a server is made of.
#[derive(Clone)]
pub struct Parts {
    /// Database, WeChat Pay, clock, randomness.
    pub ports: Ports,
    /// Exchanges login codes.
    pub login: Arc<dyn LoginPort>,
    /// In which apps each merchant takes payments. With one app, `appid` may be left out of `POST /v1/payments`.
    pub apps: BTreeMap<Mchid, Vec<Appid>>,
    /// Run at the start and every hour: one for each merchant that uses platform certificates.
    pub refresh: Vec<Refresh>,
    /// The demo's timeline. `None` costs nothing.
    pub journal: Option<Arc<Journal>>,
    /// For the readiness probe. `None`: it says nothing about WeChat.
    pub wechat_status: Option<WechatStatus>,
    /// How much one merchant may ask.
    pub limits: Limits,
    /// How long an API request may take, WeChat's answer included.
    pub request_timeout: Duration,
    /// How long a notification may take. WeChat gives up after five seconds.
    pub notification_timeout: Duration,
    /// How long running requests may take to finish after the stop signal.
    pub drain_timeout: Duration,
}

impl Parts {
    /// With the usual timeouts, without journal and certificate refresh.
    pub fn new(ports: Ports, login: Arc<dyn LoginPort>, apps: BTreeMap<Mchid, Vec<Appid>>) -> Self {
        Self {
            ports,
            login,
            apps,
            refresh: Vec::new(),
            journal: None,
            wechat_status: None,
            limits: Limits::default(),
            request_timeout: Duration::from_secs(30),
            notification_timeout: Duration::from_millis(4_500),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("apps", &self.apps)
            .finish_non_exhaustive()
    }
}

/// Shouyin, ready to run. See [`Server::serve`].
pub struct Server {
    pub(crate) ports: Ports,
    pub(crate) refresh: Vec<Refresh>,
    pub(crate) merchants: Vec<Mchid>,
    pub(crate) journal: Option<Arc<Journal>>,
    /// Told when there are events.
    pub(crate) news: Arc<Notify>,
    pub(crate) drain_timeout: Duration,
    router: Router,
}

impl Server {
    /// Assembles a server. Nothing runs yet.
    pub fn build(parts: Parts) -> Self {
        let mut ports = parts.ports;
        let news = Arc::new(Notify::new());
        ports.store = Arc::new(ObservedStore::new(
            ports.store,
            parts.journal.clone(),
            Arc::clone(&news),
        ));
        ports.acquirer = Arc::new(ObservedAcquirer::new(ports.acquirer));
        let merchants = parts.apps.keys().cloned().collect();
        let app = App::new(AppParts {
            ports: ports.clone(),
            login: LoginGate::new(parts.login),
            apps: parts.apps,
            journal: parts.journal.clone(),
            wechat_status: parts.wechat_status,
            gates: crate::http::Gates::new(parts.limits),
            request_timeout: parts.request_timeout,
            notification_timeout: parts.notification_timeout,
            api_keys: crate::http::Known::default(),
            sessions: crate::http::Known::default(),
        });
        Self {
            router: router(app),
            ports,
            refresh: parts.refresh,
            merchants,
            journal: parts.journal,
            news,
            drain_timeout: parts.drain_timeout,
        }
    }

    /// All routes, to be called as a function (tests) or merged with others (the demo).
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// What the server works with; its store is the one that logs events.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Server")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_back_are_not_shown_and_large_ones_are_followed() {
        let clock = SystemClock::default();
        assert!(clock.now().as_millis() > 1_700_000_000_000);
        let clock = SystemClock::default();
        let at = |ms| clock.at(ms).as_millis();
        assert_eq!([at(500_000), at(499_000), at(440_000)], [500_000; 3]);
        assert_eq!(
            [at(439_999), at(440_000), at(439_000)],
            [439_999, 440_000, 440_000]
        );
    }

    #[test]
    fn random_numbers_differ() {
        let ids = SystemIds::new();
        assert_ne!(ids.random(), ids.random());
    }
}
