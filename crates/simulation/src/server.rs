//! The server processes: the product's own code on simulated ports, in lives that end with a crash.

use std::collections::BTreeSet;
use std::sync::Arc;

use shouyin_core::id::{Mchid, Openid, PaymentId};
use shouyin_core::idempotency::Idempotency;
use shouyin_core::notification::{self, NotificationError, Received};
use shouyin_core::payment::Payment;
use shouyin_core::payment::decide::NewPayment;
use shouyin_core::payment::service::{self, CreateAnswer, PayAnswer, Seen, ServiceError};
use shouyin_core::ports::{Acquirer, Ports, Store, StoreError};
use shouyin_core::task::Task;
use shouyin_core::worker;
use shouyin_store::MemoryStore;
use shouyin_wechat::{MerchantAccount, WechatAcquirer};
use wechatpay::v3::{self, KeyRing, Signer, Transport, VerifyingKey};

use crate::executor::Work;
use crate::hub::{Boot, Hub};
use crate::ports::{CheapKey, SimulatedStore, SkewedClock, UniqueIds, Wire};
use crate::setup::{Party, Setup};

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
    /// A key that WeChat's signatures are verified with.
    fn verifying_key(&self, key: Arc<dyn VerifyingKey>) -> Arc<dyn VerifyingKey> {
        key
    }
}

/// The product as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Product;

impl Build for Product {}

/// How many tasks one round of the worker takes.
const CLAIM_LIMIT: u32 = 16;

/// One server process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) boot: Boot,
    pub(crate) clock: SkewedClock,
    /// Nothing while it is down.
    pub(crate) ports: Option<Ports>,
    /// The keys it verifies with, by merchant.
    pub(crate) keys: Vec<Arc<KeyRing>>,
    /// A round of the worker is asking for tasks.
    pub(crate) claiming: bool,
    /// After an error of the store the worker waits until then, in world time.
    pub(crate) rests_until_ms: i64,
}

impl Server {
    pub(crate) fn is_up(&self) -> bool {
        self.ports.is_some()
    }

    /// Starts a process with empty memory on the rows that are there.
    pub(crate) fn start(
        hub: &Arc<Hub>,
        rows: &MemoryStore,
        setup: &Setup,
        build: &dyn Build,
        boot: Boot,
        skew_ms: i64,
    ) -> Self {
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
        let ports = Ports {
            store: build.store(Arc::new(SimulatedStore::new(hub, rows, boot))),
            acquirer: build.acquirer(Arc::new(WechatAcquirer::new(accounts))),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(UniqueIds::new(hub)),
        };
        Self {
            boot,
            clock,
            ports: Some(ports),
            keys,
            claiming: false,
            rests_until_ms: 0,
        }
    }
}

/// Adds a key of WeChat's to a ring, as the operator does in the configuration.
pub(crate) fn trust(ring: &KeyRing, build: &dyn Build, key: &CheapKey) {
    ring.insert(key.serial_no(), build.verifying_key(Arc::new(key.clone())));
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
        signer: Arc::new(party.signer.clone()),
        keys: Arc::clone(ring),
        api_v3_key: Some(party.api_v3_key.clone()),
        request_serial: None,
    };
    let (clock, nonces) = (clock.clone(), Arc::clone(hub));
    MerchantAccount {
        client: v3::Client::new(
            account,
            Arc::clone(wire),
            Arc::new(move || clock.now_ms().div_euclid(1000)),
            Arc::new(move || format!("{:016x}", nonces.unique())),
        ),
        appids: BTreeSet::from([setup.appid.clone()]),
        notify_url: party.notify_url.clone(),
    }
}

/// Which call of a client.
pub(crate) type CallId = u64;

/// What a client asks the server for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Create(Box<NewPayment>, Idempotency),
    Pay(PaymentId, Openid),
    Confirm(PaymentId, Openid),
    Close(Mchid, PaymentId),
}

/// What the server says.
#[derive(Debug)]
pub(crate) enum Reply {
    Created(CreateAnswer),
    Pay(PayAnswer),
    Seen(Seen),
    Closed(Option<Payment>),
    /// An internal error: the client would see a 5xx.
    Failed(ServiceError),
}

/// Work that came to an end.
#[derive(Debug)]
pub(crate) enum Done {
    /// A client's call.
    Call { call: CallId, reply: Box<Reply> },
    /// A notification: the status that WeChat gets, and what the server made of it.
    Notification {
        letter: Box<crate::network::Letter>,
        status: u16,
        result: Result<Received, NotificationError>,
    },
    /// A round of the worker has its tasks.
    Claimed {
        server: usize,
        tasks: Result<Vec<Task>, StoreError>,
    },
    /// One task was run.
    Ran { result: Result<(), StoreError> },
}

/// A client's call as work for the executor.
pub(crate) fn serve(ports: Ports, setup: &Setup, call: CallId, ask: Ask) -> Work {
    let appid = setup.appid.clone();
    Box::pin(async move {
        let reply = match ask {
            Ask::Create(new, idempotency) => service::create(&ports, *new, idempotency)
                .await
                .map_or_else(|error| Reply::Failed(error.into()), Reply::Created),
            Ask::Pay(id, openid) => service::pay(&ports, &id, &appid, &openid)
                .await
                .map_or_else(Reply::Failed, Reply::Pay),
            Ask::Confirm(id, openid) => service::confirm(&ports, &id, &appid, &openid)
                .await
                .map_or_else(Reply::Failed, Reply::Seen),
            Ask::Close(mchid, id) => service::close(&ports, &mchid, &id)
                .await
                .map_or_else(Reply::Failed, Reply::Closed),
        };
        Done::Call {
            call,
            reply: Box::new(reply),
        }
    })
}

/// A notification as work for the executor. The statuses are those of the HTTP layer: 204 only for what is stored and
/// fits, 4xx for what is refused or contradicts, 5xx for what could not be stored.
pub(crate) fn receive(ports: Ports, letter: crate::network::Letter) -> Work {
    Box::pin(async move {
        let (mchid, headers, body) = (&letter.mchid, &letter.headers, letter.body.clone());
        let result = notification::receive(&ports, mchid, headers, body).await;
        let status = match &result {
            Ok(Received::Accepted { .. }) => 204,
            Ok(Received::Contradiction(_)) => 409,
            Err(NotificationError::Refused(_)) => 401,
            Err(NotificationError::Store(_)) => 503,
        };
        Done::Notification {
            letter: Box::new(letter),
            status,
            result,
        }
    })
}

/// A round of the worker: ask for due tasks.
pub(crate) fn claim(ports: Ports, server: usize) -> Work {
    Box::pin(async move {
        let tasks = worker::claim(&ports, CLAIM_LIMIT).await;
        Done::Claimed { server, tasks }
    })
}

/// One claimed task.
pub(crate) fn run_task(ports: Ports, task: Task) -> Work {
    Box::pin(async move {
        let result = worker::run_task(&ports, task).await;
        Done::Ran { result }
    })
}
