//! The log over HTTP: as a list, and as a stream.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::WatchStream;
use utoipa::{IntoParams, ToSchema};

use super::Front;
use crate::log::Entry;

const MOST: usize = 500;

#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
pub(super) struct After {
    /// Only entries with a greater `seq`. Default 0.
    #[serde(default)]
    after: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page {
    /// At most 500 entries, oldest first.
    entries: Vec<Entry>,
    /// Pass it as `after` to go on.
    next: u64,
}

/// Every message in and out with raw headers and bodies, and each check that was made.
#[utoipa::path(get, path = "/log", params(After), responses((status = 200, body = Page)))]
pub(super) async fn read(
    State(front): State<Arc<Front>>,
    Query(query): Query<After>,
) -> Json<Page> {
    let entries: Vec<Entry> =
        front.read(|wechat| wechat.log_after(query.after).take(MOST).cloned().collect());
    let next = entries.last().map_or(query.after, |entry| entry.seq);
    Json(Page { entries, next })
}

/// The same as server-sent events: one event per entry, its `seq` as the event id.
#[utoipa::path(get, path = "/log/stream", params(After),
    responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(super) async fn stream(
    State(front): State<Arc<Front>>,
    Query(query): Query<After>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = WatchStream::new(front.logged.subscribe());
    let mut seen = query.after;
    let stop = front.stop.clone();
    let events = changes
        .map(move |_| {
            let entries: Vec<Entry> =
                front.read(|wechat| wechat.log_after(seen).cloned().collect());
            seen = entries.last().map_or(seen, |entry| entry.seq);
            stream::iter(entries.into_iter().filter_map(|entry| {
                let event = Event::default().id(entry.seq.to_string());
                event.json_data(&entry).ok().map(Ok)
            }))
        })
        .flatten()
        .take_until(stop.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default())
}
