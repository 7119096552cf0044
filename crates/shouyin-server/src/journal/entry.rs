//! One message of the timeline, as JSON for the demo's page.

use jiff::tz::Offset;
use serde::Serialize;
use shouyin_core::Timestamp;

/// Who sends or receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The buyer's phone with the mini program.
    Phone,
    /// The merchant's backend.
    Shop,
    /// This server.
    Shouyin,
    /// WeChat.
    Wechat,
}

/// What kind of message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Login,
    Code2session,
    Order,
    Pay,
    Prepay,
    RequestPayment,
    Cashier,
    Notification,
    NotificationRefused,
    Commit,
    /// The event that says that a payment is paid.
    Event,
    /// Any other event that has no kind of its own.
    OtherEvent,
    /// A question about one order or one refund, and nothing else: the page takes its answer for proof.
    Query,
    /// The keys with which WeChat signs.
    Certificates,
    /// A day's bill, and what comparing it with our books brought.
    Bill,
    Close,
    Confirm,
    Refund,
    Webhook,
}

/// A title in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Title {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// A request as it was sent, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// An answer as it came, secrets masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// One thing that was checked or done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// Whether it is as it should be.
    pub ok: bool,
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
    /// For example the exact text that was signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Explained {
    /// A check that passed.
    pub fn good(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            ok: true,
            en: en.into(),
            zh: zh.into(),
            detail: None,
        }
    }

    /// A check that failed.
    pub fn bad(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            ok: false,
            ..Self::good(en, zh)
        }
    }

    /// The same with the exact text it is about.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// One message of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its place in the timeline.
    pub seq: u64,
    /// When it began: RFC 3339 at +08:00 with milliseconds.
    pub at: String,
    /// The message.
    #[serde(flatten)]
    pub message: NewEntry,
}

/// A message before it has its place in the timeline. Whoever makes one masks its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewEntry {
    /// When it began, if that is not now.
    #[serde(skip)]
    pub started: Option<Timestamp>,
    /// Who sent it.
    pub from: Party,
    /// Who got it.
    pub to: Party,
    /// What kind of message.
    pub kind: Kind,
    /// What happened.
    pub title: Title,
    /// About which payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<String>,
    /// About which order at WeChat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_trade_no: Option<String>,
    /// Whether it went well.
    pub ok: bool,
    /// The request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Asked>,
    /// Its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<Answer>,
    /// What was inside an encrypted message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decrypted: Option<String>,
    /// What was checked, in order.
    pub explained: Vec<Explained>,
    /// How long it took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
}

impl NewEntry {
    /// A message that went well and of which nothing else is known yet.
    pub fn new(
        from: Party,
        to: Party,
        kind: Kind,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self {
            started: None,
            from,
            to,
            kind,
            title: Title {
                en: en.into(),
                zh: zh.into(),
            },
            payment_id: None,
            out_trade_no: None,
            ok: true,
            request: None,
            response: None,
            decrypted: None,
            explained: Vec::new(),
            duration_ms: None,
        }
    }

    pub(super) fn at(self, now: Timestamp) -> Entry {
        let at = beijing(self.started.unwrap_or(now));
        Entry {
            seq: 0,
            at,
            message: self,
        }
    }
}

/// RFC 3339 at +08:00 with milliseconds.
fn beijing(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.as_millis()).map_or_else(
        |_| at.as_millis().to_string(),
        |time| {
            Offset::constant(8)
                .to_datetime(time)
                .strftime("%Y-%m-%dT%H:%M:%S%.3f+08:00")
                .to_string()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_what_the_page_expects() {
        let mut new = NewEntry::new(
            Party::Wechat,
            Party::Shouyin,
            Kind::NotificationRefused,
            "Refused",
            "已拒绝",
        );
        new.ok = false;
        new.started = Some(Timestamp::from_millis(1_767_585_784_120));
        new.explained
            .push(Explained::bad("Signature wrong", "签名错误").with_detail("a\nb\n"));
        let mut entry = new.at(Timestamp::from_millis(0));
        entry.seq = 12;
        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            serde_json::json!({
                "seq": 12, "at": "2026-01-05T12:03:04.120+08:00", "from": "wechat", "to": "shouyin",
                "kind": "notification_refused", "title": {"en": "Refused", "zh": "已拒绝"}, "ok": false,
                "explained": [{"ok": false, "en": "Signature wrong", "zh": "签名错误", "detail": "a\nb\n"}]
            })
        );
        assert_eq!(
            serde_json::to_value(Kind::Code2session).unwrap(),
            "code2session"
        );
    }
}
