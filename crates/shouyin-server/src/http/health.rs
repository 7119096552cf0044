//! Probes: is the process alive, and can it take money.

use axum::extract::State;
use serde::Serialize;
use shouyin_core::payment::view::rfc3339;
use shouyin_wechat::BreakerStatus;
use utoipa::ToSchema;

use super::App;
use super::error::{Problem, ProblemBody};

/// All is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`: otherwise the answer is a problem.
    #[schema(example = "ok")]
    status: &'static str,
}

/// The process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "health",
    responses((status = 200, description = "The process runs", body = Health))
)]
pub(crate) async fn health() -> axum::Json<Health> {
    axum::Json(Health { status: "ok" })
}

/// Ready, and what is to be known besides.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Always `ok`: otherwise the answer is a problem.
    #[schema(example = "ok")]
    status: &'static str,
    /// Always `ok`: without the database the answer is a problem.
    #[schema(example = "ok")]
    database: &'static str,
    /// `ok`; `unavailable` while WeChat does not answer and calls are held back; `partly_unavailable` if that is so for some
    /// merchants only. Left out where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ok")]
    wechat: Option<&'static str>,
    /// Since when, if it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    wechat_unavailable_since: Option<String>,
    /// From when on the next call is let through to find out, if it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    wechat_next_try: Option<String>,
}

impl Readiness {
    fn new(wechat: Option<&[BreakerStatus]>) -> Self {
        let ready = Self {
            status: "ok",
            database: "ok",
            ..Self::default()
        };
        let Some(all) = wechat else { return ready };
        let open = |status: &BreakerStatus| match status {
            BreakerStatus::Closed => None,
            BreakerStatus::Open { since, next_try } => Some((*since, *next_try)),
        };
        let troubled: Vec<_> = all.iter().filter_map(open).collect();
        Self {
            wechat: Some(if troubled.is_empty() {
                "ok"
            } else if troubled.len() == all.len() {
                "unavailable"
            } else {
                "partly_unavailable"
            }),
            wechat_unavailable_since: troubled.iter().map(|(since, _)| *since).min().map(rfc3339),
            wechat_next_try: troubled.iter().map(|(_, next)| *next).min().map(rfc3339),
            ..ready
        }
    }
}

/// The database can be written: send traffic.
///
/// While WeChat does not answer this still says ready: payments are taken, refunds are recorded, notifications are received,
/// and whatever WeChat has to be asked is asked as soon as it answers again. Another server would not fare better.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "ready",
    responses(
        (status = 200, description = "Ready; `wechat` says whether WeChat answers", body = Readiness),
        (status = 503, description = "`store_unavailable`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn ready(State(app): State<App>) -> Result<axum::Json<Readiness>, Problem> {
    app.ports.store.ping().await?;
    let wechat = app.wechat_status.as_ref().map(|status| status());
    Ok(axum::Json(Readiness::new(wechat.as_deref())))
}

#[cfg(test)]
mod tests {
    use shouyin_core::Timestamp;

    use super::*;

    #[test]
    fn readiness_says_what_is_wrong_with_wechat_and_since_when() {
        let open = |since| BreakerStatus::Open {
            since: Timestamp::from_millis(since),
            next_try: Timestamp::from_millis(since + 1_000),
        };
        let wechat = |all: &[BreakerStatus]| {
            let ready = Readiness::new(Some(all));
            assert_eq!((ready.status, ready.database), ("ok", "ok"));
            (ready.wechat.unwrap(), ready.wechat_unavailable_since)
        };
        assert_eq!(wechat(&[BreakerStatus::Closed]), ("ok", None));
        assert_eq!(
            wechat(&[BreakerStatus::Closed, open(5_000)]),
            (
                "partly_unavailable",
                Some("1970-01-01T00:00:05.000Z".into())
            )
        );
        assert_eq!(
            wechat(&[open(6_000), open(5_000)]),
            ("unavailable", Some("1970-01-01T00:00:05.000Z".into()))
        );
        assert_eq!(Readiness::new(None).wechat, None);
    }
}
