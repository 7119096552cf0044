//! `shouyin demo --once`: one purchase through the same HTTP interfaces that the page and the phone use.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use shouyin_server::journal::{Entry, Party};

use super::shop::Placed;

const STEP: Duration = Duration::from_millis(20);
/// WeChat sends a lost notification again after 15 s; a first one that takes longer than this is not coming.
const PATIENCE: Duration = Duration::from_secs(10);

/// The buyer: a phone without a screen.
#[derive(Debug)]
pub(crate) struct Buyer {
    base: String,
    appid: String,
    user: String,
    http: reqwest::Client,
}

impl Buyer {
    pub(crate) fn new(base: String, appid: String) -> anyhow::Result<Self> {
        let http = crate::http::client(Duration::from_secs(30))?;
        Ok(Self {
            base,
            appid,
            user: format!("buyer-{}", crate::random::hex(3)),
            http,
        })
    }

    /// Logs in, orders, pays at the cashier, and waits until the server calls the payment paid. Returns its id.
    pub(crate) async fn purchase(&self) -> anyhow::Result<String> {
        let login = self
            .post(
                "/demo/wechat/login-codes",
                None,
                json!({"appid": self.appid, "user": self.user}),
            )
            .await?;
        let session = self
            .post(
                "/mp/v1/login",
                None,
                json!({"appid": self.appid, "code": text(&login, "code")?}),
            )
            .await?;
        let token = text(&session, "session_token")?;
        let placed: Placed = serde_json::from_value(
            self.post("/demo/shop/orders", None, json!({"item": "latte"}))
                .await?,
        )?;
        let id = placed.payment_id;
        let answer = self
            .post(
                &format!("/mp/v1/payments/{id}/pay"),
                Some(&token),
                json!({}),
            )
            .await?;
        let parameters = answer
            .get("request_payment")
            .context("the server gave no payment parameters")?;
        self.cashier(parameters).await?;
        self.wait_until_paid(&id, &token).await?;
        Ok(id)
    }

    /// What `wx.requestPayment` and the buyer's thumb do.
    async fn cashier(&self, parameters: &Value) -> anyhow::Result<()> {
        let mut open = parameters.clone();
        if let Some(members) = open.as_object_mut() {
            members.insert("appid".into(), json!(self.appid));
            members.insert("user".into(), json!(self.user));
        }
        let order = self.post("/demo/wechat/cashier/open", None, open).await?;
        let pay =
            json!({"prepay_id": text(&order, "prepay_id")?, "user": self.user, "action": "pay"});
        let result = self.post("/demo/wechat/cashier/pay", None, pay).await?;
        match text(&result, "errMsg")?.as_str() {
            "requestPayment:ok" => Ok(()),
            other => bail!("the cashier said {other}"),
        }
    }

    /// Looks without asking WeChat: only the notification may make this payment paid before the worker's first query.
    async fn wait_until_paid(&self, id: &str, token: &str) -> anyhow::Result<()> {
        let waiting = async {
            loop {
                let request = self
                    .http
                    .get(format!("{}/mp/v1/payments/{id}", self.base))
                    .bearer_auth(token);
                let view: Value = request.send().await?.error_for_status()?.json().await?;
                if text(&view, "state")? == "paid" {
                    return Ok(());
                }
                tokio::time::sleep(STEP).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(result) => result,
            Err(_) => bail!("the payment was not paid within {} s", PATIENCE.as_secs()),
        }
    }

    async fn post(&self, path: &str, token: Option<&str>, body: Value) -> anyhow::Result<Value> {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let (status, body) = (answer.status(), answer.text().await?);
        if !status.is_success() {
            bail!("{path} answered {status}: {body}");
        }
        serde_json::from_str(&body)
            .with_context(|| format!("{path} answered something else than JSON"))
    }
}

fn text(value: &Value, member: &str) -> anyhow::Result<String> {
    let found = value.get(member).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {member:?} in the answer"))?
        .to_owned())
}

const fn name(party: Party) -> &'static str {
    match party {
        Party::Phone => "phone",
        Party::Shop => "shop",
        Party::Shouyin => "shouyin",
        Party::Wechat => "wechat",
    }
}

/// One message of the timeline as a line for a terminal.
pub(crate) fn line(entry: &Entry) -> String {
    let message = &entry.message;
    let mark = if message.ok { ' ' } else { '!' };
    let time = entry.at.get(11..23).unwrap_or(&entry.at);
    let route = format!("{} → {}", name(message.from), name(message.to));
    let mut text = format!("{time} {mark} {route:<20} {}", message.title.en);
    for reason in message.explained.iter() {
        let mark = if reason.ok { '✓' } else { '✗' };
        text.push_str(&format!("\n{:36}{mark} {}", "", reason.en));
    }
    text
}
