//! Our server, the real one: its router on a real port, its database in a file, and the worker's steps, run whenever
//! something is due. One runtime for each process it stands for, so that killing it ends everything it was doing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use shouyin_core::ports::{Clock, Ports, Store, StoreError};
use shouyin_core::reconciliation;
use shouyin_core::task::{Lane, Task};
use shouyin_core::time::{HOUR_MS, MINUTE_MS};
use shouyin_core::worker;
use shouyin_server::config::Config;
use shouyin_server::{Parts, Refresh, Server};
use shouyin_store::SqliteStore;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::clock::WorldClock;
use super::control::Control;
use super::gate::{Gate, GatedStore};

const LANES: [Lane; 3] = [Lane::Money, Lane::Webhook, Lane::Bill];
/// How many tasks of a lane run at once.
const SLOTS: u32 = 64;
/// How often to look whether something is stuck on purpose.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// A running process.
pub(crate) struct Process {
    runtime: Option<Runtime>,
    store: Arc<SqliteStore>,
    gate: Arc<Gate>,
    ports: Ports,
    refresh: Vec<Refresh>,
    refresh_at_ms: i64,
    /// Tasks that a switch of the simulator or a stop around a commit keeps from ending.
    stuck: Vec<JoinHandle<Result<(), StoreError>>>,
}

impl std::fmt::Debug for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Process")
    }
}

impl Process {
    /// Opens the database and serves.
    pub(crate) async fn start(
        config: &Config,
        database: &Path,
        clock: &Arc<WorldClock>,
        gate: &Arc<Gate>,
        listener: TcpListener,
        bills: bool,
    ) -> anyhow::Result<Self> {
        let path = database.to_owned();
        let store = tokio::task::spawn_blocking(move || SqliteStore::open(path)).await??;
        let store = Arc::new(store);
        gate.reset();
        let inner: Arc<dyn Store> = store.clone();
        let gated = GatedStore {
            inner,
            gate: Arc::clone(gate),
        };
        let clock: Arc<dyn Clock> = clock.clone();
        let now_ms = clock.now().as_millis();
        let parts = Parts::assemble(config, Arc::new(gated), clock, None)?;
        let refresh = parts.refresh.clone();
        let server = Server::build(parts);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("no runtime for a server")?;
        let listener = listener.into_std()?;
        let router = server.router();
        runtime.spawn(async move {
            let served = match TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, router).await,
                Err(why) => Err(why),
            };
            if let Err(why) = served {
                tracing::error!("A scenario's server ended: {why}");
            }
        });
        if bills {
            // As the server does when it starts.
            for merchant in &config.merchants {
                reconciliation::service::start(server.ports(), &merchant.mchid).await?;
            }
        }
        Ok(Self {
            runtime: Some(runtime),
            store,
            gate: Arc::clone(gate),
            ports: server.ports().clone(),
            refresh,
            refresh_at_ms: now_ms,
            stuck: Vec::new(),
        })
    }

    pub(crate) const fn ports(&self) -> &Ports {
        &self.ports
    }

    pub(crate) fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Runs everything that is due, as the worker loop does, until nothing is. Returns how many tasks were run.
    pub(crate) async fn work(&mut self, control: &Control) -> anyhow::Result<usize> {
        let Some(runtime) = self.runtime.as_ref().map(|it| it.handle().clone()) else {
            return Ok(0);
        };
        let mut ran = 0;
        self.chores(&runtime).await;
        loop {
            let mut batch: Vec<Task> = Vec::new();
            for lane in LANES {
                let ports = self.ports.clone();
                let claimed =
                    runtime.spawn(async move { worker::claim(&ports, lane, SLOTS).await });
                // While the database is away nothing can be claimed, and nothing is lost.
                match claimed.await {
                    Ok(Ok(tasks)) => batch.extend(tasks),
                    Ok(Err(why)) => tracing::debug!("No tasks can be claimed: {why}"),
                    Err(why) => tracing::debug!("No tasks can be claimed: {why}"),
                }
            }
            if batch.is_empty() {
                return Ok(ran);
            }
            ran += batch.len();
            let running = batch.into_iter().map(|task| {
                let ports = self.ports.clone();
                runtime.spawn(async move { worker::run_task(&ports, task).await })
            });
            let mut running: Vec<_> = running.collect();
            self.wait(&mut running, control).await?;
            self.stuck.extend(running);
            if self.gate.is_frozen() {
                return Ok(ran);
            }
        }
    }

    /// Waits for tasks; those that are held on purpose stay in the list.
    async fn wait(
        &self,
        running: &mut Vec<JoinHandle<Result<(), StoreError>>>,
        control: &Control,
    ) -> anyhow::Result<()> {
        loop {
            running.retain(|task| !task.is_finished());
            if running.is_empty() || self.gate.is_frozen() || control.held().await? > 0 {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What the server does by the clock: platform certificates are fetched at the start and every hour, and a minute
    /// after a failure.
    async fn chores(&mut self, runtime: &tokio::runtime::Handle) {
        let now_ms = self.ports.clock.now().as_millis();
        if now_ms < self.refresh_at_ms || self.refresh.is_empty() {
            return;
        }
        let mut wait_ms = HOUR_MS;
        for refresh in &self.refresh {
            let refresh = Arc::clone(refresh);
            match runtime.spawn(async move { refresh().await }).await {
                Ok(Ok(())) => {}
                Ok(Err(why)) => {
                    tracing::debug!("No certificates: {why}");
                    wait_ms = MINUTE_MS;
                }
                Err(why) => {
                    tracing::debug!("No certificates: {why}");
                    wait_ms = MINUTE_MS;
                }
            }
        }
        self.refresh_at_ms = now_ms.saturating_add(wait_ms);
    }

    /// When something is due next by our clock, Unix milliseconds.
    pub(crate) async fn next_due_ms(&self) -> Option<i64> {
        let mut next = (!self.refresh.is_empty()).then_some(self.refresh_at_ms);
        for lane in LANES {
            if let Ok(Some(due)) = self.ports.store.next_due(lane).await {
                let due = due.as_millis();
                next = Some(next.map_or(due, |next| next.min(due)));
            }
        }
        next
    }

    /// Ends it at once, whatever it is doing, and lets go of its database.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(runtime) = self.runtime.take() {
            tokio::task::spawn_blocking(move || runtime.shutdown_timeout(GONE)).await?;
        }
        let store = Arc::clone(&self.store);
        // What the writer had taken on is finished, like what the disk had taken on; nobody is told.
        tokio::task::spawn_blocking(move || store.close()).await??;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
