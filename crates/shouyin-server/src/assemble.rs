//! From settings to a server: the database, the SDK's clients, the acquirer.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shouyin_core::id::{Appid, Mchid};
use shouyin_core::policy::Policies;
use shouyin_core::ports::{Clock, Ids, Ports, Store};
use shouyin_store::{OpenError, SqliteStore};
use shouyin_wechat::{AppKind, MerchantAccount, Protocols, V2, WechatAcquirer};
use wechatpay::v2;
use wechatpay::v3::http::{HttpOptions, HttpTransport};
use wechatpay::v3::{self, KeyRing, RsaSigner};

use crate::config::{AppConfig, Config, Keys, Merchant, V2Keys, V3Keys};
use crate::journal::{Journal, JournalLoginTransport, JournalTransport, MerchantKeys};
use crate::webhook_sender::{HttpWebhookSender, WebhookOptions};
use crate::wechat_login::WechatLogin;
use crate::wiring::{Parts, Server, SystemClock, SystemIds, WechatStatus};
use crate::worker::Refresh;

/// Name of the database file inside `data_dir`.
const DATABASE: &str = "shouyin.db";

/// WeChat's page where users of official accounts say who they are.
const AUTHORIZE_PATH: &str = "/connect/oauth2/authorize";

/// Why a server cannot be put together. Each prints as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder for the database.
    #[error("cannot use data_dir {}: {source}; create it, make it writable, or choose another with data_dir (SHOUYIN_DATA_DIR)", path.display())]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// WeChat Pay's hosts or the TLS library.
    #[error("wechat.pay_base_url: {0}")]
    Pay(#[from] v3::http::HttpError),
    /// The certificate that a merchant refunds with.
    #[error("merchants: {mchid}: its certificate cannot be used: {source}")]
    Certificate {
        /// Whose.
        mchid: Mchid,
        /// What is wrong with it.
        source: v3::http::HttpError,
    },
    /// WeChat's mini-program host or the TLS library.
    #[error("wechat.api_base_url: {0}")]
    Login(#[from] wechat_miniprogram::http::HttpError),
    /// The TLS library.
    #[error("webhooks: {0}")]
    Webhooks(String),
    /// A merchant number the SDK does not take.
    #[error("merchants: {0}")]
    Merchant(#[from] wechatpay::text::TextError),
}

/// Opens the database in `data_dir`, creating folder and file if need be.
///
/// # Errors
/// One line: the folder or file cannot be used, or another process uses it.
pub fn open_store(data_dir: &Path) -> Result<SqliteStore, BuildError> {
    std::fs::create_dir_all(data_dir).map_err(|source| BuildError::DataDir {
        path: data_dir.to_owned(),
        source,
    })?;
    Ok(SqliteStore::open(data_dir.join(DATABASE))?)
}

impl Parts {
    /// Everything from settings, with the system's clock and randomness and the database in `data_dir`.
    ///
    /// # Errors
    /// One line: database or network library cannot be used.
    pub fn from_config(config: &Config) -> Result<Self, BuildError> {
        let store = Arc::new(open_store(&config.data_dir)?);
        Self::assemble(config, store, Arc::new(SystemClock::default()), None)
    }

    /// The same with a store, a clock and perhaps a journal of the caller's: for the demo.
    ///
    /// # Errors
    /// The network library cannot be used with these settings.
    pub fn assemble(
        config: &Config,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        journal: Option<Arc<Journal>>,
    ) -> Result<Self, BuildError> {
        let ways = PayWays::new(config)?;
        let mut accounts = Vec::new();
        for merchant in &config.merchants {
            let account = account(merchant, &config.apps, &ways, &clock, journal.as_ref())?;
            accounts.push((merchant.mchid.clone(), account));
        }
        let mut acquirer = WechatAcquirer::new(accounts).with_clock(Arc::clone(&clock));
        for merchant in &config.merchants {
            acquirer = acquirer.with_limits(&merchant.mchid, merchant.wechat_limits);
        }
        let acquirer = Arc::new(acquirer);
        let ids: Arc<dyn Ids> = Arc::new(SystemIds::new());
        let ports = Ports {
            store,
            clock: Arc::clone(&clock),
            ids,
            acquirer: acquirer.clone(),
            merchants: Arc::new(webhooks(config)?),
            policies: Arc::new(policies(config)),
        };
        let login = Arc::new(login(config, &clock, journal.as_ref())?);
        let apps: BTreeMap<_, _> = config
            .merchants
            .iter()
            .map(|merchant| (merchant.mchid.clone(), merchant.appids.clone()))
            .collect();
        let mut parts = Self::new(ports, login, apps);
        parts.refresh = refreshes(config, &acquirer);
        parts.wechat_status = Some(wechat_status(&acquirer));
        parts.journal = journal;
        parts.limits = config.limits;
        parts.request_timeout = config.timeouts.request;
        parts.notification_timeout = config.timeouts.notification;
        parts.drain_timeout = config.timeouts.drain;
        Ok(parts)
    }
}

impl Server {
    /// A server from settings. Nothing runs yet.
    ///
    /// # Errors
    /// As [`Parts::from_config`].
    pub fn from_config(config: &Config) -> Result<Self, BuildError> {
        Ok(Self::build(Parts::from_config(config)?))
    }
}

fn wechat_status(acquirer: &Arc<WechatAcquirer>) -> WechatStatus {
    let acquirer = Arc::clone(acquirer);
    Arc::new(move || acquirer.status().map(|(_, status)| status).collect())
}

/// The ways to WeChat Pay: one for everybody, and one of its own for each merchant whose certificate is asked for.
struct PayWays {
    options: HttpOptions,
    open: Arc<dyn v3::Transport>,
}

impl PayWays {
    fn new(config: &Config) -> Result<Self, BuildError> {
        let options = HttpOptions {
            secondary: config.wechat.pay_secondary_url.clone(),
            connect_timeout: config.timeouts.connect,
            timeout: config.timeouts.call,
            extra_roots: config.wechat.pay_extra_root.clone().into_iter().collect(),
            ..HttpOptions::at(&config.wechat.pay_base_url)
        };
        Ok(Self {
            open: Arc::new(HttpTransport::new(options.clone())?),
            options,
        })
    }

    fn certified(&self, keys: &V2Keys, mchid: &Mchid) -> Result<HttpTransport, BuildError> {
        let options = HttpOptions {
            identity: Some(keys.identity.clone()),
            ..self.options.clone()
        };
        HttpTransport::new(options).map_err(|source| BuildError::Certificate {
            mchid: mchid.clone(),
            source,
        })
    }
}

fn webhooks(config: &Config) -> Result<HttpWebhookSender, BuildError> {
    let options = WebhookOptions {
        allow_http: config.webhooks.allow_http,
        allowed_networks: config.webhooks.allowed_networks.clone(),
        timeout_ms: config.webhooks.timeout_ms,
    };
    HttpWebhookSender::new(options).map_err(|error| BuildError::Webhooks(error.to_string()))
}

fn policies(config: &Config) -> Policies {
    Policies::new(
        config
            .merchants
            .iter()
            .map(|merchant| (merchant.mchid.clone(), merchant.policy)),
    )
}

fn seconds(clock: &Arc<dyn Clock>) -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.now().as_seconds())
}

fn account(
    merchant: &Merchant,
    apps: &[AppConfig],
    ways: &PayWays,
    clock: &Arc<dyn Clock>,
    journal: Option<&Arc<Journal>>,
) -> Result<MerchantAccount, BuildError> {
    // Checked with the configuration: each of its apps has a block of its own.
    let kind = |appid: &Appid| {
        let found = apps.iter().find(|app| app.appid == *appid);
        found.map_or(AppKind::MiniProgram, |app| app.kind)
    };
    let v3 = |keys| v3_client(merchant, keys, ways, clock, journal);
    let v2 = |keys| v2_client(merchant, keys, ways, clock);
    let protocols = match &merchant.keys {
        Keys::V3(keys) => Protocols::v3(v3(keys)?),
        Keys::V2(keys) => Protocols::v2(v2(keys)?),
        Keys::Both {
            v3: v3_keys,
            v2: v2_keys,
            new_orders,
        } => Protocols::both(v3(v3_keys)?, v2(v2_keys)?, *new_orders),
    };
    Ok(MerchantAccount {
        protocols,
        apps: merchant
            .appids
            .iter()
            .map(|appid| (appid.clone(), kind(appid)))
            .collect(),
        v3_codes: merchant.v3_codes,
        h5_site: merchant.h5_site.clone(),
        notify_url: merchant.notify_url.clone(),
    })
}

fn v3_client(
    merchant: &Merchant,
    known: &V3Keys,
    ways: &PayWays,
    clock: &Arc<dyn Clock>,
    journal: Option<&Arc<Journal>>,
) -> Result<v3::Client, BuildError> {
    let keys = Arc::new(KeyRing::new());
    if let Some((id, key)) = &known.public_key {
        keys.insert_public_key(id, key.clone());
    }
    let mut transport = Arc::clone(&ways.open);
    if let Some(journal) = journal {
        let shown = MerchantKeys {
            keys: Arc::clone(&keys),
            api_v3_key: known.api_v3_key.clone(),
        };
        journal.set_keys(merchant.mchid.clone(), shown);
        transport = Arc::new(JournalTransport::new(
            transport,
            Arc::clone(journal),
            Arc::clone(&keys),
        ));
    }
    let account = v3::Account {
        mchid: wechatpay::text::Mchid::parse(merchant.mchid.as_str())?,
        signer: Arc::new(RsaSigner::new(
            known.serial_no.clone(),
            known.private_key.clone(),
        )),
        keys,
        api_v3_key: Some(known.api_v3_key.clone()),
        request_serial: known.public_key.as_ref().map(|(id, _)| id.clone()),
    };
    let nonces = Arc::new(v3::random_nonce);
    Ok(v3::Client::new(account, transport, seconds(clock), nonces))
}

/// Not in the journal: its explanations are of APIv3's signatures, which these calls do not have.
fn v2_client(
    merchant: &Merchant,
    keys: &V2Keys,
    ways: &PayWays,
    clock: &Arc<dyn Clock>,
) -> Result<V2, BuildError> {
    let account = v2::Account {
        mchid: wechatpay::text::Mchid::parse(merchant.mchid.as_str())?,
        key: keys.api_key.clone(),
        sign_type: keys.sign_type,
    };
    let open = Arc::clone(&ways.open);
    let certified = Arc::new(ways.certified(keys, &merchant.mchid)?);
    let nonces = Arc::new(v3::random_nonce);
    Ok(V2 {
        client: v2::Client::new(account, open, Some(certified), nonces),
        clock: seconds(clock),
    })
}

fn login(
    config: &Config,
    clock: &Arc<dyn Clock>,
    journal: Option<&Arc<Journal>>,
) -> Result<WechatLogin, BuildError> {
    let options = wechat_miniprogram::http::HttpOptions {
        connect_timeout: config.timeouts.connect,
        timeout: config.timeouts.call,
        ..wechat_miniprogram::http::HttpOptions::at(&config.wechat.api_base_url)
    };
    let mut transport: Arc<dyn wechat_miniprogram::Transport> =
        Arc::new(wechat_miniprogram::http::HttpTransport::new(options)?);
    if let Some(journal) = journal {
        transport = Arc::new(JournalLoginTransport::new(transport, Arc::clone(journal)));
    }
    let clients = config.apps.iter().filter_map(|app| {
        let secret = app.app_secret.clone()?;
        let client = wechat_miniprogram::Client::new(
            app.appid.as_str(),
            secret,
            Arc::clone(&transport),
            seconds(clock),
        );
        Some((app.appid.clone(), app.kind, client))
    });
    let page = format!("{}{AUTHORIZE_PATH}", config.wechat.pages_base_url);
    Ok(WechatLogin::new(clients).with_page(page))
}

/// One for each merchant that uses platform certificates.
fn refreshes(config: &Config, acquirer: &WechatAcquirer) -> Vec<Refresh> {
    let with_certificates = |mchid: &Mchid| {
        config
            .merchants
            .iter()
            .filter(|merchant| merchant.mchid == *mchid)
            .filter_map(|merchant| merchant.keys.v3())
            .any(|keys| keys.platform_certificates)
    };
    acquirer
        .accounts()
        .filter(|(mchid, _)| with_certificates(mchid))
        .map(|(_, account)| refresh(Arc::clone(account)))
        .collect()
}

fn refresh(account: Arc<MerchantAccount>) -> Refresh {
    Arc::new(move || {
        let account = Arc::clone(&account);
        Box::pin(async move {
            let Some(client) = account.protocols.as_v3() else {
                return Ok(());
            };
            match client.refresh_certificates().await {
                v3::Outcome::Done(_) => Ok(()),
                v3::Outcome::Rejected(error) => Err(error.to_string()),
                v3::Outcome::Unknown(unknown) => Err(unknown.to_string()),
            }
        })
    })
}
