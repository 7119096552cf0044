//! The accept loop. A handler can end its connection without an answer, which no ready-made server allows.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tower_http::cors::CorsLayer;

use super::front::Front;
use super::socket::Socket;
use super::tls::{self, Tls};
use super::{control, phone_page};
use crate::message::{Connection, Input, Output, UNTIL_RELEASED, WireRequest};

/// Larger bodies than any request to WeChat has.
const BODY_LIMIT: usize = 1 << 20;

/// Serves until `stop` is cancelled, then ends all connections.
pub(crate) async fn serve(listener: TcpListener, front: Arc<Front>, stop: CancellationToken) {
    let router = router(front);
    accept(listener, stop, move |stream| plain(stream, router.clone())).await;
}

/// The same with TLS.
pub(crate) async fn serve_tls(listener: TcpListener, front: Arc<Front>, stop: CancellationToken) {
    let router = router(front.clone());
    accept(listener, stop, move |stream| {
        encrypted(stream, front.clone(), router.clone())
    })
    .await;
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    stop: CancellationToken,
    serve_one: impl Fn(TcpStream) -> F,
) {
    let connections = TaskTracker::new();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(why) => {
                    tracing::warn!("cannot accept a connection: {why}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        if let Err(why) = stream.set_nodelay(true) {
            tracing::debug!("cannot switch off delays: {why}");
        }
        let (serving, stop) = (serve_one(stream), stop.clone());
        connections.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = serving => {}
            }
        });
    }
    connections.close();
    connections.wait().await;
}

fn router(front: Arc<Front>) -> Router {
    Router::new()
        .nest("/_control", control::router(front.clone()))
        .merge(phone_page::router())
        .layer(CorsLayer::permissive())
        .fallback(wechat)
        .with_state(front)
}

/// Put into a response to end the connection instead of sending it.
#[derive(Clone, Copy, Debug)]
struct Abort {
    reset: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer")]
struct Aborted;

async fn plain(stream: TcpStream, router: Router) {
    let reset = Arc::new(AtomicBool::new(false));
    let socket = Socket::new(stream, reset.clone());
    connection(socket, reset, router, Connection::Plain).await;
}

async fn encrypted(stream: TcpStream, front: Arc<Front>, router: Router) {
    let config = match front.tls.as_ref().map(Tls::config) {
        Some(Ok(config)) => config,
        Some(Err(why)) => return tracing::error!("cannot serve TLS: {why}"),
        None => return,
    };
    let reset = Arc::new(AtomicBool::new(false));
    let socket = Socket::new(stream, reset.clone());
    match TlsAcceptor::from(config).accept(socket).await {
        Ok(stream) => {
            let through = tls::connection(stream.get_ref().1);
            connection(stream, reset, router, through).await;
        }
        // A stranger's certificate, or a client that does not trust ours.
        Err(why) => tracing::debug!("the TLS handshake failed: {why}"),
    }
}

async fn connection<S>(stream: S, reset: Arc<AtomicBool>, router: Router, through: Connection)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |mut request: http::Request<_>| {
        let (mut router, reset) = (router.clone(), reset.clone());
        request.extensions_mut().insert(through.clone());
        async move {
            let Ok(response) = match router.call(request).await {
                Ok(response) => Ok::<Response, Infallible>(response),
                Err(never) => match never {},
            };
            match response.extensions().get::<Abort>() {
                Some(abort) => {
                    reset.store(abort.reset, Ordering::Release);
                    Err(Aborted)
                }
                None => Ok(response),
            }
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    // As WeChat spells them: Wechatpay-Serial, Request-Id.
    builder.http1().title_case_headers(true);
    // Ends in an error whenever a client hangs up or a fault cuts it off, which is everyday life here.
    if let Err(why) = builder
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!("connection ended: {why}");
    }
}

/// Everything that is not ours belongs to WeChat, on either of its hosts.
async fn wechat(State(front): State<Arc<Front>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let connection = parts.extensions.remove::<Connection>().unwrap_or_default();
    let body: Bytes = match axum::body::to_bytes(body, BODY_LIMIT).await {
        Ok(body) => body,
        Err(_) => return (http::StatusCode::PAYLOAD_TOO_LARGE, "").into_response(),
    };
    let target = parts.uri.path_and_query().map_or_else(
        || parts.uri.path().to_owned(),
        |target| target.as_str().to_owned(),
    );
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let outputs = front.step(Input::Request(WireRequest {
        method: parts.method.as_str().to_owned(),
        target,
        headers,
        body: body.to_vec(),
        connection,
    }));
    for output in outputs {
        match output {
            Output::Answer { response, after_ms } => {
                if after_ms == UNTIL_RELEASED {
                    front.hold().await;
                } else {
                    pause(after_ms).await;
                }
                return answer(response);
            }
            Output::NoAnswer { after_ms, reset } => {
                pause(after_ms).await;
                let mut response = Response::new(Body::empty());
                response.extensions_mut().insert(Abort { reset });
                return response;
            }
            Output::SendNotification(_) | Output::Phone(_) | Output::Control(_) => {}
        }
    }
    (http::StatusCode::INTERNAL_SERVER_ERROR, "").into_response()
}

async fn pause(ms: i64) {
    if let Ok(ms) = u64::try_from(ms)
        && ms > 0
    {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}

fn answer(answer: wechatpay::v3::RawResponse) -> Response {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    match response.body(Body::from(answer.body)) {
        Ok(response) => response,
        Err(why) => {
            tracing::error!("an answer cannot be sent: {why}");
            (http::StatusCode::INTERNAL_SERVER_ERROR, "").into_response()
        }
    }
}
