//! The buyer's phone for people: a page that lists a user's open orders and opens a cashier for one.

use std::sync::Arc;

use axum::Router;
use axum::response::{Html, Redirect};
use axum::routing::get;

use super::front::Front;

const PAGE: &str = include_str!("phone.html");

pub(super) fn router() -> Router<Arc<Front>> {
    // The page names its neighbours relative to the slash at its end.
    Router::new()
        .route("/_phone", get(|| async { Redirect::permanent("/_phone/") }))
        .route("/_phone/", get(|| async { Html(PAGE) }))
}
