//! `shouyin demo`: the whole path in one process. Nothing in it is mocked inside our server: it talks HTTP to the simulator,
//! which verifies our signatures and signs its own.

mod once;
mod page;
mod phone;
mod record;
pub(crate) mod settings;
mod shop;
mod timeline;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use axum::Router;
use axum::middleware::from_fn_with_state;
use shouyin_core::id::Mchid;
use shouyin_core::notification::NotificationEffect;
use shouyin_core::ports::{Clock, Ports};
use shouyin_server::journal::Journal;
use shouyin_server::{
    LogFormat, Parts, Server, SystemClock, bind, init_logging, new_api_key, open_store,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wechat_simulator::{Handle, Simulator, SimulatorOptions};

/// How many messages the timeline keeps.
const TIMELINE: usize = 2_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the page and Shouyin listen; port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8790")]
    listen: SocketAddr,
    /// Where the database lives; a temporary folder, deleted at the end, if not given
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Make one purchase without a browser, print the timeline, and exit: 0 only if it was paid through a verified notification
    #[arg(long)]
    once: bool,
    /// With --once: write every message between Shouyin and WeChat into this file, one JSON object a line
    #[arg(long, requires = "once")]
    record: Option<PathBuf>,
}

/// A folder that may have to be deleted at the end.
struct DataDir {
    path: PathBuf,
    temporary: bool,
}

impl DataDir {
    fn new(wanted: Option<PathBuf>) -> Self {
        match wanted {
            Some(path) => Self {
                path,
                temporary: false,
            },
            None => {
                let name = format!("shouyin-demo-{}", crate::random::hex(6));
                Self {
                    path: std::env::temp_dir().join(name),
                    temporary: true,
                }
            }
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::debug!(
                "The temporary folder {} stays: {error}",
                self.path.display()
            );
        }
    }
}

/// Everything that runs.
struct Demo {
    server: Server,
    routes: Router,
    listener: TcpListener,
    simulator: Handle,
    journal: Arc<Journal>,
    ports: Ports,
    mchid: Mchid,
    base_url: String,
    // Last: fields are dropped in this order, and the database is closed before its folder goes.
    _data_dir: DataDir,
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    init_logging(LogFormat::Text);
    let once = options.once;
    let record = options.record.clone();
    let demo = Demo::start(options).await?;
    if once {
        demo.purchase(record).await
    } else {
        demo.serve().await
    }
}

impl Demo {
    async fn start(options: Options) -> anyhow::Result<Self> {
        let data_dir = DataDir::new(options.data_dir);
        let listener = bind(options.listen).await?;
        let address = listener.local_addr()?;
        let reachable = if address.ip().is_unspecified() {
            SocketAddr::from((Ipv4Addr::LOCALHOST, address.port()))
        } else {
            address
        };
        let base_url = format!("http://{reachable}");

        let store = Arc::new(open_store(&data_dir.path)?);
        let simulator = Simulator::start(SimulatorOptions::default()).await?;
        let config = settings::config(&simulator.merchant, address, &data_dir.path, &base_url)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let journal = Journal::new(TIMELINE, Arc::clone(&clock));
        let parts = Parts::assemble(&config, store, clock, Some(Arc::clone(&journal)))?;
        let ports = parts.ports.clone();
        let server = Server::build(parts);

        let merchant = config
            .merchants
            .first()
            .context("the demo has a merchant")?;
        let (api_key, record) = new_api_key(
            merchant.mchid.clone(),
            "coffee shop",
            &*ports.ids,
            ports.clock.now(),
        );
        ports.store.put_api_key(record).await?;
        let settings = &simulator.merchant.settings;
        let shop = shop::Shop::new(base_url.clone(), api_key, settings.appid.clone())?;
        let page = page::PageState::new(settings.appid.clone(), settings.control_url.clone())?;
        let routes = Router::new()
            .nest("/demo/shop", shop::router(Arc::new(shop)))
            .merge(page::router(Arc::new(page)))
            .layer(from_fn_with_state(
                phone::PhoneMessages::new(Arc::clone(&journal)),
                phone::record,
            ))
            .merge(timeline::router(Arc::clone(&journal)));
        let mchid = merchant.mchid.clone();
        Ok(Self {
            server,
            routes,
            listener,
            simulator,
            journal,
            ports,
            mchid,
            base_url,
            _data_dir: data_dir,
        })
    }

    /// Until Ctrl-C.
    async fn serve(self) -> anyhow::Result<()> {
        println!("\n  Shouyin's demo is at  {}/\n", self.base_url);
        println!("  Buy a coffee on the left, read every message on the right.");
        println!("  API reference         {}/docs", self.base_url);
        println!(
            "  WeChat's simulator    {}  (buyer's phone at /_phone/)",
            self.simulator.base_url
        );
        println!("  Ctrl-C stops it.\n");
        self.server
            .serve_with(self.listener, self.routes, crate::shutdown::signal())
            .await;
        self.simulator.shutdown().await;
        Ok(())
    }

    /// One purchase without a browser.
    async fn purchase(self, record: Option<PathBuf>) -> anyhow::Result<()> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let serving = tokio::spawn(self.server.serve_with(
            self.listener,
            self.routes,
            async move { stopped.cancelled().await },
        ));
        let buyer = once::Buyer::new(
            self.base_url,
            self.simulator.merchant.settings.appid.clone(),
        )?;
        let bought = buyer.purchase().await;
        let proof = match bought {
            Ok(payment_id) => verified_notification(&self.ports, &self.mchid, &payment_id).await,
            Err(error) => Err(error),
        };
        if let Some(path) = record {
            record::write(&self.simulator.merchant.settings.control_url, &path).await?;
        }
        stop.cancel();
        serving.await?;
        self.simulator.shutdown().await;
        for entry in self.journal.after(0) {
            println!("{}", once::line(&entry));
        }
        let payment_id = proof?;
        println!("\nPayment {payment_id} is paid, through a verified notification.");
        Ok(())
    }
}

/// The payment must have become paid by a notification, not by a query.
async fn verified_notification(
    ports: &Ports,
    mchid: &Mchid,
    payment_id: &str,
) -> anyhow::Result<String> {
    let stored = ports.store.notifications(mchid.clone(), 10).await?;
    let applied = stored.iter().any(|notification| {
        notification.effect == NotificationEffect::Applied
            && notification
                .payment_id
                .as_ref()
                .is_some_and(|id| id.as_str() == payment_id)
    });
    ensure!(
        applied,
        "payment {payment_id} is paid, but not through a verified notification"
    );
    Ok(payment_id.to_owned())
}
