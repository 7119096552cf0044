//! The demo's timeline: every message, as the page reads it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::get;
use axum::{Json, Router};
use futures_util::{Stream, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use shouyin_server::journal::Journal;

#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

pub(crate) fn router(journal: Arc<Journal>) -> Router {
    Router::new()
        .route("/demo/timeline", get(page))
        .route("/demo/timeline/stream", get(stream))
        .with_state(journal)
}

async fn page(
    State(journal): State<Arc<Journal>>,
    Query(After { after }): Query<After>,
) -> Json<Value> {
    let entries = journal.after(after);
    let next = entries.last().map_or(after, |entry| entry.seq);
    let entries: Vec<_> = entries.iter().map(|entry| &**entry).collect();
    Json(json!({"entries": entries, "next": next}))
}

async fn stream(
    State(journal): State<Arc<Journal>>,
    Query(After { after }): Query<After>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let seen = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok())
        .unwrap_or(after);
    let events = journal.stream(seen).map(|entry| {
        let event = Event::default().id(entry.seq.to_string());
        Ok(event.json_data(&*entry).unwrap_or_default())
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
