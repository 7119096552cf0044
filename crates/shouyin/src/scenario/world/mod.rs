//! One server, one WeChat, one shop, one clock that stands still until it is moved; real HTTP between all of them.

mod address;
mod calls;
mod clock;
pub(crate) mod control;
mod folder;
pub(crate) mod gate;
mod page;
pub(crate) mod receiver;
mod server;
mod settings;
mod time;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use shouyin_core::id::Mchid;
use shouyin_core::product::Product;
use shouyin_server::new_api_key;
use tokio::sync::OnceCell;
use wechat_simulator::{Credentials, Handle, MerchantFiles, Simulator, SimulatorOptions};

use self::address::{Address, Domain};
pub(crate) use self::calls::{Answer, Call, Later};
pub(crate) use self::clock::START_MS;
use self::clock::WorldClock;
use self::control::Control;
use self::folder::Folder;
use self::gate::Gate;
use self::receiver::Receiver;
pub(crate) use self::server::Process;
use self::settings::{Hosts, Speaks};
use super::app::ShopApp;
use super::file::{Setup, Variant};
use super::variant::Protocol;

const MCHID: &str = "1900000001";
pub(crate) const OTHER_MCHID: &str = "1900000002";
const APPID: &str = "wx1111222233334444";
const DATABASE: &str = "shouyin.db";
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Where keys of earlier runs are kept, if somebody named a folder.
static KEY_FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Uses keys of earlier runs from this folder, or keeps new ones there.
pub(crate) fn keep_keys_in(folder: PathBuf) {
    KEY_FOLDER.get_or_init(|| folder);
}

/// Keys cost a second of work; all scenarios of a run share them.
async fn credentials(mchid: &'static str) -> anyhow::Result<Credentials> {
    static FIRST: OnceCell<Credentials> = OnceCell::const_new();
    static SECOND: OnceCell<Credentials> = OnceCell::const_new();
    let once = if mchid == MCHID { &FIRST } else { &SECOND };
    let made = once
        .get_or_try_init(|| async {
            tokio::task::spawn_blocking(move || found_or_made(mchid)).await?
        })
        .await?;
    Ok(made.clone())
}

fn found_or_made(mchid: &str) -> anyhow::Result<Credentials> {
    let file = KEY_FOLDER
        .get()
        .map(|folder| folder.join(format!("{mchid}.json")));
    // Keys that an older version wrote and this one cannot read, or that lack an app, are made anew.
    if let Some(file) = &file
        && let Ok(Some(found)) = Credentials::load(file)
        && found.official_account.is_some()
        && found.mobile_app.is_some()
    {
        return Ok(found);
    }
    let made = Credentials::generate(mchid, APPID, START_MS)?;
    if let Some(file) = &file {
        // Written under another name first: whoever looks finds nothing or all of it.
        made.save(file)?;
    }
    Ok(made)
}

/// A phone and what it was given.
#[derive(Debug, Default)]
pub(crate) struct Phone {
    /// The last login code, by app.
    pub(crate) codes: BTreeMap<ShopApp, String>,
    pub(crate) sessions: BTreeMap<ShopApp, String>,
    /// The parameters for `wx.requestPayment` or the bridge of pages, by payment, oldest first.
    pub(crate) cashiers: BTreeMap<String, Vec<Value>>,
    /// The payment codes it has shown, oldest first.
    pub(crate) payment_codes: Vec<String>,
}

/// The shop's endpoint and its receiver.
#[derive(Debug)]
pub(crate) struct ShopEndpoint {
    pub(crate) id: String,
    pub(crate) receiver: Option<Receiver>,
}

pub(crate) struct World {
    pub(crate) clock: Arc<WorldClock>,
    simulator: Option<Handle>,
    pub(crate) control: Control,
    setup: Setup,
    product: Product,
    speaks: Speaks,
    merchants: Vec<MerchantFiles>,
    /// As the server knows them; [`World::merchants`] as WeChat does.
    configured: Vec<MerchantFiles>,
    domain: Option<Domain>,
    ours: Address,
    pub(crate) gate: Arc<Gate>,
    pub(crate) process: Option<Process>,
    http: reqwest::Client,
    api_key: String,
    keys: u64,
    pub(crate) phones: BTreeMap<String, Phone>,
    /// The shop's own notes: the id of each payment by its order number, as it was answered.
    pub(crate) ids: BTreeMap<String, String>,
    /// What the shop shows or hands on for everybody to pay by (`code_url`, `h5_url`, parameters for an app), by payment, oldest first.
    pub(crate) shown: BTreeMap<String, Vec<Value>>,
    /// The till's last request, by payment.
    pub(crate) scans: BTreeMap<String, Call>,
    pub(crate) endpoints: BTreeMap<String, ShopEndpoint>,
    pub(crate) later: std::collections::VecDeque<Later>,
    pub(crate) mini_program: Option<wechat_miniprogram::Client>,
    // Last: the database is closed before its folder goes.
    folder: Folder,
}

impl World {
    /// Everything is started, and the shop has an API key.
    pub(crate) async fn start(variant: &Variant, with_domain: bool) -> anyhow::Result<Self> {
        let (setup, protocol) = (&variant.setup, variant.way.protocol);
        let mut more_merchants = Vec::new();
        if setup.second_merchant {
            more_merchants.push(credentials(OTHER_MCHID).await?);
        }
        let simulator = Simulator::start(SimulatorOptions {
            credentials: Some(credentials(MCHID).await?),
            more_merchants,
            tls_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            // The server follows the simulator's clock.
            real_time_signatures: false,
            ..SimulatorOptions::default()
        })
        .await?;
        let control = Control::new(simulator.merchant.settings.control_url.clone())?;
        control
            .post("/clock", json!({ "set_ms": START_MS, "rate": 0 }))
            .await?;
        let domain = if with_domain {
            let pay_url = settings::pay_url(Speaks::One(protocol), &simulator.merchant)?;
            Some(Domain::up(&pay_url).await?)
        } else {
            None
        };
        let all = std::iter::once(&simulator.merchant).chain(&simulator.more_merchants);
        let merchants: Vec<MerchantFiles> = all.cloned().collect();
        let mut world = Self {
            clock: Arc::new(WorldClock::new()),
            control,
            setup: setup.clone(),
            product: variant.way.product,
            speaks: Speaks::One(protocol),
            configured: merchants.clone(),
            merchants,
            domain,
            ours: Address::reserve()?,
            gate: Arc::default(),
            process: None,
            http: crate::http::client(REQUEST_TIMEOUT)?,
            api_key: String::new(),
            keys: 0,
            phones: BTreeMap::new(),
            ids: BTreeMap::new(),
            shown: BTreeMap::new(),
            scans: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            later: std::collections::VecDeque::new(),
            mini_program: None,
            folder: Folder::new()?,
            simulator: Some(simulator),
        };
        world.start_server().await?;
        world.make_api_key().await?;
        let url = world.notify_url(MCHID);
        world
            .control
            .post("/refund-notify-url", json!({ "mchid": MCHID, "url": url }))
            .await?;
        Ok(world)
    }

    async fn make_api_key(&mut self) -> anyhow::Result<()> {
        let ports = self.process()?.ports().clone();
        let mchid = Mchid::parse(MCHID)?;
        let (key, record) = new_api_key(mchid, "shop", &*ports.ids, ports.clock.now());
        ports.store.put_api_key(record).await?;
        self.api_key = key;
        Ok(())
    }

    pub(crate) fn process(&self) -> anyhow::Result<&Process> {
        self.process
            .as_ref()
            .context("our server is not running: a step { start = true } is missing")
    }

    /// By which protocol the shop's new orders go.
    pub(crate) const fn protocol(&self) -> Protocol {
        match self.speaks {
            Speaks::One(protocol) => protocol,
            Speaks::Both { new_orders } => new_orders,
        }
    }

    /// How the shop sells.
    pub(crate) const fn product(&self) -> Product {
        self.product
    }

    /// From its next start our server has the keys of both protocols.
    pub(crate) fn speak_both(&mut self, new_orders: Protocol) {
        self.speaks = Speaks::Both { new_orders };
    }

    pub(crate) fn notify_url(&self, mchid: &str) -> String {
        format!("{}/wechat/notify/{mchid}", self.ours.url())
    }

    pub(crate) const fn mchid() -> &'static str {
        MCHID
    }

    pub(crate) const fn appid() -> &'static str {
        APPID
    }

    pub(crate) fn appid_of(&self, app: ShopApp) -> anyhow::Result<String> {
        let files = self.merchants.first().context("no merchant")?;
        settings::app(files, app).map(|(appid, _)| appid)
    }

    pub(crate) fn api_base_url(&self) -> anyhow::Result<&str> {
        let files = self.merchants.first().context("no merchant")?;
        Ok(&files.settings.api_base_url)
    }

    pub(crate) fn app_secret(&self) -> anyhow::Result<&str> {
        let files = self.merchants.first().context("no merchant")?;
        Ok(&files.settings.app_secret)
    }

    // --------------------------------------------------------------------------------------- our server

    pub(crate) async fn start_server(&mut self) -> anyhow::Result<()> {
        if self.process.is_some() {
            bail!("our server is running already");
        }
        let hosts = Hosts {
            primary: self.domain.as_ref().map(Domain::url),
        };
        let config = settings::config(
            &self.setup,
            self.product,
            self.speaks,
            &self.configured,
            &hosts,
            self.ours.socket,
            self.folder.path(),
        )?;
        let listener = self.ours.open().await?;
        let process = Process::start(
            &config,
            &self.database(),
            &self.clock,
            &self.gate,
            listener,
            self.setup.bills,
        )
        .await?;
        self.process = Some(process);
        Ok(())
    }

    /// The server takes over the keys that the merchant has set meanwhile.
    pub(crate) fn configure_new_keys(&mut self) {
        self.configured.clone_from(&self.merchants);
    }

    /// The merchant as WeChat knows it.
    pub(crate) fn merchant_mut(&mut self) -> anyhow::Result<&mut MerchantFiles> {
        self.merchants.first_mut().context("no merchant")
    }

    pub(crate) async fn kill_server(&mut self) -> anyhow::Result<()> {
        let process = self.process.take().context("our server is dead already")?;
        process.kill().await?;
        self.ours.close().await?;
        // A dead process answers nobody.
        for (request, _) in self.later.drain(..) {
            request.abort();
        }
        Ok(())
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Copies the database as it is, with what is not yet in its main file.
    pub(crate) fn copy_database(&self, to: &str, from: &str) -> anyhow::Result<()> {
        for suffix in ["", "-wal"] {
            let named = |name: &str| self.folder.path().join(format!("{name}{suffix}"));
            let (to, from) = (named(to), named(from));
            if from.exists() {
                std::fs::copy(&from, &to)?;
            } else if to.exists() {
                std::fs::remove_file(&to)?;
            }
        }
        Ok(())
    }

    pub(crate) fn back_up(&self) -> anyhow::Result<()> {
        self.copy_database("backup.db", DATABASE)
    }

    pub(crate) fn restore(&self) -> anyhow::Result<()> {
        let shared_memory = self.folder.path().join(format!("{DATABASE}-shm"));
        if shared_memory.exists() {
            std::fs::remove_file(shared_memory)?;
        }
        self.copy_database(DATABASE, "backup.db")
    }

    pub(crate) async fn set_domain(&mut self, up: bool) -> anyhow::Result<()> {
        let domain = self.domain.as_mut().context("there is no such domain")?;
        domain.set_up(up).await?;
        Ok(())
    }

    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        if let Some(process) = self.process.take() {
            process.kill().await?;
        }
        if let Some(simulator) = self.simulator.take() {
            simulator.shutdown().await;
        }
        Ok(())
    }
}
