//! The buyer's phone for people: a page that scans, shows payment codes, opens links and pays.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::front::Front;

const PAGE: &str = include_str!("phone/phone.html");
const STYLE: &str = include_str!("phone/phone.css");
const SCRIPT: &str = include_str!("phone/phone.js");
const WORDS: &str = include_str!("phone/words.js");
const BARCODE: &str = include_str!("phone/barcode.js");

pub(super) fn router() -> Router<Arc<Front>> {
    // The page names its neighbours relative to the slash at its end.
    Router::new()
        .route("/_phone", get(|| async { Redirect::permanent("/_phone/") }))
        .route("/_phone/", get(|| async { Html(PAGE) }))
        .route(
            "/_phone/phone.css",
            get(|| async { text(STYLE, "text/css; charset=utf-8") }),
        )
        .route(
            "/_phone/phone.js",
            get(|| async { text(SCRIPT, "text/javascript; charset=utf-8") }),
        )
        .route(
            "/_phone/words.js",
            get(|| async { text(WORDS, "text/javascript; charset=utf-8") }),
        )
        .route(
            "/_phone/barcode.js",
            get(|| async { text(BARCODE, "text/javascript; charset=utf-8") }),
        )
        .route("/cgi-bin/mmpayweb-bin/checkmweb", get(h5))
}

fn text(body: &'static str, kind: &'static str) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static(kind))], body).into_response()
}

/// A browser follows an `h5_url`: the phone opens the cashier for it.
async fn h5(request: Request) -> Redirect {
    let target = request.uri().to_string();
    let link = utf8_percent_encode(&target, NON_ALPHANUMERIC);
    Redirect::to(&format!("/_phone/?link={link}"))
}
