//! `/wechat/notify/{mchid}`: WeChat reports. Answered 204 only after the commit, and quickly: nothing is parsed twice here.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use shouyin_core::id::Mchid;
use shouyin_core::notification::{
    self, NoticeRefused, NotificationEffect, NotificationError, Received,
};
use tracing::{debug, error, info, warn};

use super::App;
use super::body::RawBody;
use super::error::{NotificationFailure, Problem};
use crate::journal;

/// Take a notification of WeChat Pay.
///
/// For WeChat only: it must be signed by WeChat Pay, fresh, and encrypted with the merchant's APIv3 key.
#[utoipa::path(
    post, path = "/wechat/notify/{mchid}", tag = "wechat", operation_id = "receive_notification",
    params(("mchid" = String, Path, description = "The merchant's number")),
    request_body(content = String, description = "WeChat Pay's encrypted envelope", content_type = "application/json"),
    responses(
        (status = 204, description = "Verified and stored"),
        (status = 400, description = "Genuine, but cannot be decrypted or understood"),
        (status = 401, description = "Signature, serial, age or headers not accepted; also WeChat's probes"),
        (status = 404, description = "No such merchant here"),
        (status = 413, description = "More than 1 MiB"),
        (status = 422, description = "Genuine, but it contradicts our record: kept as an incident"),
        (status = 503, description = "Not stored: come again"),
    )
)]
pub(crate) async fn receive(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<RawBody, Problem>,
) -> Response {
    let Some(mchid) = path.ok().and_then(|Path(text)| Mchid::parse(text).ok()) else {
        return NotificationFailure::unknown_merchant().into_response();
    };
    let body = match body {
        Ok(RawBody(bytes)) => Vec::from(bytes),
        Err(problem) => {
            warn!(%mchid, ?problem, "A notification could not be received");
            return NotificationFailure::not_received(&problem).into_response();
        }
    };
    let headers = all(&headers);
    let Some(journal) = &app.journal else {
        let received = notification::receive(&app.ports, &mchid, &headers, body).await;
        return respond(judge(&mchid, &received));
    };
    let shown = async {
        let seen = journal::SeenNotification::new(&mchid, &headers, &body);
        let received = notification::receive(&app.ports, &mchid, &headers, body).await;
        let answer = judge(&mchid, &received);
        let (status, text) = match &answer {
            Ok(status) => (*status, String::new()),
            Err(failure) => (failure.status(), failure.body()),
        };
        let entry = seen
            .entry(journal, &*app.ports.store, &received, status.as_u16(), text)
            .await;
        (respond(answer), Some(entry))
    };
    journal.around(shown).await
}

fn respond(answer: Result<StatusCode, NotificationFailure>) -> Response {
    match answer {
        Ok(status) => status.into_response(),
        Err(failure) => failure.into_response(),
    }
}

/// Every header, also those that came twice: which of two would count is not ours to choose.
fn all(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            // A value that is not text cannot be part of a signature that verifies.
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// What WeChat is told, and what the log is.
fn judge(
    mchid: &Mchid,
    received: &Result<Received, NotificationError>,
) -> Result<StatusCode, NotificationFailure> {
    match received {
        Ok(Received::Accepted { effect, payment_id }) => {
            match effect {
                // What changed is logged with its event, whichever way the news came in.
                NotificationEffect::Applied | NotificationEffect::Known => {
                    debug!(%mchid, payment.id = ?payment_id, effect = effect.as_str(), "Notification accepted");
                }
                NotificationEffect::Ignored | NotificationEffect::Mismatch => {
                    info!(%mchid, "Notification of another kind stored; nothing to do");
                }
            }
            Ok(StatusCode::NO_CONTENT)
        }
        Ok(Received::Contradiction(mismatch)) => {
            error!(%mchid, incident = mismatch.kind.as_str(), detail = mismatch.detail, "A verified notification contradicts our record");
            Err(NotificationFailure::contradiction())
        }
        Err(failure) => {
            match failure {
                NotificationError::Refused(NoticeRefused::Probe) => {
                    info!(%mchid, "Signature probe by WeChat refused, as it should be");
                }
                NotificationError::Refused(why) => {
                    warn!(%mchid, reason = %why, "Notification refused");
                }
                NotificationError::Store(why) => {
                    error!(%mchid, error = %why, "A verified notification could not be stored; WeChat will come again");
                }
            }
            Err(NotificationFailure::from(failure))
        }
    }
}
