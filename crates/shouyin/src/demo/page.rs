//! The demo's page: its files, its configuration, and what it needs from the simulator, all on one origin, so that it also
//! works on a phone in the same network.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde_json::json;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/assets/demo"]
struct Page;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../packages/miniprogram"]
#[include = "src/*.js"]
#[include = "browser/*.js"]
struct Package;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../examples/coffee-shop"]
#[include = "menu.json"]
#[include = "miniprogram/*.js"]
struct CoffeeShop;

const PROXY_TIMEOUT: Duration = Duration::from_secs(20);

/// The parts of the simulator's control API that the page may use.
const PROXIED: [&str; 5] = [
    "login-codes",
    "cashier/open",
    "cashier/pay",
    "faults",
    "clock",
];

#[derive(Debug)]
pub(crate) struct PageState {
    appid: String,
    control_url: String,
    http: reqwest::Client,
}

impl PageState {
    pub(crate) fn new(appid: String, control_url: String) -> anyhow::Result<Self> {
        Ok(Self {
            appid,
            control_url,
            http: crate::http::client(PROXY_TIMEOUT)?,
        })
    }
}

/// Everything the page loads.
pub(crate) fn router(state: Arc<PageState>) -> Router {
    Router::new()
        .route(
            "/",
            get(|| async { file(Page::get("index.html"), "index.html") }),
        )
        .route(
            "/demo/assets/{*path}",
            get(|Path(path): Path<String>| async move { file(Page::get(&path), &path) }),
        )
        .route(
            "/demo/package/{*path}",
            get(|Path(path): Path<String>| async move { file(Package::get(&path), &path) }),
        )
        .route(
            "/demo/coffee-shop/{*path}",
            get(|Path(path): Path<String>| async move { file(CoffeeShop::get(&path), &path) }),
        )
        .route("/demo/config.json", get(config))
        .route("/demo/wechat/{*path}", any(wechat))
        .with_state(state)
}

fn file(found: Option<EmbeddedFile>, path: &str) -> Response {
    let Some(found) = found else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, found.data.into_owned()).into_response()
}

async fn config(State(state): State<Arc<PageState>>) -> Response {
    axum::Json(json!({
        "appid": state.appid,
        "user": format!("buyer-{}", crate::random::hex(3)),
        "server_base": "",
        "shop_base": "/demo/shop",
        "wechat_base": "/demo/wechat",
        "version": env!("CARGO_PKG_VERSION"),
    }))
    .into_response()
}

/// Passes the page's requests on to the simulator, unchanged.
async fn wechat(
    State(state): State<Arc<PageState>>,
    method: Method,
    Path(path): Path<String>,
    body: String,
) -> Response {
    if !PROXIED.contains(&path.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match state.forward(method, &path, body).await {
        Ok((status, answer)) => {
            (status, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
        }
        Err(error) => (
            StatusCode::BAD_GATEWAY,
            format!("the simulator does not answer: {error}"),
        )
            .into_response(),
    }
}

impl PageState {
    async fn forward(
        &self,
        method: Method,
        path: &str,
        body: String,
    ) -> reqwest::Result<(StatusCode, String)> {
        let request = self
            .http
            .request(method, format!("{}/{path}", self.control_url));
        let answer = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await?;
        Ok((answer.status(), answer.text().await?))
    }
}
