//! The heart: one value that is WeChat, changed by one function, without clock, chance, threads or sockets.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::assumptions::Assumptions;
use crate::bill::Bills;
use crate::book::{App, AppKind, Book, Merchant, OrderKey, RefundKey};
use crate::fault::{Fault, Faults};
use crate::log::{Entry, Log};
use crate::login::Logins;
use crate::message::{Input, Output};
use crate::notice::{ANSWER_TIMEOUT_MS, Delivery, Finding, Post};
use crate::order::{Order, Prepay};
use crate::refund::Refund;
use crate::timer::{Timer, Timers};

/// How a simulated WeChat begins.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// All ids follow from it: the same seed and the same inputs give the same outputs.
    pub seed: u64,
    /// Whether exchanges are recorded. Off, recording costs nothing.
    pub log: bool,
    /// The points the documentation leaves open.
    pub assumptions: Assumptions,
    /// How long things take.
    pub timing: Timing,
}

/// How long things take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// From the acceptance of a refund to its end, milliseconds.
    pub refund_ms: i64,
    /// After how long an unanswered notification counts as failed, milliseconds. `None` when whoever delivers it
    /// reports every failure.
    pub answer_timeout_ms: Option<i64>,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            refund_ms: 3_000,
            answer_timeout_ms: Some(ANSWER_TIMEOUT_MS),
        }
    }
}

/// A simulated WeChat.
#[derive(Debug)]
pub struct Wechat {
    pub(crate) assumptions: Assumptions,
    pub(crate) timing: Timing,
    pub(crate) ids: crate::ids::Ids,
    pub(crate) book: Book,
    pub(crate) logins: Logins,
    pub(crate) bills: Bills,
    pub(crate) post: Post,
    pub(crate) faults: Faults,
    pub(crate) timers: Timers,
    pub(crate) log: Log,
    pub(crate) browser_host: String,
    pub(crate) now_ms: i64,
    pub(crate) wire_offset_ms: i64,
    /// Authorization headers of the last minutes, kept only when replays are refused.
    pub(crate) nonces: BTreeSet<(i64, String, String)>,
    pub(crate) outputs: Vec<Output>,
}

impl Wechat {
    /// A WeChat that knows nobody yet.
    pub fn new(options: Options) -> Self {
        Self {
            assumptions: options.assumptions,
            timing: options.timing,
            ids: crate::ids::Ids::new(options.seed),
            book: Book::default(),
            logins: Logins::default(),
            bills: Bills::default(),
            post: Post::default(),
            faults: Faults::default(),
            timers: Timers::default(),
            log: Log::new(options.log),
            browser_host: "https://wx.tenpay.com".to_owned(),
            now_ms: 0,
            wire_offset_ms: 0,
            nonces: BTreeSet::new(),
            outputs: Vec::new(),
        }
    }

    /// Says what an app is; a mini program otherwise.
    #[must_use]
    pub fn with_app_kind(mut self, appid: impl Into<String>, kind: AppKind) -> Self {
        self.book.kinds.insert(appid.into(), kind);
        self
    }

    /// Where `h5_url` and `mweb_url` begin, instead of `https://wx.tenpay.com`: a front that can show the cashier.
    #[must_use]
    pub fn with_browser_host(mut self, base_url: impl Into<String>) -> Self {
        self.browser_host = base_url.into();
        self
    }

    /// Registers an app.
    #[must_use]
    pub fn with_app(mut self, app: App) -> Self {
        self.book.apps.insert(app.appid.clone(), app);
        self
    }

    /// Registers a merchant.
    #[must_use]
    pub fn with_merchant(mut self, merchant: Merchant) -> Self {
        self.book.merchants.insert(merchant.mchid.clone(), merchant);
        self
    }

    /// Lets everything happen that is due by `now_ms` (Unix milliseconds), each at its own time, then the input.
    ///
    /// An [`Input::Request`] gives exactly one [`Output::Answer`] or [`Output::NoAnswer`], [`Input::Phone`] one
    /// [`Output::Phone`], [`Input::Control`] one [`Output::Control`]; besides, any step may send notifications.
    pub fn step(&mut self, now_ms: i64, input: Input) -> Vec<Output> {
        while let Some((due_ms, timer)) = self.timers.pop_due(now_ms) {
            self.now_ms = due_ms;
            match timer {
                Timer::ExpireOrder(order) => self.expire_order(&order),
                Timer::DecideCode(order, pays) => self.decide_code(&order, pays),
                Timer::FinishRefund(refund) => self.finish_refund(&refund, None),
                Timer::Notify(delivery) => self.dispatch(delivery),
                Timer::NotifyTimeout(delivery, attempt) => {
                    self.notification_timeout(delivery, attempt)
                }
            }
        }
        self.now_ms = now_ms;
        match input {
            Input::Request(request) => self.request(&request),
            Input::Phone(action) => {
                let result = self.phone(action);
                self.outputs.push(Output::Phone(result));
            }
            Input::Control(command) => {
                let result = self.control(command);
                self.outputs.push(Output::Control(result));
            }
            Input::Tick => {}
            Input::NotificationAnswered {
                delivery,
                attempt,
                status,
                body,
            } => self.notification_answered(delivery, attempt, status, &body),
        }
        std::mem::take(&mut self.outputs)
    }

    /// When something happens by itself next, Unix milliseconds.
    pub fn next_due(&self) -> Option<i64> {
        self.timers.next_due()
    }

    /// The time in signatures, Unix seconds.
    pub(crate) fn wire_seconds(&self) -> i64 {
        (self.now_ms - self.wire_offset_ms).div_euclid(1000)
    }

    /// The time of the last step, Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// All orders by merchant and number.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.book.orders.values()
    }

    /// One order.
    pub fn order(&self, mchid: &str, out_trade_no: &str) -> Option<&Order> {
        let key: OrderKey = (mchid.to_owned(), out_trade_no.to_owned());
        self.book.orders.get(&key)
    }

    /// The prepay ids given out for an order, oldest first.
    pub fn prepays(&self, mchid: &str, out_trade_no: &str) -> Vec<(&str, &Prepay)> {
        let key: OrderKey = (mchid.to_owned(), out_trade_no.to_owned());
        let ids = self.book.prepays_of.get(&key).into_iter().flatten();
        ids.filter_map(|id| self.book.prepays.get_key_value(id))
            .map(|(id, prepay)| (id.as_str(), prepay))
            .collect()
    }

    /// All refunds by merchant and number.
    pub fn refunds(&self) -> impl Iterator<Item = &Refund> {
        self.book.refunds.values()
    }

    /// One refund.
    pub fn refund(&self, mchid: &str, out_refund_no: &str) -> Option<&Refund> {
        let key: RefundKey = (mchid.to_owned(), out_refund_no.to_owned());
        self.book.refunds.get(&key)
    }

    /// All notifications, oldest first.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.post.deliveries.values()
    }

    /// What receivers did wrong.
    pub fn findings(&self) -> &[Finding] {
        &self.post.findings
    }

    /// The faults that are still to be played.
    pub fn faults(&self) -> &[Fault] {
        self.faults.list()
    }

    /// The points the documentation leaves open, as they are now.
    pub fn assumptions(&self) -> &Assumptions {
        &self.assumptions
    }

    /// What an app is.
    pub fn app_kind(&self, appid: &str) -> AppKind {
        self.book.kind(appid)
    }

    /// All apps.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.book.apps.values()
    }

    /// All merchants.
    pub fn merchants(&self) -> impl Iterator<Item = &Merchant> {
        self.book.merchants.values()
    }

    /// Every user that ever got an openid: openid, app, user.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.book
            .openids
            .iter()
            .map(|(openid, (appid, user))| (openid.as_str(), appid.as_str(), user.as_str()))
    }

    /// The log entries after this one, oldest first.
    pub fn log_after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.log.after(seq)
    }

    /// The number of the newest log entry.
    pub fn log_last(&self) -> u64 {
        self.log.last()
    }
}

/// An answer before it is signed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    pub(crate) number: u64,
    pub(crate) content_type: &'static str,
}

impl Reply {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self {
            status,
            body: value.to_string().into_bytes(),
            number: crate::refusal::number::OK,
            content_type: "application/json; charset=utf-8",
        }
    }

    pub(crate) fn no_content() -> Self {
        Self {
            status: 204,
            body: Vec::new(),
            number: crate::refusal::number::OK,
            content_type: "",
        }
    }
}
