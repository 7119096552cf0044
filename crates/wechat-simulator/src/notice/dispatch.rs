//! One attempt to deliver a notification, with the fault that is to be played on it.

use super::{ANSWER_TIMEOUT_MS, Attempt, DeliveryState, envelope};
use crate::fault::{FaultKind, Moment};
use crate::heart::Wechat;
use crate::log::{Entry, Message};
use crate::message::{Dispatch, Output};
use crate::seal::{self, Flaw};
use crate::timer::Timer;

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
        let now_unix = self.wire_seconds();
        let nonce = self.ids.nonce();
        let request_id = self.ids.request_id(crate::refusal::number::OK);
        let fresh_id =
            (!self.assumptions.notification_id_stable).then(|| self.ids.notification_id());
        let Some(found) = self.post.deliveries.get_mut(&delivery) else {
            return;
        };
        let flaw = if flaw == Flaw::None { found.flaw } else { flaw };
        let Some(merchant) = self.book.merchants.get_mut(&found.mchid) else {
            return;
        };
        // Without an APIv3 key WeChat sends no notifications at all.
        let (Some(api_v3_key), Some(key)) =
            (&merchant.api_v3_key, merchant.platform.for_notification())
        else {
            found.state = DeliveryState::GaveUp;
            return;
        };
        let signer = key.signer.clone();
        let id = fresh_id.unwrap_or_else(|| found.notification_id.clone());
        let body = envelope::body(found, &id, api_v3_key, &self.assumptions, &mut self.ids);
        let (signature, body) = seal::sign(
            signer.as_ref(),
            now_unix,
            &nonce,
            body.unwrap_or_default(),
            flaw,
        );
        let mut headers: Vec<(String, String)> = [
            ("Content-Type", "application/json"),
            ("Accept", "*/*"),
            ("Pragma", "no-cache"),
            ("User-Agent", "Mozilla/4.0"),
            ("Request-ID", request_id.as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        headers.extend(signature);
        let attempt = u32::try_from(found.attempts.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        found.attempts.push(Attempt {
            attempt,
            at_ms: self.now_ms,
            flaw,
            lost,
            status: None,
            waiting: true,
        });
        found.state = DeliveryState::InFlight;
        // Nobody reports on one that is lost on the way.
        let timeout_ms = self
            .timing
            .answer_timeout_ms
            .or(lost.then_some(ANSWER_TIMEOUT_MS));
        found.timer = timeout_ms.map(|timeout_ms| {
            let timer = Timer::NotifyTimeout(delivery, attempt);
            self.timers.set(self.now_ms + timeout_ms, timer)
        });
        let (mchid, out_trade_no, url) = (
            found.mchid.clone(),
            found.out_trade_no.clone(),
            found.url.clone(),
        );
        let (event_type, operation, resource) =
            (found.event_type.clone(), found.operation, &found.resource);
        let serial = signer.serial_no().to_owned();
        self.log.add(self.now_ms, || Entry {
            kind: "notification",
            operation: Some(operation.name().to_owned()),
            mchid: Some(mchid),
            out_trade_no: Some(out_trade_no),
            request: Some(Message::new(format!("POST {url}"), &headers, &body)),
            fault: (flaw != Flaw::None).then(|| format!("{flaw:?}")),
            note: Some(format!(
                "delivery {delivery}, attempt {attempt}, {event_type}, signed by {serial}{}; resource: {resource}",
                if lost { ", lost on the way" } else { "" }
            )),
            ..Entry::default()
        });
        if !lost {
            self.outputs.push(Output::SendNotification(Dispatch {
                delivery,
                attempt,
                url,
                headers,
                body,
            }));
        }
    }
}
