//! Addresses that must not be called.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use shouyin_core::ports::BoxFuture;
use shouyin_server::webhook_sender::{HttpWebhookSender, Lookup, WebhookOptions};

use super::receiver::{Answer, Receiver};
use super::scene::Scene;

/// A name server that changes its mind.
struct Names(Mutex<Vec<&'static str>>);

impl Lookup for Names {
    fn lookup(&self, _: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.remove(0)
        } else {
            answers[0]
        };
        Box::pin(std::future::ready(Ok(vec![answer.parse().unwrap()])))
    }
}

async fn strict(answers: &[&'static str]) -> Scene {
    let options = WebhookOptions {
        allow_http: true,
        ..WebhookOptions::default()
    };
    let names = Arc::new(Names(Mutex::new(answers.to_vec())));
    let sender = HttpWebhookSender::with_lookup(options, names).unwrap();
    Scene::with_sender(Arc::new(sender)).await
}

#[tokio::test]
async fn internal_addresses_are_refused_when_they_are_entered() {
    let scene = strict(&["10.0.0.1"]).await;
    for url in [
        "http://127.0.0.1/hooks",
        "https://2130706433/",
        "https://[::ffff:169.254.169.254]/latest/meta-data/",
        "https://localhost/",
        "https://metadata.google.internal/",
        "https://user:pass@shop.example/",
        "ftp://shop.example/",
        "shop.example",
    ] {
        let problem = scene
            .world()
            .post("/v1/webhook_endpoints", &json!({ "url": url }))
            .await
            .problem(422, "webhook_endpoint_url_refused");
        assert!(
            problem["detail"].as_str().unwrap().starts_with("url "),
            "{problem}"
        );
    }
    let made = scene.endpoint("https://shop.example/hooks", &[]).await;
    let path = format!("/v1/webhook_endpoints/{}", made.id);
    let bearer = format!("Bearer {}", scene.world().api_key);
    let body = json!({ "url": "https://10.0.0.1/" }).to_string();
    let changed = scene
        .world()
        .send("PATCH", &path, &[("authorization", &bearer)], body)
        .await;
    changed.problem(422, "webhook_endpoint_url_refused");
    assert_eq!(
        scene.look(&made.id).await["url"],
        "https://shop.example/hooks"
    );
}

/// The name was public when it was entered, and points inside when the webhook is sent.
#[tokio::test]
async fn a_name_that_turns_inside_is_not_called_and_the_log_does_not_say_where_it_led() {
    let scene = strict(&["127.0.0.1", "10.11.12.13"]).await;
    let inside = Receiver::new(Answer::Status(200)).await;
    let url = format!("http://shop.example:{}/", inside.port());
    let endpoint = scene.endpoint(&url, &["payment.created"]).await;
    scene.world().order("A-1").await;
    scene.deliver().await;
    scene.pass_ms(5_000).await;
    assert_eq!(inside.count(), 0);
    let delivery = &scene.deliveries(&endpoint.id).await[0];
    let path = format!(
        "/v1/webhook_endpoints/{}/deliveries/{}",
        endpoint.id,
        delivery["event_id"].as_str().unwrap()
    );
    let log = scene.world().get(&path).await;
    let attempts = log.ok(200)["attempts"].as_array().unwrap().clone();
    assert_eq!(attempts.len(), 2);
    for attempt in attempts {
        assert_eq!(
            attempt["error"],
            "no connection: the name has no public address"
        );
    }
    for address in ["127.0.0.1", "10.11.12.13"] {
        assert!(!log.text.contains(address), "{}", log.text);
    }
}
