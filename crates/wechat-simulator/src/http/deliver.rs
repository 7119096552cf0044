//! Sending notifications over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use super::front::Front;
use crate::credentials::SimulatorError;
use crate::message::{Dispatch, Input};
use crate::notice::ANSWER_TIMEOUT_MS;

/// More than any answer to a notification needs.
const ANSWER_LIMIT: usize = 16 * 1024;

/// WeChat follows no redirects and waits five seconds for everything together.
pub(super) fn client() -> Result<reqwest::Client, SimulatorError> {
    // reqwest is built without a TLS provider; a second installation in one process is refused, which is fine.
    if rustls::crypto::CryptoProvider::get_default().is_none()
        && rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .is_err()
    {
        tracing::debug!("another part of the program has chosen the TLS provider");
    }
    reqwest::Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_millis(ANSWER_TIMEOUT_MS.unsigned_abs()))
        .build()
        .map_err(|why| SimulatorError::Client(why.to_string()))
}

/// Sends one attempt in the background and reports the answer to the heart.
pub(super) fn spawn(front: &Arc<Front>, dispatch: Dispatch) {
    front.in_flight.send_modify(|count| *count += 1);
    let task = front.clone();
    front.tasks.spawn(async move {
        let answer = tokio::select! {
            () = task.stop.cancelled() => None,
            answer = send(&task.client, &dispatch) => answer,
        };
        let (status, body) = answer.unzip();
        task.step(Input::NotificationAnswered {
            delivery: dispatch.delivery,
            attempt: dispatch.attempt,
            status,
            body: body.unwrap_or_default(),
        });
        task.in_flight
            .send_modify(|count| *count = count.saturating_sub(1));
    });
}

/// Status and body; nobody needs more of a body than its beginning.
async fn send(client: &reqwest::Client, dispatch: &Dispatch) -> Option<(u16, Vec<u8>)> {
    let mut request = client.post(&dispatch.url).body(dispatch.body.clone());
    for (name, value) in &dispatch.headers {
        request = request.header(name, value);
    }
    let answer = async {
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > ANSWER_LIMIT {
                break;
            }
        }
        Ok::<_, reqwest::Error>((status, body))
    };
    match answer.await {
        Ok(answer) => Some(answer),
        Err(why) => {
            tracing::debug!("notification {} did not arrive: {why}", dispatch.delivery);
            None
        }
    }
}
