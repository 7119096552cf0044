//! A world in which merchants have servers, and webhooks go to them over real sockets.

use std::sync::Arc;

use serde_json::{Value, json};
use shouyin_core::ports::{Ports, Store, WebhookSender};
use shouyin_core::task::{Lane, Task};
use shouyin_core::worker;
use shouyin_server::webhook_sender::{HttpWebhookSender, WebhookOptions};

use crate::desk::Desk;
use crate::world::{OTHER_APPID, Setup, World, coffee};

/// An endpoint, as its maker knows it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) id: String,
    pub(super) secret: String,
}

impl Made {
    pub(super) fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self {
            id: text("id"),
            secret: text("secret"),
        }
    }
}

pub(super) struct Scene {
    pub(super) desk: Desk,
}

/// Long enough for any machine that is busy with other tests.
const PATIENT_MS: u64 = 10_000;

pub(super) fn sender(timeout_ms: u64) -> HttpWebhookSender {
    HttpWebhookSender::new(WebhookOptions {
        allow_http: true,
        allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
        timeout_ms,
    })
    .unwrap()
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with_sender(Arc::new(sender(PATIENT_MS))).await
    }

    /// For receivers that hang.
    pub(super) async fn impatient(timeout_ms: u64) -> Self {
        Self::with_sender(Arc::new(sender(timeout_ms))).await
    }

    pub(super) async fn with_sender(merchants: Arc<dyn WebhookSender>) -> Self {
        Self::build(Setup {
            merchants: Some(merchants),
            ..Setup::default()
        })
        .await
    }

    /// With another database.
    pub(super) async fn on(store: Arc<dyn Store>) -> Self {
        Self::build(Setup {
            merchants: Some(Arc::new(sender(PATIENT_MS))),
            store: Some(store),
            ..Setup::default()
        })
        .await
    }

    async fn build(setup: Setup) -> Self {
        Self {
            desk: Desk::build(setup).await,
        }
    }

    pub(super) fn world(&self) -> &World {
        &self.desk.world
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.world().ports
    }

    /// The shop enters an address.
    pub(super) async fn endpoint(&self, url: &str, event_types: &[&str]) -> Made {
        let body = json!({ "url": url, "description": "shop", "event_types": event_types });
        Made::of(
            &self
                .world()
                .post("/v1/webhook_endpoints", &body)
                .await
                .ok(201),
        )
    }

    pub(super) async fn endpoint_of_other_merchant(&self, url: &str) -> Made {
        let body = json!({ "url": url }).to_string();
        let key = &self.world().other_api_key;
        let path = "/v1/webhook_endpoints";
        let answer = self.world().post_as(key, "endpoint", path, &body).await;
        Made::of(&answer.ok(201))
    }

    /// Another merchant's order, so that it has an event too.
    pub(super) async fn order_of_other_merchant(&self, order_no: &str) {
        let mut body = coffee(order_no);
        body["appid"] = json!(OTHER_APPID);
        let key = &self.world().other_api_key;
        let answer = self
            .world()
            .post_as(key, order_no, "/v1/payments", &body.to_string())
            .await;
        answer.ok(201);
    }

    /// A coffee, ordered and paid: two events. Its payment id.
    pub(super) async fn buy(&self, order_no: &str) -> String {
        self.desk.sell(order_no).await.id
    }

    /// The shop gives back a part; the refund's id.
    pub(super) async fn refund(&self, payment: &str, amount_fen: i64) -> String {
        let refund = self.desk.refund(payment, "R-1", Some(amount_fen)).await;
        let refund: Value = serde_json::from_str(&refund.text).unwrap();
        refund["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{refund}"))
            .to_owned()
    }

    pub(super) async fn claim(&self) -> Vec<Task> {
        worker::claim(self.ports(), Lane::Webhook, 64)
            .await
            .unwrap()
    }

    /// Sends what is due, as the worker loop does, until nothing is.
    pub(super) async fn deliver(&self) {
        loop {
            let due = self.claim().await;
            if due.is_empty() {
                return;
            }
            let runs = due
                .into_iter()
                .map(|task| worker::run_task(self.ports(), task));
            for result in futures_util::future::join_all(runs).await {
                result.unwrap();
            }
        }
    }

    /// The clock goes on, with everything done when it is due.
    pub(super) async fn pass_ms(&self, ms: i64) {
        self.desk.pass(ms).await;
    }

    pub(super) async fn pass_hours(&self, hours: i64) {
        self.pass_ms(hours * 3_600_000).await;
    }

    /// All events, as the pull API tells them.
    pub(super) async fn events(&self) -> Vec<Value> {
        let mut cursor = "0".to_owned();
        let mut events = Vec::new();
        loop {
            let path = format!("/v1/events?limit=100&after={cursor}");
            let page = self.world().get(&path).await.ok(200);
            let data = page["data"].as_array().unwrap();
            if data.is_empty() {
                return events;
            }
            events.extend(data.iter().cloned());
            page["next"].as_str().unwrap().clone_into(&mut cursor);
        }
    }

    /// The log of an endpoint, newest event first.
    pub(super) async fn deliveries(&self, endpoint: &str) -> Vec<Value> {
        let path = format!("/v1/webhook_endpoints/{endpoint}/deliveries?limit=100");
        let page = self.world().get(&path).await.ok(200);
        page["data"].as_array().unwrap().clone()
    }

    pub(super) async fn look(&self, endpoint: &str) -> Value {
        let path = format!("/v1/webhook_endpoints/{endpoint}");
        self.world().get(&path).await.ok(200)
    }
}
