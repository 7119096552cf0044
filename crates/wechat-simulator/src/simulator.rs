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
use crate::http::{Front, serve};

/// The name under which keys are kept in the folder of `run`.
const KEY_FILE: &str = "simulator-keys.json";

/// How a simulator starts.
#[derive(Clone, Debug)]
pub struct SimulatorOptions {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    /// The address others reach it by; default `http://` and the address it listens on.
    pub base_url: Option<String>,
    /// The merchant's number.
    pub mchid: String,
    /// The mini program bound to it.
    pub appid: String,
    /// Keys of an earlier start; `None` makes new ones.
    pub credentials: Option<Credentials>,
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
            base_url: None,
            mchid: "1900000001".to_owned(),
            appid: "wx1111222233334444".to_owned(),
            credentials: None,
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
        .with_app(credentials.app())
        .with_merchant(credentials.merchant()?);
        wechat.openid(&credentials.appid, "buyer");
        let merchant = MerchantFiles::new(credentials, &base_url)?;
        let stop = CancellationToken::new();
        let front = Front::new(
            wechat,
            vec![merchant.clone()],
            base_url.clone(),
            options.real_time_signatures,
            stop.clone(),
        )?;
        let front = Arc::new(front);
        let tasks = TaskTracker::new();
        tasks.spawn(front.clone().keep_time());
        tasks.spawn(serve(listener, front, stop.clone()));
        tasks.close();
        Ok(Handle {
            base_url,
            address,
            merchant,
            stop,
            tasks,
        })
    }
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

/// Runs a simulator until `shutdown` is ready. With a folder, its merchant's files are written there, and keys found
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
