//! The merchant's backend of the demo: a coffee shop that alone knows the prices. It talks to Shouyin as any merchant's
//! backend does, over HTTP with an API key. The same thing for Node is `examples/coffee-shop/backend/server.mjs`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const MENU: &str = include_str!("../../../../examples/coffee-shop/menu.json");
const TIMEOUT: Duration = Duration::from_secs(20);

/// The shop: its menu, and how it reaches Shouyin.
#[derive(Debug)]
pub(crate) struct Shop {
    menu: Menu,
    shouyin_url: String,
    api_key: String,
    appid: String,
    http: reqwest::Client,
}

#[derive(Debug, Deserialize)]
struct Menu {
    sizes: Vec<Size>,
    items: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Size {
    id: String,
    extra_fen: i64,
    name: Name,
}

#[derive(Debug, Deserialize)]
struct Item {
    id: String,
    sized: bool,
    price_fen: i64,
    name: Name,
}

#[derive(Debug, Deserialize)]
struct Name {
    zh: String,
}

/// What the phone asks for. No price: whatever else it sends is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    item: String,
    size: Option<String>,
    checkout_id: Option<String>,
}

/// What the phone gets.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Placed {
    /// The payment to name to Shouyin.
    pub(crate) payment_id: String,
    /// The shop's own number.
    pub(crate) order_no: String,
    /// What it costs, in fen.
    pub(crate) amount_fen: i64,
}

struct Priced {
    amount_fen: i64,
    description: String,
    order_no: String,
}

impl Shop {
    pub(crate) fn new(shouyin_url: String, api_key: String, appid: String) -> anyhow::Result<Self> {
        let menu = serde_json::from_str(MENU).context("the menu of the sample shop")?;
        let http = crate::http::client(TIMEOUT)?;
        Ok(Self {
            menu,
            shouyin_url,
            api_key,
            appid,
            http,
        })
    }

    fn price(&self, order: &Order) -> Result<Priced, &'static str> {
        let item = self
            .menu
            .items
            .iter()
            .find(|item| item.id == order.item)
            .ok_or("there is no such item")?;
        let size = match (&order.size, item.sized) {
            (Some(wanted), true) => Some(
                self.menu
                    .sizes
                    .iter()
                    .find(|size| size.id == *wanted)
                    .ok_or("there is no such size")?,
            ),
            (Some(_), false) => return Err("this item has no sizes"),
            (None, true) => self.menu.sizes.first(),
            (None, false) => None,
        };
        let checkout = match &order.checkout_id {
            Some(id) if (8..=64).contains(&id.len()) => id.clone(),
            Some(_) => return Err("checkout_id must have 8 to 64 characters"),
            None => crate::random::hex(16),
        };
        // The number follows from the checkout: a repeated request is the same order.
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, checkout.as_bytes());
        let order_no = format!(
            "CS{}",
            hex::encode_upper(digest.as_ref().get(..12).unwrap_or_default())
        );
        Ok(Priced {
            amount_fen: item.price_fen + size.map_or(0, |size| size.extra_fen),
            description: size.map_or_else(
                || item.name.zh.clone(),
                |size| format!("{} {}", item.name.zh, size.name.zh),
            ),
            order_no,
        })
    }

    async fn place(&self, priced: &Priced) -> anyhow::Result<Placed> {
        let answer = self
            .http
            .post(format!("{}/v1/payments", self.shouyin_url))
            .bearer_auth(&self.api_key)
            .header("idempotency-key", &priced.order_no)
            .json(&json!({
                "order_no": priced.order_no,
                "amount_fen": priced.amount_fen,
                "description": priced.description,
                "appid": self.appid,
            }))
            .send()
            .await?;
        let (status, body) = (answer.status(), answer.json::<Value>().await?);
        let id = body
            .get("id")
            .and_then(Value::as_str)
            .filter(|_| status.is_success());
        let id = id.with_context(|| format!("Shouyin answered {status} {body}"))?;
        Ok(Placed {
            payment_id: id.to_owned(),
            order_no: priced.order_no.clone(),
            amount_fen: priced.amount_fen,
        })
    }
}

/// `GET /menu` and `POST /orders`.
pub(crate) fn router(shop: Arc<Shop>) -> Router {
    Router::new()
        .route(
            "/menu",
            get(|| async { ([("content-type", "application/json")], MENU) }),
        )
        .route("/orders", post(order))
        .with_state(shop)
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = json!({"type": "about:blank", "title": code, "status": status.as_u16(), "code": code, "detail": detail});
    (
        status,
        [("content-type", "application/problem+json")],
        Json(body),
    )
        .into_response()
}

async fn order(State(shop): State<Arc<Shop>>, body: String) -> Response {
    let priced = serde_json::from_str::<Order>(&body)
        .map_err(|error| error.to_string())
        .and_then(|order| shop.price(&order).map_err(str::to_owned));
    let priced = match priced {
        Ok(priced) => priced,
        Err(detail) => return problem(StatusCode::BAD_REQUEST, "order_invalid", &detail),
    };
    match shop.place(&priced).await {
        Ok(placed) => (StatusCode::CREATED, Json(placed)).into_response(),
        Err(error) => {
            tracing::warn!(
                order_no = priced.order_no,
                "The shop could not create a payment: {error:#}"
            );
            problem(
                StatusCode::BAD_GATEWAY,
                "payments_unavailable",
                "The order cannot be paid right now; try again.",
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Shop {
        Shop::new("http://127.0.0.1:1".into(), "sk".into(), "wx1".into()).unwrap()
    }

    fn priced(text: &str) -> Result<Priced, String> {
        let order: Order = serde_json::from_str(text).map_err(|error| error.to_string())?;
        shop().price(&order).map_err(str::to_owned)
    }

    #[test]
    fn the_price_comes_from_the_menu_and_nothing_else() {
        assert_eq!(priced(r#"{"item":"latte"}"#).unwrap().amount_fen, 2800);
        assert_eq!(
            priced(r#"{"item":"latte","size":"large"}"#)
                .unwrap()
                .amount_fen,
            3200
        );
        assert!(priced(r#"{"item":"latte","amount_fen":1}"#).is_err());
        assert!(priced(r#"{"item":"croissant","size":"large"}"#).is_err());
        assert!(priced(r#"{"item":"gold"}"#).is_err());
    }

    #[test]
    fn the_same_checkout_is_the_same_order() {
        let number = || {
            priced(r#"{"item":"latte","checkout_id":"checkout-1"}"#)
                .unwrap()
                .order_no
        };
        assert_eq!(number(), number());
        assert_ne!(number(), priced(r#"{"item":"latte"}"#).unwrap().order_no);
    }
}
