//! Shoppers and shops that go on whatever happens: each call may fail at any place, and is repeated as a real client would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::clock::sleep_ms;
use super::desk::Desk;
use super::http::Answer;
use super::random::Random;

/// How often a call is repeated before its caller gives up.
const TRIES: u32 = 12;
/// Pause between two tries, in milliseconds.
const PAUSE_MS: u64 = 150;
/// Between two purchases of one shopper, at most, in milliseconds.
const THINKING_MS: u64 = 80;
/// How many of a hundred notifications WeChat loses.
const LOST_PERCENT: u64 = 30;

/// What was answered with a success: it must be true for ever.
#[derive(Debug, Default)]
pub(super) struct Promises {
    /// Payments, by our id, with their order_no.
    pub(super) payments: BTreeMap<String, String>,
    /// The order_no of all of them.
    order_nos: BTreeSet<String>,
    /// Refunds, by our id, with their amount.
    pub(super) refunds: BTreeMap<String, i64>,
    /// Payments that were reported paid.
    pub(super) paid: BTreeSet<String>,
    /// Payments that were reported closed.
    pub(super) closed: BTreeSet<String>,
    /// Answers that contradict an earlier one.
    pub(super) broken: Vec<String>,
    /// Notifications that WeChat was told to lose.
    pub(super) lost: u64,
    /// Calls that ended without a success, and were repeated or given up.
    pub(super) failed_calls: u64,
}

/// What all shoppers share.
#[derive(Debug)]
pub(super) struct Street<'a> {
    pub(super) desk: &'a Desk,
    pub(super) promises: Mutex<Promises>,
    pub(super) stop: AtomicBool,
}

impl<'a> Street<'a> {
    pub(super) fn new(desk: &'a Desk) -> Self {
        Self {
            desk,
            promises: Mutex::default(),
            stop: AtomicBool::new(false),
        }
    }

    pub(super) fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// A POST to the server, repeated under the same key until it is answered for good.
    fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> Result<Answer> {
        for _ in 0..TRIES {
            match self.desk.server.call("POST", path, token, key, Some(body)) {
                // 5xx and 429 say "later", everything else is an answer.
                Ok(answer) if answer.status < 500 && answer.status != 429 => return Ok(answer),
                Ok(_) | Err(_) => {
                    self.promises().failed_calls += 1;
                    sleep_ms(PAUSE_MS);
                }
            }
            if self.stopped() {
                break;
            }
        }
        bail!("no answer")
    }

    /// Goes shopping until told to stop. Errors end one purchase, never the shopping.
    pub(super) fn shop(&self, number: usize, mut random: Random) {
        let mut shopper = Shopper {
            street: self,
            user: format!("user{number}"),
            session: None,
        };
        let mut purchase = 0_u32;
        while !self.stopped() {
            purchase += 1;
            let order_no = format!("t-{number}-{purchase}");
            let bought = shopper.buy(&order_no, &mut random);
            let pause = if bought.is_ok() {
                THINKING_MS
            } else {
                PAUSE_MS
            };
            sleep_ms(random.between(0, pause));
        }
    }
}

struct Shopper<'s> {
    street: &'s Street<'s>,
    user: String,
    session: Option<String>,
}

impl Shopper<'_> {
    fn buy(&mut self, order_no: &str, random: &mut Random) -> Result<()> {
        let id = self.create(order_no, random)?;
        let path = format!("/v1/payments/{id}");
        if random.percent(8) {
            return self.close(&path, &id);
        }
        let mut parameters = self.tap(&id)?;
        if random.percent(15) {
            let amount = i64::try_from(random.between(1, 5_000))?;
            let revise = format!("{path}/revise");
            let key = format!("revise-{order_no}");
            let revised = json!({ "amount_fen": amount });
            self.street
                .post(&revise, &self.street.desk.api_key, &key, &revised)?;
            // Some pay the old order all the same: that money is surplus, and goes back by itself.
            if random.percent(70) {
                parameters = self.tap(&id)?;
            }
        }
        if random.percent(10) {
            return Ok(());
        }
        self.lose(random, "payment_notification")?;
        if random.percent(10) {
            // The shop closes while the buyer types the password.
            let street = self.street;
            let key = &street.desk.api_key;
            std::thread::scope(|scope| {
                let closing = scope.spawn(|| {
                    let close = format!("{path}/close");
                    street.post(&close, key, &format!("close-{id}"), &json!({}))
                });
                let paid = self.pay(&parameters);
                // Whichever came first, the other may well have failed.
                drop((closing.join(), paid));
            });
            return Ok(());
        }
        self.pay(&parameters)?;
        if random.percent(50) {
            let session = self.session()?;
            let confirm = format!("/mp/v1/payments/{id}/confirm");
            let answer = self.street.post(&confirm, &session, "", &json!({}))?;
            self.remember_state(&id, &answer.body);
        }
        if random.percent(40) {
            self.refund(&path, order_no, random)?;
        }
        Ok(())
    }

    fn create(&self, order_no: &str, random: &mut Random) -> Result<String> {
        let amount = random.between(1, 5_000);
        let new = json!({ "order_no": order_no, "amount_fen": amount, "description": "latte" });
        let street = self.street;
        let key = format!("create-{order_no}");
        let answer = street.post("/v1/payments", &street.desk.api_key, &key, &new)?;
        let payment = answer.ok()?;
        let id = payment["id"].as_str().context("no id")?.to_owned();
        let mut promises = street.promises();
        if !promises.order_nos.insert(order_no.to_owned()) {
            promises
                .broken
                .push(format!("{order_no} was created twice"));
        }
        promises.payments.insert(id.clone(), order_no.to_owned());
        Ok(id)
    }

    fn close(&self, path: &str, id: &str) -> Result<()> {
        let street = self.street;
        let key = format!("close-{id}");
        let answer = street.post(
            &format!("{path}/close"),
            &street.desk.api_key,
            &key,
            &json!({}),
        )?;
        self.remember_state(id, &answer.ok()?);
        Ok(())
    }

    fn remember_state(&self, id: &str, payment: &Value) {
        let mut promises = self.street.promises();
        match payment["state"].as_str() {
            Some("paid") => {
                promises.paid.insert(id.to_owned());
            }
            Some("closed") => {
                promises.closed.insert(id.to_owned());
            }
            _ => {}
        }
    }

    /// The session of this phone; logs in again when the server does not know it.
    fn session(&mut self) -> Result<String> {
        if let Some(session) = &self.session {
            return Ok(session.clone());
        }
        let desk = self.street.desk;
        let appid = &desk.merchant["appid"];
        let code = desk.wechat.post(
            "/login-codes",
            &json!({ "appid": appid, "user": self.user }),
        )?;
        let login = json!({ "appid": appid, "code": code["code"] });
        let answer = self.street.post("/mp/v1/login", "", "", &login)?.ok()?;
        let session = answer["session_token"]
            .as_str()
            .context("no session")?
            .to_owned();
        self.session = Some(session.clone());
        Ok(session)
    }

    /// Taps "pay" until there are parameters.
    fn tap(&mut self, id: &str) -> Result<Value> {
        let session = self.session()?;
        let path = format!("/mp/v1/payments/{id}/pay");
        let answer = self.street.post(&path, &session, "", &json!({}))?;
        if answer.status == 401 {
            self.session = None;
        }
        let mut body = answer.ok()?;
        let parameters = body["request_payment"].take();
        if parameters.is_null() {
            bail!("nothing to pay");
        }
        Ok(parameters)
    }

    /// Opens the cashier with what the server signed, and pays there. WeChat itself never fails here.
    fn pay(&self, parameters: &Value) -> Result<()> {
        let wechat = &self.street.desk.wechat;
        let mut open = parameters.clone();
        open["appid"] = self.street.desk.merchant["appid"].clone();
        open["user"] = json!(self.user);
        let order = wechat.post("/cashier/open", &open)?;
        let pay = json!({ "prepay_id": order["prepay_id"], "user": self.user, "action": "pay" });
        wechat.post("/cashier/pay", &pay)?;
        Ok(())
    }

    fn refund(&self, path: &str, order_no: &str, random: &mut Random) -> Result<()> {
        let street = self.street;
        self.lose(random, "refund_notification")?;
        let mut body = json!({ "refund_no": format!("r-{order_no}") });
        if random.percent(60) {
            body["amount_fen"] = json!(random.between(1, 50));
        }
        let key = format!("refund-{order_no}");
        let answer = street.post(
            &format!("{path}/refunds"),
            &street.desk.api_key,
            &key,
            &body,
        )?;
        // The news of the payment may not be here yet, or less was paid: then nothing is promised.
        let refund = answer.ok()?;
        let id = refund["id"].as_str().context("no id")?.to_owned();
        let amount = refund["amount_fen"].as_i64().context("no amount")?;
        street.promises().refunds.insert(id, amount);
        Ok(())
    }

    /// WeChat loses the next notification of this kind, thirty times of a hundred.
    fn lose(&self, random: &mut Random, operation: &str) -> Result<()> {
        if random.percent(LOST_PERCENT) {
            let fault = json!({ "fault": "notification_lost", "operation": operation });
            self.street.desk.wechat.post("/faults", &fault)?;
            self.street.promises().lost += 1;
        }
        Ok(())
    }
}
