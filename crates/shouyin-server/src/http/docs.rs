//! `/docs`: a page that shows `/openapi.json` to people. Part of the binary; it loads nothing from elsewhere.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;

use super::error::Code;

/// Only what this server serves itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Where the list of problems goes.
const PROBLEMS: &str = "<!-- problems -->";

fn asset(content_type: &'static str, text: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

/// The page with its list of problems, each with the anchor that `type` of a problem points to.
pub(super) fn page() -> Bytes {
    // Codes and titles are texts of ours without characters that mean something in HTML.
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "      <tr id=\"{name}\"><td><code>{name}</code></td><td>{status}</td><td>{title}</td></tr>\n",
                name = code.as_str(),
                status = code.status().as_u16(),
                title = code.title(),
            )
        })
        .collect();
    Bytes::from(include_str!("docs/page.html").replace(PROBLEMS, &rows))
}

pub(super) fn serve_page(page: Bytes) -> Response {
    asset("text/html; charset=utf-8", page)
}

pub(super) async fn style() -> Response {
    asset(
        "text/css; charset=utf-8",
        Bytes::from_static(include_bytes!("docs/page.css")),
    )
}

pub(super) async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        Bytes::from_static(include_bytes!("docs/page.js")),
    )
}
