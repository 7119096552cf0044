//! From settings to a server: the database, the SDK's clients, the acquirer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use shouyin_core::id::Mchid;
use shouyin_core::ports::{Clock, Ids, Ports, Store};
use shouyin_store::{OpenError, SqliteStore};
use shouyin_wechat::{MerchantAccount, WechatAcquirer};
use wechatpay::v3::{self, KeyRing, RsaSigner};

use crate::config::{Config, Merchant};
use crate::journal::{Journal, JournalLoginTransport, JournalTransport, MerchantKeys};
use crate::wechat_login::WechatLogin;
use crate::wiring::{Parts, Server, SystemClock, SystemIds};
use crate::worker::Refresh;

/// Name of the database file inside `data_dir`.
const DATABASE: &str = "shouyin.db";

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
    /// WeChat's mini-program host or the TLS library.
    #[error("wechat.api_base_url: {0}")]
    Login(#[from] wechat_miniprogram::http::HttpError),
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
        let transport = pay_transport(config)?;
        let mut accounts = Vec::new();
        for merchant in &config.merchants {
            let account = account(merchant, &transport, &clock, journal.as_ref())?;
            accounts.push((merchant.mchid.clone(), account));
        }
        let acquirer = Arc::new(WechatAcquirer::new(accounts));
        let ids: Arc<dyn Ids> = Arc::new(SystemIds::new());
        let ports = Ports {
            store,
            clock: Arc::clone(&clock),
            ids,
            acquirer: acquirer.clone(),
        };
        let login = Arc::new(login(config, &clock, journal.as_ref())?);
        let apps: BTreeMap<_, _> = config
            .merchants
            .iter()
            .map(|merchant| (merchant.mchid.clone(), merchant.appids.clone()))
            .collect();
        let mut parts = Self::new(ports, login, apps);
        parts.refresh = refreshes(config, &acquirer);
        parts.journal = journal;
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

fn pay_transport(config: &Config) -> Result<Arc<dyn v3::Transport>, BuildError> {
    let options = v3::http::HttpOptions {
        secondary: config.wechat.pay_secondary_url.clone(),
        connect_timeout: config.timeouts.connect,
        timeout: config.timeouts.call,
        ..v3::http::HttpOptions::at(&config.wechat.pay_base_url)
    };
    Ok(Arc::new(v3::http::HttpTransport::new(options)?))
}

fn seconds(clock: &Arc<dyn Clock>) -> Arc<dyn Fn() -> i64 + Send + Sync> {
    let clock = Arc::clone(clock);
    Arc::new(move || clock.now().as_seconds())
}

fn account(
    merchant: &Merchant,
    transport: &Arc<dyn v3::Transport>,
    clock: &Arc<dyn Clock>,
    journal: Option<&Arc<Journal>>,
) -> Result<MerchantAccount, BuildError> {
    let keys = Arc::new(KeyRing::new());
    if let Some((id, key)) = &merchant.public_key {
        keys.insert_public_key(id, key.clone());
    }
    let transport: Arc<dyn v3::Transport> = match journal {
        None => Arc::clone(transport),
        Some(journal) => {
            let known = MerchantKeys {
                keys: Arc::clone(&keys),
                api_v3_key: merchant.api_v3_key.clone(),
            };
            journal.set_keys(merchant.mchid.clone(), known);
            let inner = Arc::clone(transport);
            Arc::new(JournalTransport::new(
                inner,
                Arc::clone(journal),
                Arc::clone(&keys),
            ))
        }
    };
    let account = v3::Account {
        mchid: wechatpay::text::Mchid::parse(merchant.mchid.as_str())?,
        signer: Arc::new(RsaSigner::new(
            merchant.serial_no.clone(),
            merchant.private_key.clone(),
        )),
        keys,
        api_v3_key: Some(merchant.api_v3_key.clone()),
        request_serial: merchant.public_key.as_ref().map(|(id, _)| id.clone()),
    };
    let nonces = Arc::new(v3::random_nonce);
    Ok(MerchantAccount {
        client: v3::Client::new(account, transport, seconds(clock), nonces),
        appids: merchant.appids.iter().cloned().collect::<BTreeSet<_>>(),
        notify_url: merchant.notify_url.clone(),
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
    Ok(WechatLogin::new(config.apps.iter().map(|app| {
        let secret = app.app_secret.clone();
        let client = wechat_miniprogram::Client::new(
            app.appid.as_str(),
            secret,
            Arc::clone(&transport),
            seconds(clock),
        );
        (app.appid.clone(), client)
    })))
}

/// One for each merchant that uses platform certificates.
fn refreshes(config: &Config, acquirer: &WechatAcquirer) -> Vec<Refresh> {
    let with_certificates = |mchid: &Mchid| {
        config
            .merchants
            .iter()
            .any(|merchant| merchant.mchid == *mchid && merchant.platform_certificates)
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
            match account.client.refresh_certificates().await {
                v3::Outcome::Done(_) => Ok(()),
                v3::Outcome::Rejected(error) => Err(error.to_string()),
                v3::Outcome::Unknown(unknown) => Err(unknown.to_string()),
            }
        })
    })
}
