//! `/openapi.json`: written by the routes themselves.

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};

use super::router::routes;

const ABOUT: &str = "\
Take WeChat payments in a mini program.

Amounts are integers in fen (1 fen = 0.01 yuan). Times are RFC 3339. Lists have cursors. Every POST under `/v1` needs an \
`Idempotency-Key`: same key and body, same answer. What does not work is answered with `application/problem+json` \
(RFC 9457): `code` is stable and for programs, `detail` says what to do.";

/// Routes and types fill this in.
pub(super) fn empty() -> OpenApi {
    let bearer = |description: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(description.to_owned());
        SecurityScheme::Http(http)
    };
    let mut components = Components::new();
    components.add_security_scheme("api_key", bearer("An API key of the merchant: `sk_...`"));
    components.add_security_scheme(
        "session",
        bearer("The `session_token` of `POST /mp/v1/login`"),
    );
    let tag = |name: &str, description: &str| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    };
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Shouyin 收银")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(ABOUT))
                .license(Some(
                    LicenseBuilder::new()
                        .name("Apache-2.0")
                        .identifier(Some("Apache-2.0"))
                        .build(),
                ))
                .build(),
        )
        .components(Some(components))
        .tags(Some([
            tag(
                "payments",
                "For the merchant's backend: ask to be paid, look, change, close.",
            ),
            tag("refunds", "For the merchant's backend: give money back."),
            tag(
                "events",
                "For the merchant's backend: what happened, in order.",
            ),
            tag(
                "webhooks",
                "For the merchant's backend: have events sent, see what was sent, send again.",
            ),
            tag(
                "mini program",
                "For the buyer's phone: log in, pay, confirm.",
            ),
            tag("wechat", "For WeChat Pay."),
            tag(
                "operation",
                "For whoever runs the server: is it well, does everything add up.",
            ),
        ]))
        .build()
}

/// The document as JSON text.
pub fn document() -> String {
    let document = routes().into_openapi();
    // Plain strings, numbers and lists cannot fail.
    document.to_pretty_json().unwrap_or_default()
}

/// Serves the document.
pub(super) fn answer(text: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
