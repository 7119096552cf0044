//! Receivers, and ways to look up names, that behave as told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use shouyin_core::id::EventId;
use shouyin_core::webhook::model::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

pub(super) const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

pub(super) fn secret(text: &str) -> Secret {
    Secret {
        text: text.to_owned(),
        expires_at: None,
    }
}

pub(super) fn message(url: String) -> Message {
    let event_id = EventId::parse("evt_0190a5a0b1c27d3e8f00112233445566").unwrap();
    Message {
        url,
        body: format!(r#"{{"id":"{event_id}","type":"payment.paid","data":{{"商品":"拿铁"}}}}"#),
        event_id,
        timestamp_s: 1_767_585_784,
        secrets: vec![secret(SECRET)],
    }
}

/// Plain `http` and this machine are allowed.
pub(super) fn sender() -> HttpWebhookSender {
    sender_with(&["127.0.0.0/8"], 5_000, Arc::new(SystemLookup))
}

pub(super) fn sender_with(
    networks: &[&str],
    timeout_ms: u64,
    lookup: Arc<dyn Lookup>,
) -> HttpWebhookSender {
    let options = WebhookOptions {
        allow_http: true,
        allowed_networks: networks.iter().map(|net| net.parse().unwrap()).collect(),
        timeout_ms,
    };
    HttpWebhookSender::with_lookup(options, lookup).unwrap()
}

/// What was said instead of an answer. It never names an address.
#[track_caller]
pub(super) fn refused(reply: Reply) -> String {
    match reply {
        Reply::None { reason } => {
            for inside in ["127.", "10.", "::", "whsec"] {
                assert!(!reason.contains(inside), "{reason}");
            }
            reason
        }
        Reply::Status(status) => panic!("answered {status}"),
    }
}

pub(super) fn words(headers: &HeaderMap) -> Vec<(&str, &str)> {
    let mut words: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    words.sort_unstable();
    words
}

/// An address nobody listens on.
pub(super) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// How a receiver answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(StatusCode),
    /// And closes the connection, so that the next webhook needs a new one.
    Close,
    Redirect(StatusCode, String),
    Cookie,
    EndlessBody,
    HangingBody,
    Never,
    HangUp,
}

/// What a receiver got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn new(answer: Answer) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), answer)
            .await
            .unwrap()
    }

    pub(super) async fn at(address: SocketAddr, answer: Answer) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let got = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .fallback(receive)
            .with_state((Arc::clone(&got), answer));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Ok(Self { address, got, task })
    }

    pub(super) fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Got> {
        self.got
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn count(&self) -> usize {
        self.requests().len()
    }

    #[track_caller]
    pub(super) fn only(&self) -> Got {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Desk = (Arc<Mutex<Vec<Got>>>, Answer);

async fn receive(State((got, answer)): State<Desk>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    got.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Got {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        });
    let stream = |parts: usize| {
        futures_util::stream::iter(0..parts)
            .map(|_| Ok::<_, io::Error>(Bytes::from_static(&[b'x'; 1000])))
    };
    match answer {
        Answer::Status(status) => (status, "thank you, from 10.0.0.7").into_response(),
        Answer::Close => ([("connection", "close")], "").into_response(),
        Answer::Redirect(status, to) => (status, [("location", to)]).into_response(),
        Answer::Cookie => ([("set-cookie", "a=b; Path=/")], "").into_response(),
        Answer::EndlessBody => Body::from_stream(stream(usize::MAX)).into_response(),
        Answer::HangingBody => {
            Body::from_stream(stream(1).chain(futures_util::stream::pending())).into_response()
        }
        Answer::Never => std::future::pending().await,
        // A panic in a handler makes the server drop the connection.
        Answer::HangUp => panic!("on purpose: hang up"),
    }
}

/// Takes connections and says what it is told, which need not be HTTP.
#[derive(Debug)]
pub(super) struct Raw {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Raw {
    /// Says nothing, and keeps the connection open.
    pub(super) async fn silent() -> Self {
        Self::new(|mut stream| async move {
            drop(stream.read_to_end(&mut Vec::new()).await);
        })
        .await
    }

    /// Says this at once.
    pub(super) async fn saying(text: &'static str) -> Self {
        Self::new(move |mut stream| async move {
            stream.write_all(text.as_bytes()).await.unwrap();
            drop(stream.read_to_end(&mut Vec::new()).await);
        })
        .await
    }

    /// Says this to a whole webhook, and closes the connection.
    pub(super) async fn answering(text: &'static str) -> Self {
        Self::new(move |mut stream| async move {
            let mut request = Vec::new();
            while !request.ends_with(b"}}") && stream.read_buf(&mut request).await.unwrap() > 0 {}
            stream.write_all(text.as_bytes()).await.unwrap();
        })
        .await
    }

    async fn new<F>(talk: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            loop {
                talk(listener.accept().await.unwrap().0).await;
            }
        });
        Self { address, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A name server that does not answer.
pub(super) struct NoAnswer;

impl Lookup for NoAnswer {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(std::future::pending())
    }
}

/// A name server that says one thing after the other, and the last one for ever.
#[derive(Debug)]
pub(super) struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            answers: Mutex::new(answers.iter().map(parse).collect()),
            asked: Mutex::default(),
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Lookup for Names {
    fn lookup(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.len() {
            0 => Err(io::Error::other("server 10.0.0.53 does not know it")),
            1 => Ok(answers[0].clone()),
            _ => Ok(answers.remove(0)),
        };
        Box::pin(std::future::ready(answer))
    }
}
