//! Requests to our own API: every answer has a form, and what is taken is what was written.

use std::cell::RefCell;

use axum::body::Body;
use http::Request;
use serde_json::Value;
use wechatpay::v2::Fields;

use crate::http_text::Message;
use crate::server::{Desk, MCHID, OPENID};

/// A desk is used for so many requests: what they leave behind would slow the later ones down.
const REQUESTS_PER_DESK: u64 = 500;

thread_local! {
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

/// The first line is `METHOD target`. Who asks is added where nothing is said: the merchant, or the buyer below `/mp`.
pub(crate) fn check(bytes: &[u8]) {
    DESK.with_borrow_mut(|desk| {
        if desk
            .as_ref()
            .is_none_or(|desk| desk.requests > REQUESTS_PER_DESK)
        {
            *desk = Some(Desk::new());
        }
        if let Some(desk) = desk {
            check_at(desk, &Message::read(bytes));
        }
    });
}

fn check_at(desk: &mut Desk, message: &Message<'_>) {
    let (method, target) = message.words();
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in &message.headers {
        request = request.header(name, value);
    }
    if !message.has("Authorization") {
        let token = if target.starts_with("/mp/") {
            &desk.session
        } else {
            &desk.api_key
        };
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    if !message.has("Idempotency-Key") {
        request = request.header("Idempotency-Key", format!("key-{}", desk.requests));
    }
    // What is no request for this library never reaches the router.
    let Ok(request) = request.body(Body::from(message.body.to_vec())) else {
        return;
    };
    let (head, body) = desk.send(request);
    let status = head.status().as_u16();
    assert_ne!(status, 500, "{method} {target}: the server made a mistake");
    let text = String::from_utf8_lossy(&body);
    // What the caller wrote may come back in a message; what only the server knows may not.
    let asked = format!(
        "{} {:?} {}",
        message.start,
        message.headers,
        String::from_utf8_lossy(message.body)
    );
    for secret in [desk.api_key.as_str(), OPENID] {
        assert!(
            asked.contains(secret) || !text.contains(secret),
            "{method} {target}: {secret} is in the answer"
        );
    }
    let kind = head.headers().get("content-type");
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let answer: Value = if kind.contains("json") {
        match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            // The answer to HEAD has no body.
            Err(_) if body.is_empty() => Value::Null,
            Err(why) => panic!("{method} {target}: the answer is not JSON: {why}"),
        }
    } else {
        Value::Null
    };
    if kind == "text/xml" {
        refused_in_xml(method, target, status, &body);
    } else if status >= 400 {
        refused(method, target, status, kind, &answer, body.is_empty());
    } else if status == 200 || status == 201 {
        taken(method, target, message.body, &answer);
    }
}

fn refused(method: &str, target: &str, status: u16, kind: &str, answer: &Value, empty: bool) {
    if empty {
        return;
    }
    let code = answer["code"].as_str().unwrap_or_default();
    if code == "FAIL" {
        assert!(target.starts_with("/wechat/"), "{method} {target}");
        let message = answer["message"].as_str().unwrap_or_default();
        assert!((1..=64).contains(&message.chars().count()), "{message:?}");
        return;
    }
    assert_eq!(
        kind, "application/problem+json",
        "{method} {target}: {status}"
    );
    assert_eq!(answer["status"], status);
    assert_eq!(answer["type"], format!("/docs#{code}"));
    assert!(!answer["detail"].as_str().unwrap_or_default().is_empty());
}

/// Only what speaks WeChat's older protocol is answered in it, and nobody here can sign.
fn refused_in_xml(method: &str, target: &str, status: u16, body: &[u8]) {
    assert!(target.starts_with("/wechat/"), "{method} {target}");
    assert!(status >= 400, "{method} {target}: {status}");
    let answer = match Fields::parse(body) {
        Ok(answer) => answer,
        Err(why) => {
            panic!("{method} {target}: the answer is no document of the older protocol: {why}")
        }
    };
    assert_eq!(answer.get("return_code"), Some("FAIL"));
    let message = answer.get("return_msg").unwrap_or_default();
    assert!((1..=64).contains(&message.chars().count()), "{message:?}");
}

/// What was made is what was asked for: no amount, number or address may change on the way in.
fn taken(method: &str, target: &str, body: &[u8], answer: &Value) {
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    assert!(
        !path.starts_with("/wechat/"),
        "a notification that nobody signed was accepted"
    );
    if method != "POST" {
        return;
    }
    if path == "/v1/payments" {
        for member in ["order_no", "amount_fen", "description"] {
            assert_eq!(asked[member], answer[member], "{member}");
        }
        let amount = answer["amount_fen"].as_i64().unwrap_or_default();
        assert!((1..=1_000_000_000).contains(&amount), "{amount} fen");
        assert_eq!(answer["mchid"], MCHID);
        assert_eq!(answer["state"], "open");
    }
    if path == "/v1/webhook_endpoints" {
        assert_eq!(asked["url"], answer["url"]);
        public(answer["url"].as_str().unwrap_or_default());
    }
}

/// Another reader of addresses finds a host that is not written to be internal.
fn public(url: &str) {
    assert!(
        url.get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")),
        "{url:?}"
    );
    // Hosts in other scripts are no addresses for this reader.
    let Ok(uri) = url.parse::<http::Uri>() else {
        return;
    };
    let host = uri
        .host()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    assert!(
        !host.is_empty() && host != "localhost" && !host.ends_with(".localhost"),
        "{url:?}"
    );
    let internal = match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(std::net::IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local()
        }
        Err(_) => false,
    };
    assert!(!internal, "{url:?}");
}
