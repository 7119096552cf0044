//! S11: what was answered 2xx is stored. S7: what cannot be believed has no effect.

use shouyin_core::notification::{
    NoticeRefused, NotificationEffect, NotificationError, NotificationRecord, Received,
};
use shouyin_core::payment::AttemptState;

use super::{Checker, Violation, sent};
use crate::doors::Receipt;
use crate::hub::Hub;
use crate::marks::Mark;
use crate::network::Letter;
use crate::rows::Rows;

/// So many of the newest notifications are searched for the one just answered.
const NEWEST: u32 = 8;
/// The status of the answer to what is genuine and contradicts our record.
const CONTRADICTS: u16 = 422;

fn mark(hub: &Hub, letter: &Letter, seen: &Result<Received, NotificationError>) {
    match seen {
        Ok(Received::TooEarly) => hub.mark(Mark::RefundTooEarly),
        Err(NotificationError::Refused(NoticeRefused::Probe)) => hub.mark(Mark::Probe),
        Err(NotificationError::Refused(NoticeRefused::Stale(_))) => hub.mark(Mark::Stale),
        Err(NotificationError::Refused(NoticeRefused::NotVerified(_))) => {
            hub.mark(
                match (letter.origin.is_hostile(), letter.refund.is_some()) {
                    (true, true) => Mark::ForgedRefund,
                    (true, false) | (false, _) => Mark::UnknownKey,
                },
            );
        }
        Ok(_) | Err(_) => {}
    }
}

impl Checker {
    /// At the moment a notification is answered.
    pub(crate) fn notification_answered(
        &mut self,
        hub: &Hub,
        rows: &Rows,
        letter: &Letter,
        receipt: &Receipt,
    ) -> Result<(), Violation> {
        if let Some(seen) = &receipt.seen {
            mark(hub, letter, seen);
        }
        let status = receipt.status;
        let accepted = (200..300).contains(&status);
        if accepted && letter.origin.must_be_refused() {
            let detail = format!("a notification ({:?}) was answered {status}", letter.origin);
            return Err(Violation::new("S7", detail));
        }
        if !accepted {
            // What is genuine and believed agrees with our record, however often it comes.
            if status == CONTRADICTS && !letter.origin.is_hostile() {
                let detail = format!("a genuine notification: {:?}", receipt.seen);
                return Err(Violation::new("INCIDENT", detail));
            }
            return match status {
                400..=499 | 503 => Ok(()),
                _ => Err(Violation::new(
                    "BUG",
                    format!("a notification was answered {status}"),
                )),
            };
        }
        let stored = rows.notifications(&letter.mchid, NEWEST)?;
        let Some(record) = stored.iter().find(|record| record.body == letter.body) else {
            let seen = &receipt.seen;
            let detail =
                format!("a notification was answered {status} and is not stored ({seen:?})");
            return Err(Violation::new("S11", detail));
        };
        self.has_had_its_effect(hub, rows, letter, record)
    }

    fn has_had_its_effect(
        &self,
        hub: &Hub,
        rows: &Rows,
        letter: &Letter,
        record: &NotificationRecord,
    ) -> Result<(), Violation> {
        let Some(number) = &record.out_trade_no else {
            return Ok(());
        };
        let payment = sent::owner(rows, &letter.mchid, number.as_str())?;
        let paid = payment.as_ref().and_then(|payment| payment.attempt(number));
        match paid.map(|attempt| &attempt.state) {
            Some(AttemptState::Paid { .. }) => {}
            other => {
                let detail =
                    format!("the notification of {number} was accepted; its attempt is {other:?}");
                return Err(Violation::new("S11", detail));
            }
        }
        let Some(refund) = &letter.refund else {
            return Ok(());
        };
        // What is not signed is a reason to ask. That it was asked is for the end, when all refunds must be as they are at WeChat.
        if record.effect == NotificationEffect::Asked {
            if letter.origin.is_hostile() {
                hub.mark(Mark::Spliced);
            }
            return Ok(());
        }
        if record.effect == NotificationEffect::Known {
            hub.mark(Mark::RefundFinalRepeated);
        }
        let found = payment.as_ref().and_then(|payment| {
            let mut refunds = payment.refunds.iter();
            refunds.find(|known| known.out_refund_no.as_str() == refund)
        });
        match found.map(|found| &found.wechat_id) {
            Some(Some(_)) => Ok(()),
            _ => {
                let detail =
                    format!("the notification of refund {refund} was accepted; it is {found:?}");
                Err(Violation::new("S11", detail))
            }
        }
    }
}
