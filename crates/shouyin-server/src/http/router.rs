//! Every route, on one page.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderValue, header};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::error;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{Code, Problem};
use super::{
    App, balance, docs, event, health, incident, login, mini_program, notification, openapi,
    payment, reconciliation, refund, webhook_endpoint,
};

/// The longest body of the merchant and mini-program API, in bytes.
const API_BODY_LIMIT: usize = 64 * 1024;
/// The longest notification, in bytes. Real ones have about two thousand.
const NOTIFICATION_BODY_LIMIT: usize = 1024 * 1024;

fn merchant_api() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(payment::create::create, payment::list::list))
        .routes(routes!(payment::get))
        .routes(routes!(payment::close))
        .routes(routes!(payment::sync))
        .routes(routes!(payment::revise::revise))
        .routes(routes!(payment::pay::pay))
        .routes(routes!(payment::qr::svg))
        .routes(routes!(payment::qr::png))
        .routes(routes!(refund::create::create, refund::list::of_payment))
        .routes(routes!(refund::list::list))
        .routes(routes!(refund::get))
        .routes(routes!(refund::sync))
        .routes(routes!(refund::remedy::remedy))
        .routes(routes!(event::list))
        .routes(routes!(balance::get))
        .routes(routes!(incident::list))
        .routes(routes!(reconciliation::list))
        .routes(routes!(reconciliation::get))
        .routes(routes!(reconciliation::run))
        .merge(webhook_endpoints())
}

fn webhook_endpoints() -> OpenApiRouter<App> {
    use webhook_endpoint::{self as endpoint, change, create, delivery, resend};
    OpenApiRouter::default()
        .routes(routes!(create::create, endpoint::list))
        .routes(routes!(endpoint::get, change::update, change::delete))
        .routes(routes!(create::rotate_secret))
        .routes(routes!(resend::resend))
        .routes(routes!(delivery::list))
        .routes(routes!(delivery::get))
}

fn mini_program_api() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(login::login))
        .routes(routes!(login::authorize))
        .routes(routes!(mini_program::view))
        .routes(routes!(mini_program::pay))
        .routes(routes!(mini_program::confirm))
}

fn wechat() -> OpenApiRouter<App> {
    OpenApiRouter::default().routes(routes!(notification::receive))
}

fn probes() -> OpenApiRouter<App> {
    OpenApiRouter::default()
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
}

fn pages(document: Bytes) -> Router<App> {
    let page = docs::page();
    Router::new()
        .route(
            "/openapi.json",
            get(|| async move { openapi::answer(document) }),
        )
        .route("/docs", get(|| async move { docs::serve_page(page) }))
        .route("/docs/page.css", get(docs::style))
        .route("/docs/page.js", get(docs::script))
}

/// All documented routes, without what surrounds them: for the OpenAPI document.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::empty())
        .merge(merchant_api())
        .merge(mini_program_api())
        .merge(wechat())
        .merge(probes())
}

/// All routes with limits, timeouts and the answers for everything that fits no route.
pub(crate) fn build(app: App) -> Router {
    let document = Bytes::from(openapi::document());
    let api = Router::from(merchant_api().merge(mini_program_api()))
        .layer(DefaultBodyLimit::max(API_BODY_LIMIT))
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ));
    let api = match &app.journal {
        None => api,
        Some(journal) => {
            let state = (app.clone(), journal.clone());
            api.layer(from_fn_with_state(state, crate::journal::http::record))
        }
    };
    let api = api
        .merge(Router::from(probes()))
        .layer(from_fn_with_state(app.request_timeout, within));
    let wechat = Router::from(wechat())
        .layer(DefaultBodyLimit::max(NOTIFICATION_BODY_LIMIT))
        .layer(from_fn_with_state(app.notification_timeout, within));
    api.merge(wechat)
        .merge(pages(document))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn no_route() -> Problem {
    Problem::new(
        Code::RouteNotFound,
        "See /docs for the addresses of this API.",
    )
}

async fn no_method() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "The header Allow of this answer names the methods this address takes. See /docs.",
    )
}

/// A request that takes too long ends here. What it had stored goes on as tasks, like after a crash.
async fn within(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            Code::Timeout,
            "Repeat the request with the same Idempotency-Key; what was begun is finished by itself.",
        )
        .into_response(),
    }
}

/// One broken request breaks no other.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let why = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    error!(error = why, "A request handler panicked");
    Problem::internal().into_response()
}
