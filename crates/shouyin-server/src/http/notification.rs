//! `/wechat/notify/{mchid}`: WeChat reports, in either of its protocols, and is answered in the one it speaks. Answered 2xx only
//! after the commit, and quickly: nothing is parsed twice here.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use shouyin_core::id::Mchid;
use shouyin_core::notification::{
    self, NoticeRefused, NotificationEffect, NotificationError, Received,
};
use shouyin_wechat::Protocol;
use tracing::{debug, error, info, warn};
use wechatpay::v2;

use super::App;
use super::body::RawBody;
use super::error::{NotificationFailure, Problem};
use crate::journal;

/// Take a notification of WeChat Pay.
///
/// For WeChat only. APIv3: it must be signed by WeChat Pay, fresh, and encrypted with the merchant's APIv3 key. The older
/// protocol: a payment must be signed with the merchant's API key; news of a refund, which nobody signs, must be encrypted with
/// it and only makes us ask. The answer has the form of the protocol that the notification has.
#[utoipa::path(
    post, path = "/wechat/notify/{mchid}", tag = "wechat", operation_id = "receive_notification",
    params(("mchid" = String, Path, description = "The merchant's number")),
    request_body(
        content((String = "application/json"), (String = "text/xml")),
        description = "WeChat Pay's encrypted envelope (APIv3), or its document (the older protocol)",
    ),
    responses(
        (status = 200, description = "Verified and stored (the older protocol)", body = String, content_type = "text/xml"),
        (status = 204, description = "Verified and stored (APIv3)"),
        (status = 400, description = "Genuine, but cannot be decrypted or understood"),
        (status = 401, description = "Signature, serial, age or headers not accepted; also WeChat's probes"),
        (status = 404, description = "No such merchant here"),
        (status = 413, description = "More than 1 MiB"),
        (status = 422, description = "Genuine, but it contradicts our record: kept as an incident"),
        (status = 503, description = "Not stored, or about something that has to be asked for first: come again"),
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
    let protocol = Protocol::of_notification(&body);
    let Some(journal) = &app.journal else {
        let received = notification::receive(&app.ports, &mchid, &headers, body).await;
        return Reply::new(protocol, judge(&mchid, &received)).into_response();
    };
    let shown = async {
        let seen = journal::SeenNotification::new(&mchid, &headers, &body);
        let received = notification::receive(&app.ports, &mchid, &headers, body).await;
        let reply = Reply::new(protocol, judge(&mchid, &received));
        let (status, text) = (reply.status.as_u16(), reply.body.clone());
        let entry = seen
            .entry(journal, &*app.ports.store, &received, status, text)
            .await;
        (reply.into_response(), Some(entry))
    };
    journal.around(shown).await
}

/// The answer in the form of the protocol that was spoken.
struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: String,
}

impl Reply {
    fn new(protocol: Protocol, answer: Result<(), NotificationFailure>) -> Self {
        match (answer, protocol) {
            (Ok(()), Protocol::V3) => Self {
                status: StatusCode::NO_CONTENT,
                content_type: "",
                body: String::new(),
            },
            // Nothing else than exactly this counts as success (WeChat Pay v2, "payment notification").
            (Ok(()), Protocol::V2) => Self {
                status: StatusCode::OK,
                content_type: "text/xml",
                body: v2::notification::ACCEPTED.to_owned(),
            },
            (Err(failure), protocol) => Self {
                status: failure.status(),
                content_type: failure.content_type(protocol),
                body: failure.body(protocol),
            },
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        if self.body.is_empty() {
            return self.status.into_response();
        }
        let content_type = [(header::CONTENT_TYPE, self.content_type)];
        (self.status, content_type, self.body).into_response()
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
) -> Result<(), NotificationFailure> {
    match received {
        Ok(Received::Accepted { effect, payment_id }) => {
            match effect {
                // What changed is logged with its event, whichever way the news came in.
                NotificationEffect::Applied
                | NotificationEffect::Known
                | NotificationEffect::Asked => {
                    debug!(%mchid, payment.id = ?payment_id, effect = effect.as_str(), "Notification accepted");
                }
                NotificationEffect::Ignored
                | NotificationEffect::Mismatch
                | NotificationEffect::TooEarly => {
                    info!(%mchid, "Notification of another kind stored; nothing to do");
                }
            }
            Ok(())
        }
        Ok(Received::TooEarly) => {
            info!(%mchid, "A refund's notification overtook the news of its payment, which is being asked for; WeChat will come again");
            Err(NotificationFailure::too_early())
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
