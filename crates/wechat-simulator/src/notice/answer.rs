//! What a receiver's answer means, and what happens next.

use super::{DeliveryState, Finding, RETRY_LADDER_MS};
use crate::heart::Wechat;
use crate::log::Entry;
use crate::protocol::Protocol;
use crate::route::Operation;
use crate::seal::Flaw;
use crate::timer::Timer;
use crate::v2::{self, Verdict};

impl Wechat {
    /// The receiver answered, or the connection failed.
    pub(crate) fn notification_answered(
        &mut self,
        delivery: u64,
        attempt: u32,
        status: Option<u16>,
        body: &[u8],
    ) {
        let Some(found) = self.post.deliveries.get_mut(&delivery) else {
            return;
        };
        let Some(record) = found
            .attempts
            .iter_mut()
            .find(|record| record.attempt == attempt && record.waiting)
        else {
            // Too late: WeChat has stopped waiting, so for WeChat this answer never came.
            return;
        };
        record.waiting = false;
        record.status = status;
        let flaw = record.flaw;
        let verdict = match found.protocol {
            Protocol::V3 => None,
            Protocol::V2Md5 | Protocol::V2HmacSha256 => {
                Some(v2::verdict(body, self.assumptions.v2_exact_answers))
            }
        };
        // News of a refund in the older protocol only makes a receiver ask, which is right whatever the news says.
        let only_asks = verdict.is_some() && found.operation == Operation::RefundNotification;
        let harmless = flaw == Flaw::None || (only_asks && flaw == Flaw::Contradicting);
        let timer = found.timer.take();
        let (mchid, out_trade_no) = (found.mchid.clone(), found.out_trade_no.clone());
        if let Some(timer) = timer {
            self.timers.cancel(timer);
        }
        self.log.add(self.now_ms, || Entry {
            kind: "notification_answer",
            mchid: Some(mchid),
            out_trade_no: Some(out_trade_no),
            note: Some(match status {
                Some(status) => {
                    format!("delivery {delivery}, attempt {attempt}: answered {status}")
                }
                None => format!("delivery {delivery}, attempt {attempt}: no answer"),
            }),
            ..Entry::default()
        });
        let accepted = match verdict {
            None => matches!(status, Some(200 | 204)),
            Some(verdict) => status == Some(200) && verdict == Verdict::Accepted,
        };
        let wrong = (!harmless).then_some(flaw);
        self.judge(delivery, status, accepted, verdict, wrong);
        self.after_attempt(delivery, accepted && flaw == Flaw::None);
    }

    /// Remembers what a receiver must not do.
    fn judge(
        &mut self,
        delivery: u64,
        status: Option<u16>,
        accepted: bool,
        verdict: Option<Verdict>,
        wrong: Option<Flaw>,
    ) {
        let finding = match (status, wrong) {
            (Some(_), Some(flaw)) if accepted => {
                format!("a notification that had to be refused ({flaw:?}) was accepted")
            }
            (Some(200), _) if verdict == Some(Verdict::Neither) => {
                "a notification of API v2 was answered with neither the document that accepts nor one that refuses"
                    .to_owned()
            }
            (Some(204), _) if verdict.is_some() => {
                "a notification of API v2 must be answered with status 200 and a document".to_owned()
            }
            (Some(201..=203 | 205..=299), _) => "only 200 and 204 count as success".to_owned(),
            (Some(300..=399), _) => "a notification address must not redirect".to_owned(),
            (Some(_) | None, _) => return,
        };
        self.post.findings.push(Finding {
            at_ms: self.now_ms,
            finding,
            delivery: Some(delivery),
        });
    }

    /// Five seconds are over.
    pub(crate) fn notification_timeout(&mut self, delivery: u64, attempt: u32) {
        if let Some(found) = self.post.deliveries.get_mut(&delivery) {
            found.timer = None;
        }
        self.notification_answered(delivery, attempt, None, &[]);
    }

    fn after_attempt(&mut self, delivery: u64, accepted: bool) {
        let Some(found) = self.post.deliveries.get_mut(&delivery) else {
            return;
        };
        let done = found.attempts.len();
        let wait = done
            .checked_sub(1)
            .and_then(|index| RETRY_LADDER_MS.get(index));
        if accepted {
            found.state = DeliveryState::Delivered;
        } else if let (Some(wait), false) = (wait, found.once) {
            found.state = DeliveryState::Waiting;
            found.timer = Some(self.timers.set(self.now_ms + wait, Timer::Notify(delivery)));
        } else {
            found.state = DeliveryState::GaveUp;
        }
    }
}
