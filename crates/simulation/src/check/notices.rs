//! S11: what was answered 2xx is stored. S7: what cannot be believed has no effect.

use shouyin_core::notification::{NotificationError, NotificationRecord, Received};
use shouyin_core::payment::AttemptState;
use shouyin_core::ports::Store;
use shouyin_store::MemoryStore;

use super::{Checker, Violation, ready, sent};
use crate::network::Letter;

/// So many of the newest notifications are searched for the one just answered.
const NEWEST: u32 = 8;

impl Checker {
    /// At the moment a notification is answered.
    pub(crate) fn notification_answered(
        &self,
        rows: &MemoryStore,
        letter: &Letter,
        status: u16,
        result: &Result<Received, NotificationError>,
    ) -> Result<(), Violation> {
        let accepted = (200..300).contains(&status);
        if accepted && letter.origin.is_hostile() {
            let detail = format!("a notification ({:?}) was answered {status}", letter.origin);
            return Err(Violation::new("S7", detail));
        }
        if !accepted {
            // What is genuine and believed agrees with our record, however often it comes.
            return match result {
                Ok(received @ Received::Contradiction(_)) if !letter.origin.is_hostile() => Err(
                    Violation::new("INCIDENT", format!("a genuine notification: {received:?}")),
                ),
                _ => Ok(()),
            };
        }
        let stored: Vec<NotificationRecord> =
            match ready(rows.notifications(letter.mchid.clone(), NEWEST)) {
                Some(Ok(stored)) => stored,
                Some(Err(_)) | None => {
                    return Err(Violation::new("STORE", "notifications cannot be read"));
                }
            };
        let Some(record) = stored.iter().find(|record| record.body == letter.body) else {
            let detail =
                format!("a notification was answered {status} and is not stored ({result:?})");
            return Err(Violation::new("S11", detail));
        };
        self.has_had_its_effect(rows, letter, record)
    }

    fn has_had_its_effect(
        &self,
        rows: &MemoryStore,
        letter: &Letter,
        record: &NotificationRecord,
    ) -> Result<(), Violation> {
        let Some(number) = &record.out_trade_no else {
            return Ok(());
        };
        let payment = sent::owner(rows, &letter.mchid, number.as_str());
        let paid = payment.as_ref().and_then(|payment| payment.attempt(number));
        match paid.map(|attempt| &attempt.state) {
            Some(AttemptState::Paid { .. }) => Ok(()),
            other => {
                let detail =
                    format!("the notification of {number} was accepted; its attempt is {other:?}");
                Err(Violation::new("S11", detail))
            }
        }
    }
}
