//! One attempt to deliver a notification, with the fault that is to be played on it.

use super::{ANSWER_TIMEOUT_MS, Attempt, Delivery, DeliveryState, Sent, envelope};
use crate::fault::{FaultKind, Moment};
use crate::heart::Wechat;
use crate::log::{Check, Entry, Message};
use crate::message::{Dispatch, Output};
use crate::refusal::number;
use crate::seal::{self, Flaw};
use crate::timer::Timer;
use crate::v2;

/// How long a notification waits for a later one to overtake it.
const REORDER_MS: i64 = 60_000;
/// How long a delayed notification waits unless the fault says otherwise.
const DELAY_MS: i64 = 10_000;

impl Wechat {
    /// The time for an attempt has come.
    pub(crate) fn dispatch(&mut self, delivery: u64) {
        let Some(found) = self.post.deliveries.get_mut(&delivery) else {
            return;
        };
        found.timer = None;
        // A delivery that was held or delayed has had its fault already.
        if found.state == DeliveryState::Held {
            self.post.held.retain(|held| *held != delivery);
            self.send(delivery, Flaw::None, false);
            return;
        }
        let fault = self.faults.take(
            Moment::Notification,
            found.operation,
            Some(&found.out_trade_no),
        );
        let Some(fault) = fault else {
            self.send(delivery, Flaw::None, false);
            self.release_held();
            return;
        };
        let flaw = Flaw::of(fault.fault);
        let mchid = found.mchid.clone();
        let key = (found.mchid.clone(), found.out_trade_no.clone());
        let name = fault.fault.name();
        self.log.add(self.now_ms, || Entry {
            kind: "notification",
            fault: Some(name),
            note: Some(format!("a fault is played on delivery {delivery}")),
            ..Entry::default()
        });
        if fault.fault == FaultKind::NotificationLost {
            self.send(delivery, Flaw::None, true);
        } else if fault.fault == FaultKind::NotificationDelayed {
            self.hold(delivery, fault.delay_ms.unwrap_or(DELAY_MS));
        } else if fault.fault == FaultKind::NotificationReordered {
            self.hold(delivery, fault.delay_ms.unwrap_or(REORDER_MS));
            self.post.held.push(delivery);
        } else if fault.fault == FaultKind::NotificationDuplicated {
            self.send(delivery, Flaw::None, false);
            self.resend(delivery);
        } else if fault.fault == FaultKind::NotificationForged {
            self.forge(&key, Flaw::WrongSignature);
            self.send(delivery, Flaw::None, false);
        } else if fault.fault == FaultKind::KeySwitch {
            self.switch_to_other_key(&mchid);
            self.send(delivery, Flaw::None, false);
        } else {
            self.send(delivery, flaw, false);
        }
        if fault.fault != FaultKind::NotificationReordered {
            self.release_held();
        }
    }

    fn hold(&mut self, delivery: u64, delay_ms: i64) {
        let timer = self
            .timers
            .set(self.now_ms + delay_ms, Timer::Notify(delivery));
        if let Some(found) = self.post.deliveries.get_mut(&delivery) {
            found.state = DeliveryState::Held;
            found.timer = Some(timer);
        }
    }

    /// A later notification has left: those held back for that may go.
    fn release_held(&mut self) {
        for delivery in std::mem::take(&mut self.post.held) {
            if let Some(timer) = self
                .post
                .deliveries
                .get_mut(&delivery)
                .and_then(|found| found.timer.take())
            {
                self.timers.cancel(timer);
            }
            self.send(delivery, Flaw::None, false);
        }
    }

    /// Builds, signs and hands out one attempt; `lost` ones leave and never arrive.
    pub(crate) fn send(&mut self, delivery: u64, flaw: Flaw, lost: bool) {
        let Some(signed) = self.sign_attempt(delivery, flaw) else {
            if let Some(found) = self.post.deliveries.get_mut(&delivery) {
                found.state = DeliveryState::GaveUp;
            }
            return;
        };
        let Some(found) = self.post.deliveries.get_mut(&delivery) else {
            return;
        };
        let attempt = u32::try_from(found.attempts.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        found.attempts.push(Attempt {
            attempt,
            at_ms: self.now_ms,
            flaw: signed.flaw,
            lost,
            status: None,
            waiting: true,
        });
        found.state = DeliveryState::InFlight;
        if self.log.is_on() && signed.flaw == Flaw::None && found.genuine {
            found.sent = Some(Sent {
                at_ms: self.now_ms,
                headers: signed.headers.clone(),
                body: signed.body.clone(),
            });
        }
        // Nobody reports on one that is lost on the way.
        let timeout_ms = self
            .timing
            .answer_timeout_ms
            .or(lost.then_some(ANSWER_TIMEOUT_MS));
        found.timer = timeout_ms.map(|timeout_ms| {
            let timer = Timer::NotifyTimeout(delivery, attempt);
            self.timers.set(self.now_ms + timeout_ms, timer)
        });
        let found = &*found;
        self.log
            .add(self.now_ms, || signed.entry(found, attempt, lost));
        if !lost {
            self.outputs.push(Output::SendNotification(Dispatch {
                delivery,
                attempt,
                url: found.url.clone(),
                headers: signed.headers,
                body: signed.body,
            }));
        }
    }

    /// The bytes of one attempt. `None` when nothing can be sent: without an APIv3 key WeChat sends no notifications
    /// at all.
    fn sign_attempt(&mut self, delivery: u64, flaw: Flaw) -> Option<Signed> {
        let timestamp = self.wire_seconds();
        let nonce = self.ids.nonce();
        let request_id = self.ids.request_id(number::OK);
        let fresh_id =
            (!self.assumptions.notification_id_stable).then(|| self.ids.notification_id());
        let found = self.post.deliveries.get(&delivery)?;
        let flaw = if flaw == Flaw::None { found.flaw } else { flaw };
        let merchant = self.book.merchants.get_mut(&found.mchid)?;
        if let Some(sign_type) = found.protocol.sign_type() {
            let (flaw, key) = (v2::flaw(flaw), merchant.api_key.as_ref()?);
            let body = v2::notice_body(found, &nonce, sign_type, key, flaw, &self.assumptions)?;
            return Some(Signed {
                flaw,
                headers: headers(&[("Content-Type", "text/xml"), ("Accept", "*/*")]),
                body,
                serial_no: format!("the API key, {}", sign_type.as_str()),
                text: None,
            });
        }
        let api_v3_key = merchant.api_v3_key.as_ref()?;
        let signer = merchant.platform.for_notification()?.signer.clone();
        let id = fresh_id.unwrap_or_else(|| found.notification_id.clone());
        let body = envelope::body(found, &id, api_v3_key, &self.assumptions, &mut self.ids)?;
        let text = self
            .log
            .is_on()
            .then(|| seal::signed_text(timestamp, &nonce, &body));
        let (signature, body) = seal::sign(signer.as_ref(), timestamp, &nonce, body, flaw);
        // What a captured real notification carried.
        let mut headers = headers(&[
            ("Content-Type", "application/json"),
            ("Accept", "*/*"),
            ("Pragma", "no-cache"),
            ("User-Agent", "Mozilla/4.0"),
            ("Request-ID", request_id.as_str()),
        ]);
        headers.extend(signature);
        Some(Signed {
            flaw,
            headers,
            body,
            serial_no: signer.serial_no().to_owned(),
            text,
        })
    }
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// One attempt, ready to leave.
struct Signed {
    flaw: Flaw,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    serial_no: String,
    /// The text that was signed, for the log.
    text: Option<String>,
}

impl Signed {
    fn entry(&self, delivery: &Delivery, attempt: u32, lost: bool) -> Entry {
        let on_the_way = if lost { ", lost on the way" } else { "" };
        let serial_no = &self.serial_no;
        Entry {
            kind: "notification",
            operation: Some(delivery.operation.name().to_owned()),
            mchid: Some(delivery.mchid.clone()),
            out_trade_no: Some(delivery.out_trade_no.clone()),
            request: Some(Message::new(
                format!("POST {}", delivery.url),
                &self.headers,
                &self.body,
            )),
            checks: vec![Check {
                check: "signature",
                passed: self.flaw == Flaw::None,
                explanation: format!("signed by {serial_no}; flaw: {:?}", self.flaw),
                signed_text: self.text.clone(),
            }],
            fault: (self.flaw != Flaw::None).then(|| format!("{:?}", self.flaw)),
            note: Some(format!(
                "delivery {}, attempt {attempt}, {}{on_the_way}; resource: {}",
                delivery.delivery, delivery.event_type, delivery.resource
            )),
            ..Entry::default()
        }
    }
}
