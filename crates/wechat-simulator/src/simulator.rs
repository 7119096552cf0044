//! Starting and stopping a simulator with its HTTP front.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assumptions::Assumptions;
use crate::clock::real_ms;
use crate::credentials::{Credentials, SimulatorError, broken, random_seed};
use crate::files::{MerchantFiles, write_merchant_files};
use crate::heart::{Options, Timing, Wechat};
use crate::http::{Front, Tls, serve, serve_tls};

/// The name under which keys are kept in the folder of `run`.
const KEY_FILE: &str = "simulator-keys.json";

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// Where to listen with TLS as well, for calls that present the merchant's certificate; port 0 picks a free one.
    pub tls_listen: Option<SocketAddr>,
    /// The address others reach it by; default `http://` and the address it listens on.
    pub base_url: Option<String>,
    /// The merchant's number.
    pub mchid: String,
    /// The mini program bound to it.
    pub appid: String,
    /// Keys of an earlier start; `None` makes new ones.
    pub credentials: Option<Credentials>,
    /// Further merchants. An app that the first one has as well keeps the first one's secret.
    pub more_merchants: Vec<Credentials>,
    /// The points the documentation leaves open.
    pub assumptions: Assumptions,
    /// From the acceptance of a refund to its end, milliseconds.
    pub refund_ms: i64,
    /// Whether exchanges are recorded for `/_control/log`. Off makes a simulator under load cheaper.
    pub log: bool,
    /// Whether signatures carry the real time although simulated time has been changed. On, clients with an ordinary
    /// clock keep working after a jump; off, they must follow `/_control/clock`.
    pub real_time_signatures: bool,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls_listen: None,
            base_url: None,
            mchid: "1900000001".to_owned(),
            appid: "wx1111222233334444".to_owned(),
            credentials: None,
            more_merchants: Vec::new(),
            assumptions: Assumptions::default(),
            refund_ms: Timing::default().refund_ms,
            log: true,
            real_time_signatures: true,
        }
    }
}

/// Starts simulators.
#[derive(Clone, Copy, Debug)]
pub struct Simulator;

impl Simulator {
    /// Starts a simulator on the current tokio runtime.
    ///
    /// # Errors
    /// When the address is taken, or a key cannot be made or read.
    pub async fn start(options: SimulatorOptions) -> Result<Handle, SimulatorError> {
        let listener =
            TcpListener::bind(options.listen)
                .await
                .map_err(|source| SimulatorError::Listen {
                    address: options.listen.to_string(),
                    source,
                })?;
        Self::serve(listener, options).await
    }

    /// The same on a socket that is bound already.
    ///
    /// # Errors
    /// When a key cannot be made or read.
    pub async fn serve(
        listener: TcpListener,
        options: SimulatorOptions,
    ) -> Result<Handle, SimulatorError> {
        let address = listener
            .local_addr()
            .map_err(|source| SimulatorError::Listen {
                address: options.listen.to_string(),
                source,
            })?;
        let base_url = options
            .base_url
            .unwrap_or_else(|| format!("http://{address}"));
        let credentials = match options.credentials {
            Some(credentials) => credentials,
            None => {
                let (mchid, appid) = (options.mchid, options.appid);
                tokio::task::spawn_blocking(move || {
                    Credentials::generate(&mchid, &appid, real_ms())
                })
                .await
                .map_err(|why| broken("keys", why))??
            }
        };
        let mut wechat = Wechat::new(Options {
            seed: random_seed()?,
            log: options.log,
            assumptions: options.assumptions,
            timing: Timing {
                refund_ms: options.refund_ms,
                // The front reports every failure itself, in real time, whatever pace simulated time has.
                answer_timeout_ms: None,
            },
        })
        .with_browser_host(&base_url)
        .with_merchant(credentials.merchant()?);
        wechat = with_apps(wechat, &credentials);
        wechat.openid(&credentials.appid, "buyer");
        let mut more_merchants = Vec::with_capacity(options.more_merchants.len());
        for mut more in options.more_merchants {
            let known = wechat.apps().find(|app| app.appid == more.appid);
            if let Some(secret) = known.map(|app| app.secret.clone()) {
                more.app_secret = secret;
            }
            wechat = with_apps(wechat, &more).with_merchant(more.merchant()?);
            more_merchants.push(MerchantFiles::new(more, &base_url)?);
        }
        let mut merchant = MerchantFiles::new(credentials, &base_url)?;
        let (tls, tls_listener) = match options.tls_listen {
            Some(address) => {
                let (tls, listener) = listen_tls(address).await?;
                let all = std::iter::once(&mut merchant).chain(&mut more_merchants);
                for files in all {
                    tls.trust(&files.credentials.merchant_certificate_pem)?;
                    *files = files.clone().with_tls(&tls.base_url, &tls.authority_pem);
                }
                (Some(tls), Some(listener))
            }
            None => (None, None),
        };
        let all = std::iter::once(&merchant).chain(&more_merchants);
        let stop = CancellationToken::new();
        let front = Front::new(
            wechat,
            all.cloned().collect(),
            base_url.clone(),
            tls,
            options.real_time_signatures,
            stop.clone(),
        )?;
        let front = Arc::new(front);
        let tasks = TaskTracker::new();
        tasks.spawn(front.clone().keep_time());
        if let Some(listener) = tls_listener {
            tasks.spawn(serve_tls(listener, front.clone(), stop.clone()));
        }
        tasks.spawn(serve(listener, front, stop.clone()));
        tasks.close();
        Ok(Handle {
            base_url,
            address,
            merchant,
            more_merchants,
            stop,
            tasks,
        })
    }
}

fn with_apps(wechat: Wechat, credentials: &Credentials) -> Wechat {
    let apps = credentials.apps().into_iter();
    apps.fold(wechat, |wechat, (app, kind)| {
        let appid = app.appid.clone();
        wechat.with_app(app).with_app_kind(appid, kind)
    })
}

async fn listen_tls(address: SocketAddr) -> Result<(Tls, TcpListener), SimulatorError> {
    let refused = |source| SimulatorError::Listen {
        address: address.to_string(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    let tls = Tls::new(format!("https://{bound}"), bound.ip())?;
    Ok((tls, listener))
}

/// A running simulator. Dropping the handle leaves it running; [`Handle::shutdown`] ends it.
#[derive(Debug)]
pub struct Handle {
    /// The address to use in place of both of WeChat's hosts.
    pub base_url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// What the simulated merchant holds.
    pub merchant: MerchantFiles,
    /// What the further merchants hold, in the order of the options.
    pub more_merchants: Vec<MerchantFiles>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Handle {
    /// Ends the simulator and all its connections.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// Runs a simulator until `shutdown` is ready; TLS on a free port of the same address. With a folder, its merchant's files are written there, and keys found
/// there from an earlier run are used again. `started` is told the handle once everything is ready.
///
/// # Errors
/// When the address is taken, or a file or key cannot be made, read or written.
pub async fn run(
    listen: SocketAddr,
    folder: Option<&Path>,
    started: impl FnOnce(&Handle),
    shutdown: impl Future<Output = ()>,
) -> Result<(), SimulatorError> {
    let key_file: Option<PathBuf> = folder.map(|folder| folder.join(KEY_FILE));
    let credentials = match &key_file {
        Some(path) => Credentials::load(path)?,
        None => None,
    };
    let handle = Simulator::start(SimulatorOptions {
        listen,
        tls_listen: Some(SocketAddr::new(listen.ip(), 0)),
        credentials,
        ..SimulatorOptions::default()
    })
    .await?;
    if let (Some(folder), Some(path)) = (folder, key_file) {
        write_merchant_files(folder, &handle.merchant)?;
        handle.merchant.credentials.save(&path)?;
    }
    started(&handle);
    shutdown.await;
    handle.shutdown().await;
    Ok(())
}
