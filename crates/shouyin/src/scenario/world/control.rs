//! WeChat's simulator by its control API: every switch a scenario throws can be thrown with `curl`, too.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

/// A jump of the clock waits for the answers to all notifications on the way.
const TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct Control {
    url: String,
    http: reqwest::Client,
}

impl Control {
    pub(crate) fn new(url: String) -> anyhow::Result<Self> {
        Ok(Self {
            url,
            http: crate::http::client(TIMEOUT)?,
        })
    }

    async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.context("the simulator is away")?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((status, answer))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.call(reqwest::Method::GET, path, None).await?;
        ensure!(status == 200, "the simulator answers {path} with {answer}");
        Ok(answer)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        let (status, answer) = self.try_post(path, &body).await?;
        ensure!(
            status == 200,
            "the simulator answers {path} {body} with {answer}"
        );
        Ok(answer)
    }

    /// The same when a refusal is an answer, too.
    pub(crate) async fn try_post(&self, path: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        self.call(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.call(reqwest::Method::PATCH, path, Some(body)).await?;
        ensure!(
            status == 200,
            "the simulator answers {path} {body} with {answer}"
        );
        Ok(answer)
    }

    pub(crate) async fn clear_faults(&self) -> anyhow::Result<()> {
        let (status, answer) = self.call(reqwest::Method::DELETE, "/faults", None).await?;
        ensure!(status == 200, "the simulator answers {answer}");
        Ok(())
    }

    /// Moves WeChat's clock; everything due by then happens first, and its notifications are answered.
    pub(crate) async fn set_clock(&self, now_ms: i64) -> anyhow::Result<()> {
        self.post("/clock", json!({ "set_ms": now_ms })).await?;
        Ok(())
    }

    /// When something happens at WeChat by itself next.
    pub(crate) async fn next_due(&self) -> anyhow::Result<Option<i64>> {
        Ok(self.get("/clock").await?["next_due"].as_i64())
    }

    /// How many answers are held back.
    pub(crate) async fn held(&self) -> anyhow::Result<u64> {
        Ok(self.get("/held").await?["held"].as_u64().unwrap_or(0))
    }
}
