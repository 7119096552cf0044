//! Listening, serving and stopping: connections, the worker loop, and the order in which they end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::wiring::Server;
use crate::worker::{self, Housekeeping};

/// How long a connection may be silent, and how long a client may take to send its request line and headers. Longer than the
/// 60 s for which reverse proxies keep idle connections: they must be the ones to close, or they would lose requests.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long to wait after the system had no socket left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why serving did not begin. Each prints as one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another program listens there.
    #[error(
        "cannot listen on {address}: the port is taken; stop the program that has it, or choose another with listen (SHOUYIN_LISTEN), for example 127.0.0.1:0 for a free one"
    )]
    PortTaken {
        /// Where.
        address: SocketAddr,
    },
    /// The system does not allow it.
    #[error(
        "cannot listen on {address}: not allowed; use a port above 1023 or an address of this machine ({source})"
    )]
    NotAllowed {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Anything else the system said.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens the port. Port 0 picks a free one; ask the listener for it.
///
/// # Errors
/// One readable line: the port is taken, not allowed, or what the system said.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "io::ErrorKind is open-ended"
        )]
        match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::PortTaken { address },
            io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable => {
                ServeError::NotAllowed { address, source }
            }
            _ => ServeError::Listen { address, source },
        }
    })
}

impl Server {
    /// Serves until `shutdown` ends; then takes no more connections, lets requests and tasks finish, and returns.
    pub async fn serve(self, listener: TcpListener, shutdown: impl Future<Output = ()> + Send) {
        self.serve_with(listener, Router::new(), shutdown).await;
    }

    /// The same with more routes, for example the demo's page.
    pub async fn serve_with(
        self,
        listener: TcpListener,
        more: Router,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let stop = CancellationToken::new();
        let housekeeping = Housekeeping::new(self.refresh.clone(), self.merchants.clone());
        let worker = tokio::spawn(worker::run(
            self.ports.clone(),
            housekeeping,
            Arc::clone(&self.news),
            stop.clone(),
        ));
        let router = self.router().merge(more);

        let connections = GracefulShutdown::new();
        accept(&listener, router, &connections, shutdown).await;
        info!("Stopping: finishing what runs");
        drop(listener);
        stop.cancel();
        if let Some(journal) = &self.journal {
            journal.close();
        }
        if tokio::time::timeout(self.drain_timeout, connections.shutdown())
            .await
            .is_err()
        {
            warn!(
                "Some requests were still running and were cut off; their tasks are finished after the next start"
            );
        }
        if let Err(panic) = worker.await {
            warn!(error = %panic, "The worker had panicked");
        }
        info!("Stopped");
    }
}

async fn accept(
    listener: &TcpListener,
    router: Router,
    connections: &GracefulShutdown,
    shutdown: impl Future<Output = ()> + Send,
) {
    tokio::pin!(shutdown);
    let service = TowerToHyperService::new(router);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let service = service.clone();
                let watcher = connections.watcher();
                tokio::spawn(async move {
                    if let Err(why) = serve_one(stream, service, watcher).await {
                        debug!(error = %why, "A connection broke");
                    }
                });
            }
            Err(why) => {
                // Out of sockets, or the client was gone already: neither is a reason to stop.
                warn!(error = %why, "A connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_one(
    stream: TcpStream,
    service: TowerToHyperService<Router>,
    watcher: hyper_util::server::graceful::Watcher,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    // HTTP/2 ends at the proxy that also does TLS.
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    watcher.watch(connection).await
}
