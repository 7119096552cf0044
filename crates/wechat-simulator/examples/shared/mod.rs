//! What the examples that make every call have in common: the control API, and the way to end.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wechatpay::v3::http::HttpTransport;
use wechatpay::v3::{Method, Outcome, SignedRequest, Transport};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The control API. It is on the simulator's own address, and nobody checks signatures there.
pub(crate) struct Control(pub(crate) Arc<HttpTransport>);

impl Control {
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.ask(Method::Post, path, body.to_string().into_bytes())
            .await
    }

    /// What the buyer does once the cashier is open: a thumb on "pay".
    pub(crate) async fn pay(&self, prepay_id: &str) -> Result<()> {
        let pay = json!({"prepay_id": prepay_id, "action": "pay"});
        self.post("cashier/pay", pay).await?;
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Value> {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        let request = SignedRequest {
            method,
            target: format!("/_control/{path}"),
            headers,
            body,
        };
        let answer = self.0.send(&request).await?;
        let text = String::from_utf8(answer.body)?;
        if answer.status != 200 {
            return Err(format!("{path} answered {} {text}", answer.status).into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// Everything that was said so far, one JSON object a line.
    pub(crate) async fn write_messages(&self, path: &str) -> Result<()> {
        // Notifications are sent beside the answers; their turn comes within milliseconds.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let page = self.ask(Method::Get, "log?after=0", Vec::new()).await?;
        let entries = page["entries"].as_array().ok_or("the log has entries")?;
        let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
        std::fs::write(path, lines.join("\n") + "\n")?;
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example has no clock of its own"
)]
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The answer of a call that must succeed.
pub(crate) fn done<T>(outcome: Outcome<T>) -> Result<T> {
    match outcome {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Rejected(error) => Err(error.to_string().into()),
        Outcome::Unknown(unknown) => Err(unknown.to_string().into()),
    }
}
