//! The record of every exchange, with each check that was made and why it passed or failed.

use std::collections::VecDeque;

use serde::Serialize;
use utoipa::ToSchema;
use wechatpay::time::format_beijing;

const KEPT: usize = 5_000;

/// One exchange, or one thing that happened.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Entry {
    /// Counts from 1; `GET /_control/log?after=N` returns what is newer.
    pub seq: u64,
    /// Simulated time, Unix milliseconds.
    pub at_ms: i64,
    /// The same as RFC 3339 at +08:00.
    pub at: String,
    /// `request`, `notification`, `notification_answer`, `phone` or `control`.
    pub kind: &'static str,
    /// The operation, for example `prepay`.
    pub operation: Option<String>,
    /// Whose exchange.
    pub mchid: Option<String>,
    /// About which order.
    pub out_trade_no: Option<String>,
    /// What arrived, or for notifications what was sent.
    pub request: Option<Message>,
    /// What was answered.
    pub answer: Option<Message>,
    /// Each check in the order it was made.
    pub checks: Vec<Check>,
    /// The fault that was played, if any.
    pub fault: Option<String>,
    /// A sentence for people.
    pub note: Option<String>,
}

/// One HTTP message as it was.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Message {
    /// Method and target, or the status.
    pub start: String,
    /// Raw headers in order.
    pub headers: Vec<(String, String)>,
    /// The body; bytes that are not UTF-8 are shown as replacement characters.
    pub body: String,
}

impl Message {
    pub(crate) fn new(start: String, headers: &[(String, String)], body: &[u8]) -> Self {
        Self {
            start,
            headers: headers.to_vec(),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }
}

/// One check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Check {
    /// What was checked, for example `signature`.
    pub check: &'static str,
    /// Whether it passed.
    pub passed: bool,
    /// Which key, which serial, what was expected.
    pub explanation: String,
    /// The text that was signed, for signature checks.
    pub signed_text: Option<String>,
}

/// Collects the checks of one exchange. Costs nothing when the log is off.
#[derive(Debug)]
pub(crate) struct Checks(Option<Vec<Check>>);

impl Checks {
    pub(crate) fn new(on: bool) -> Self {
        Self(on.then(Vec::new))
    }

    pub(crate) fn note(
        &mut self,
        check: &'static str,
        passed: bool,
        explanation: impl FnOnce() -> String,
    ) {
        self.note_text(check, passed, explanation, || None);
    }

    pub(crate) fn note_text(
        &mut self,
        check: &'static str,
        passed: bool,
        explanation: impl FnOnce() -> String,
        signed_text: impl FnOnce() -> Option<String>,
    ) {
        if let Some(list) = &mut self.0 {
            list.push(Check {
                check,
                passed,
                explanation: explanation(),
                signed_text: signed_text(),
            });
        }
    }

    pub(crate) fn into_list(self) -> Vec<Check> {
        self.0.unwrap_or_default()
    }
}

/// The newest entries, oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    on: bool,
    entries: VecDeque<Entry>,
    last: u64,
}

impl Log {
    pub(crate) fn new(on: bool) -> Self {
        Self {
            on,
            entries: VecDeque::new(),
            last: 0,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on
    }

    /// Adds the entry that `make` builds, unless the log is off.
    pub(crate) fn add(&mut self, now_ms: i64, make: impl FnOnce() -> Entry) {
        if !self.on {
            return;
        }
        self.last += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            seq: self.last,
            at_ms: now_ms,
            at: format_beijing(now_ms),
            ..make()
        });
    }

    pub(crate) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.seq > seq)
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }
}
