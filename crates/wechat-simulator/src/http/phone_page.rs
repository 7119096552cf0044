//! The buyer's phone for people: a page that scans, shows payment codes, opens links and pays.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::front::Front;

const PAGE: &str = include_str!("phone/phone.html");
const STYLE: &str = include_str!("phone/phone.css");

const SCRIPTS: [(&str, &str); 7] = [
    ("phone.js", include_str!("phone/phone.js")),
    ("common.js", include_str!("phone/common.js")),
    ("words.js", include_str!("phone/words.js")),
    ("cashier.js", include_str!("phone/cashier.js")),
    ("links.js", include_str!("phone/links.js")),
    ("code.js", include_str!("phone/code.js")),
    ("barcode.js", include_str!("phone/barcode.js")),
];

pub(super) fn router() -> Router<Arc<Front>> {
    // The page names its neighbours relative to the slash at its end.
    Router::new()
        .route("/_phone", get(|| async { Redirect::permanent("/_phone/") }))
        .route("/_phone/", get(|| async { Html(PAGE) }))
        .route("/_phone/{file}", get(file))
        .route("/cgi-bin/mmpayweb-bin/checkmweb", get(h5))
}

async fn file(Path(name): Path<String>) -> Response {
    if name == "phone.css" {
        return ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response();
    }
    match SCRIPTS.iter().find(|(script, _)| *script == name) {
        Some((_, text)) => {
            ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], *text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A browser follows an `h5_url`: the phone opens the cashier for it.
async fn h5(request: Request) -> Redirect {
    let target = request.uri().to_string();
    let link = utf8_percent_encode(&target, NON_ALPHANUMERIC);
    Redirect::to(&format!("/_phone/?link={link}"))
}
