//! The server processes: the product's own code on simulated ports, in lives that end with a crash.

use std::sync::Arc;

use shouyin_core::policy::Policies;
use shouyin_core::ports::{Acquirer, Ports, Store, WebhookSender};
use shouyin_core::task::Lane;
use shouyin_store::MemoryStore;
use shouyin_wechat::{H5Site, MerchantAccount, Protocol, Protocols, V2, WechatAcquirer};
use wechatpay::v2;
use wechatpay::v3::{self, KeyRing, Transport, VerifyingKey};

use crate::doors::{Door, Doors, FrontDesk};
use crate::hub::{Boot, Hub};
use crate::ports::{Courier, KeyPair, Signatures, SimulatedStore, SkewedClock, UniqueIds, Wire};
use crate::rows::{Database, Rows};
use crate::setup::{Party, Setup};
use crate::speaks::{Speaks, Stage};

/// How the product is put together. A test that plants a bug wraps one of the parts; everybody else uses [`Product`].
pub trait Build: Send + Sync {
    /// The store that the server gets.
    fn store(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        store
    }
    /// The acquirer that the server gets.
    fn acquirer(&self, acquirer: Arc<dyn Acquirer>) -> Arc<dyn Acquirer> {
        acquirer
    }
    /// The transport that the SDK gets.
    fn transport(&self, transport: Arc<dyn Transport>) -> Arc<dyn Transport> {
        transport
    }
    /// The way to the merchants that the server gets.
    fn merchants(&self, merchants: Arc<dyn WebhookSender>) -> Arc<dyn WebhookSender> {
        merchants
    }
    /// A key that WeChat's signatures are verified with.
    fn verifying_key(&self, key: Arc<dyn VerifyingKey>) -> Arc<dyn VerifyingKey> {
        key
    }
    /// An empty database, which survives crashes.
    ///
    /// # Errors
    /// Why there is none.
    fn database(&self) -> Result<Database, String> {
        Ok(Database::new(Arc::new(MemoryStore::new())))
    }
    /// How clients and WeChat come in.
    fn doors(&self) -> Doors {
        Doors::Services
    }
    /// What everybody signs with.
    fn signatures(&self) -> Signatures {
        Signatures::Cheap
    }
}

/// The product as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Product;

impl Build for Product {}

/// A product that believes every signature: every search must find it out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Canary;

#[derive(Debug)]
struct Believer;

impl VerifyingKey for Believer {
    fn verify(&self, _: &[u8], _: &str) -> bool {
        true
    }
}

impl Build for Canary {
    fn verifying_key(&self, _: Arc<dyn VerifyingKey>) -> Arc<dyn VerifyingKey> {
        Arc::new(Believer)
    }
}

/// The lanes of the worker.
pub(crate) const LANES: [Lane; 3] = [Lane::Money, Lane::Webhook, Lane::Bill];

/// One server process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) boot: Boot,
    pub(crate) clock: SkewedClock,
    /// What the worker uses, and how clients come in. Nothing while it is down.
    pub(crate) ports: Option<(Ports, Door)>,
    /// The keys it verifies with, by merchant.
    pub(crate) keys: Vec<Arc<KeyRing>>,
    /// A round of the worker is asking for tasks, by lane.
    pub(crate) claiming: [bool; LANES.len()],
    /// When it started, world time.
    pub(crate) started_ms: i64,
    /// After an error of the store the worker waits until then, in world time.
    pub(crate) rests_until_ms: i64,
}

/// What a process finds when it starts.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) hub: &'a Arc<Hub>,
    pub(crate) rows: &'a Rows,
    pub(crate) setup: &'a Setup,
    pub(crate) policies: &'a Arc<Policies>,
    pub(crate) desk: Option<&'a Arc<FrontDesk>>,
    pub(crate) build: &'a dyn Build,
}

impl Server {
    pub(crate) fn is_up(&self) -> bool {
        self.ports.is_some()
    }

    /// Starts a process with empty memory on the rows that are there.
    pub(crate) fn start(around: Around<'_>, boot: Boot, skew_ms: i64) -> Self {
        let Around {
            hub,
            rows,
            setup,
            policies,
            desk,
            build,
        } = around;
        let clock = SkewedClock::new(hub, skew_ms);
        let wire = build.transport(Arc::new(Wire::new(hub, boot)));
        let mut keys = Vec::new();
        let mut accounts = Vec::new();
        for party in &setup.parties {
            let ring = Arc::new(KeyRing::new());
            for key in party.platform.iter().take(party.configured) {
                trust(&ring, build, key);
            }
            let account = account(hub, setup, party, &ring, &clock, &wire);
            accounts.push((party.mchid.clone(), account));
            keys.push(ring);
        }
        // With its limits and its circuit breaker, as in production.
        let acquirer = WechatAcquirer::new(accounts).with_clock(Arc::new(clock.clone()));
        let ports = Ports {
            store: build.store(Arc::new(SimulatedStore::new(hub, rows, boot))),
            acquirer: build.acquirer(Arc::new(acquirer)),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(UniqueIds::new(hub)),
            merchants: build.merchants(Arc::new(Courier::new(hub, boot))),
            policies: Arc::clone(policies),
        };
        let open = match desk {
            None => (ports.clone(), Door::Services(ports)),
            Some(desk) => desk.server(ports),
        };
        Self {
            boot,
            clock,
            ports: Some(open),
            keys,
            claiming: [false; LANES.len()],
            started_ms: hub.now_ms(),
            rests_until_ms: 0,
        }
    }
}

/// Adds a key of WeChat's to a ring, as the operator does in the configuration.
pub(crate) fn trust(ring: &KeyRing, build: &dyn Build, key: &KeyPair) {
    ring.insert(
        key.serial_no(),
        build.verifying_key(Arc::clone(&key.verifier)),
    );
}

fn account(
    hub: &Arc<Hub>,
    setup: &Setup,
    party: &Party,
    ring: &Arc<KeyRing>,
    clock: &SkewedClock,
    wire: &Arc<dyn Transport>,
) -> MerchantAccount {
    let account = v3::Account {
        mchid: party.wire_mchid.clone(),
        signer: Arc::clone(&party.key.signer),
        keys: Arc::clone(ring),
        api_v3_key: Some(party.api_v3_key.clone()),
        request_serial: None,
    };
    let (clock, nonces) = (clock.clone(), Arc::clone(hub));
    let clock: v3::Clock = Arc::new(move || clock.now_ms().div_euclid(1000));
    let nonces: v3::Nonces = Arc::new(move || format!("{:016x}", nonces.unique()));
    let v3 = {
        let (wire, clock, nonces) = (Arc::clone(wire), Arc::clone(&clock), Arc::clone(&nonces));
        v3::Client::new(account, wire, clock, nonces)
    };
    let v2 = |sign_type| {
        let account = v2::Account {
            mchid: party.wire_mchid.clone(),
            key: party.api_key.clone(),
            sign_type,
        };
        // The world does not look at certificates: whoever has the key has them, too.
        let certified = Some(Arc::clone(wire));
        V2 {
            client: v2::Client::new(account, Arc::clone(wire), certified, nonces),
            clock,
        }
    };
    let protocols = match party.speaks {
        Speaks::V3 => Protocols::v3(v3),
        Speaks::V2(sign_type) | Speaks::Moving(sign_type, Stage::Before) => {
            Protocols::v2(v2(sign_type))
        }
        Speaks::Moving(sign_type, Stage::Moved) => Protocols::both(v3, v2(sign_type), Protocol::V3),
        Speaks::Moving(sign_type, Stage::Back) => Protocols::both(v3, v2(sign_type), Protocol::V2),
    };
    MerchantAccount {
        protocols,
        apps: setup.apps.clone(),
        v3_codes: party.v3_codes,
        h5_site: Some(H5Site {
            url: "https://shop.example.com".to_owned(),
            name: "Coffee".to_owned(),
        }),
        notify_url: party.notify_url.clone(),
    }
}
