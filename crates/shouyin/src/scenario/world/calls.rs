//! Calling our server, as the shop and as a phone do.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{LOOK_EVERY, World};

/// Longer than any call may take: what is still running then is stuck by mistake.
const PATIENCE: Duration = Duration::from_secs(30);

/// What our server answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The code of a problem; none for a success.
    pub(crate) fn problem(&self) -> Option<&str> {
        (self.status >= 300).then(|| self.body["code"].as_str().unwrap_or("no code"))
    }
}

/// A request to our server.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) bearer: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) body: Option<Value>,
}

/// A request whose answer is still to come; for a tap, whose phone and which payment.
pub(crate) type Later = (JoinHandle<anyhow::Result<Answer>>, Option<(String, String)>);

impl World {
    /// An idempotency key that was never used.
    pub(crate) fn fresh_key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    pub(crate) fn shop(&self, method: &'static str, path: String) -> Call {
        Call {
            method,
            path,
            bearer: Some(self.api_key.clone()),
            key: None,
            body: None,
        }
    }

    pub(crate) async fn send(&self, call: Call) -> anyhow::Result<Answer> {
        send(&self.http, &self.ours.url(), call).await
    }

    /// Sends without waiting for the answer, until the request is stuck where it is to be, or done.
    pub(crate) async fn send_later(
        &mut self,
        call: Call,
        tap: Option<(String, String)>,
    ) -> anyhow::Result<()> {
        let (http, base) = (self.http.clone(), self.ours.url());
        let request = tokio::spawn(async move { send(&http, &base, call).await });
        let waiting = async {
            while !request.is_finished()
                && !self.gate.is_frozen()
                && self.control.held().await? == 0
            {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .context("a request sent later neither ended nor was held")??;
        self.later.push_back((request, tap));
        Ok(())
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send(self.shop("GET", path.to_owned())).await?;
        match answer.problem() {
            None => Ok(answer.body),
            Some(code) => bail!("GET {path}: {code} {}", answer.body),
        }
    }

    /// The payment of this order number as the shop sees it; the newest, if there are several.
    pub(crate) async fn payment(&self, order_no: &str) -> anyhow::Result<Option<Value>> {
        let page = self
            .get(&format!("/v1/payments?order_no={order_no}"))
            .await?;
        Ok(page["data"].get(0).cloned())
    }

    /// The id of a payment, from the shop's notes or by its order number.
    pub(crate) async fn payment_id(&self, order_no: &str) -> anyhow::Result<String> {
        if let Some(known) = self.ids.get(order_no) {
            return Ok(known.clone());
        }
        let payment = self.payment(order_no).await?;
        let id = payment.as_ref().and_then(|payment| payment["id"].as_str());
        id.map(str::to_owned)
            .with_context(|| format!("our books know no payment {order_no:?}"))
    }

    /// The refunds of a payment, oldest first.
    pub(crate) async fn refunds(&self, order_no: &str) -> anyhow::Result<Vec<Value>> {
        let id = self.payment_id(order_no).await?;
        let list = self.get(&format!("/v1/payments/{id}/refunds")).await?;
        let mut refunds = list["data"].as_array().cloned().unwrap_or_default();
        // Ids are ordered by time, whatever order the list has.
        refunds.sort_by_key(|refund| refund["id"].to_string());
        Ok(refunds)
    }

    /// A refund by the shop's number, or `payment#n`.
    pub(crate) async fn refund(&self, name: &str) -> anyhow::Result<Value> {
        if let Some((order_no, number)) = name.split_once('#') {
            let refunds = self.refunds(order_no).await?;
            let index = number.parse::<usize>()?.saturating_sub(1);
            return refunds
                .get(index)
                .cloned()
                .with_context(|| format!("{order_no} has {} refunds", refunds.len()));
        }
        let list = self.get("/v1/refunds?limit=100").await?;
        let mut all = list["data"].as_array().cloned().unwrap_or_default();
        all.retain(|refund| refund["refund_no"] == name);
        all.pop()
            .with_context(|| format!("our books know no refund {name:?}"))
    }

    /// All events, oldest first.
    pub(crate) async fn events(&self) -> anyhow::Result<Vec<Value>> {
        let mut events = Vec::new();
        let mut path = "/v1/events?limit=100".to_owned();
        loop {
            let page = self.get(&path).await?;
            let data = page["data"].as_array().cloned().unwrap_or_default();
            if data.is_empty() {
                return Ok(events);
            }
            events.extend(data);
            path.clear();
            let next = page["next"].as_str().unwrap_or_default();
            write!(path, "/v1/events?limit=100&after={next}")?;
        }
    }
}

async fn send(http: &reqwest::Client, base: &str, call: Call) -> anyhow::Result<Answer> {
    let method = reqwest::Method::from_bytes(call.method.as_bytes())?;
    let mut request = http.request(method, format!("{base}{}", call.path));
    if let Some(bearer) = &call.bearer {
        request = request.bearer_auth(bearer);
    }
    if let Some(key) = &call.key {
        request = request.header("Idempotency-Key", key);
    }
    if let Some(body) = &call.body {
        request = request.json(body);
    }
    let response = request.send().await.context("our server does not answer")?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer { status, body })
}
