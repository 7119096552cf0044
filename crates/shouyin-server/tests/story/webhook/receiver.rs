//! A merchant's own server, which answers as told and keeps what it got.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What a receiver does with a webhook.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16),
    Redirect(String),
    /// 500 for bodies that contain this, 200 for others.
    Refuse(&'static str),
    /// Never.
    Hang,
    /// Drops the connection.
    HangUp,
}

/// A webhook, as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn event_type(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    pub(super) fn signatures(&self) -> Vec<&str> {
        self.header("webhook-signature").split(' ').collect()
    }

    /// What a receiver with this secret finds. (The library's own `verify` reads the system's clock.)
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let at = self.header("webhook-timestamp").parse().unwrap();
        let signature = Webhook::new(secret)
            .unwrap()
            .sign(self.header("webhook-id"), at, self.body.as_bytes())
            .unwrap();
        self.signatures().contains(&signature.as_str())
    }
}

#[derive(Debug)]
struct Desk {
    answer: Mutex<Answer>,
    got: watch::Sender<Vec<Got>>,
}

#[derive(Debug)]
pub(super) struct Receiver {
    address: SocketAddr,
    desk: Arc<Desk>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Receiver {
    pub(super) async fn new(answer: Answer) -> Self {
        let desk = Arc::new(Desk {
            answer: Mutex::new(answer),
            got: watch::channel(Vec::new()).0,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            desk,
            task: Mutex::default(),
        };
        receiver.listen(listener);
        receiver
    }

    fn listen(&self, listener: TcpListener) {
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&self.desk));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        *self.task.lock().unwrap() = Some(task);
    }

    /// The machine goes away: connections are refused.
    pub(super) async fn stop(&self) {
        let task = self.task.lock().unwrap().take().unwrap();
        task.abort();
        // Its listener is closed when it has ended.
        drop(task.await);
    }

    /// And comes back.
    pub(super) async fn start(&self) {
        self.listen(TcpListener::bind(self.address).await.unwrap());
    }

    pub(super) fn answers(&self, answer: Answer) {
        *self.desk.answer.lock().unwrap() = answer;
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.address)
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.desk.got.borrow().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.desk.got.borrow().len()
    }

    /// Waits until so many webhooks have arrived, answered or not.
    pub(super) async fn wait_for(&self, count: usize) {
        let mut got = self.desk.got.subscribe();
        got.wait_for(|got| got.len() >= count).await.unwrap();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap().take() {
            task.abort();
        }
    }
}

async fn receive(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let answer = desk.answer.lock().unwrap().clone();
    let refused = matches!(answer, Answer::Refuse(what) if body.contains(what));
    desk.got.send_modify(|got| {
        got.push(Got {
            headers: parts.headers,
            body,
        });
    });
    // Each webhook on a connection of its own, so that a receiver which stops is gone at once.
    let close = [("connection", "close")];
    match answer {
        Answer::Status(status) => (StatusCode::from_u16(status).unwrap(), close).into_response(),
        Answer::Redirect(to) => {
            (StatusCode::TEMPORARY_REDIRECT, close, [("location", to)]).into_response()
        }
        Answer::Refuse(_) if refused => (StatusCode::INTERNAL_SERVER_ERROR, close).into_response(),
        Answer::Refuse(_) => (StatusCode::OK, close).into_response(),
        Answer::Hang => std::future::pending().await,
        // The server drops the connection of a handler that panics.
        Answer::HangUp => std::panic::resume_unwind(Box::new("hang up")),
    }
}
