//! Sending notifications over real HTTP.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;

use super::front::Front;
use crate::credentials::SimulatorError;
use crate::message::{Dispatch, Input};
use crate::notice::ANSWER_TIMEOUT_MS;

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
        let status = tokio::select! {
            () = task.stop.cancelled() => None,
            status = send(&task.client, &dispatch) => status,
        };
        task.step(Input::NotificationAnswered {
            delivery: dispatch.delivery,
            attempt: dispatch.attempt,
            status,
        });
        task.in_flight
            .send_modify(|count| *count = count.saturating_sub(1));
    });
}

async fn send(client: &reqwest::Client, dispatch: &Dispatch) -> Option<u16> {
    let mut request = client.post(&dispatch.url).body(dispatch.body.clone());
    for (name, value) in &dispatch.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => Some(response.status().as_u16()),
        Err(why) => {
            tracing::debug!("notification {} did not arrive: {why}", dispatch.delivery);
            None
        }
    }
}
