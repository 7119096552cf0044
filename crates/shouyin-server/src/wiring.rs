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

use crate::http::{App, AppParts, router};
use crate::journal::Journal;
use crate::login::LoginPort;
use crate::observed_store::ObservedStore;
use crate::worker::Refresh;

/// The system's clock. It never goes back: after the system's clock was set back it stands still until the old time is reached,
/// because an order of events must not be turned around.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest_ms: AtomicI64,
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
        let latest_ms = self
            .latest_ms
            .fetch_max(read_ms, Ordering::AcqRel)
            .max(read_ms);
        Timestamp::from_millis(latest_ms)
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
    pub(crate) journal: Option<Arc<Journal>>,
    pub(crate) drain_timeout: Duration,
    router: Router,
}

impl Server {
    /// Assembles a server. Nothing runs yet.
    pub fn build(parts: Parts) -> Self {
        let mut ports = parts.ports;
        ports.store = Arc::new(ObservedStore::new(ports.store, parts.journal.clone()));
        let app = App::new(AppParts {
            ports: ports.clone(),
            login: parts.login,
            apps: parts.apps,
            journal: parts.journal.clone(),
            request_timeout: parts.request_timeout,
            notification_timeout: parts.notification_timeout,
        });
        Self {
            router: router(app),
            ports,
            refresh: parts.refresh,
            journal: parts.journal,
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
    fn the_clock_never_goes_back() {
        let clock = SystemClock::default();
        let now = clock.now();
        assert!(now.as_millis() > 1_700_000_000_000);
        clock
            .latest_ms
            .store(now.as_millis() + 60_000, Ordering::Release);
        assert_eq!(clock.now(), now.plus_ms(60_000));
    }

    #[test]
    fn random_numbers_differ() {
        let ids = SystemIds::new();
        assert_ne!(ids.random(), ids.random());
    }
}
