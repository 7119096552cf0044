//! What can be written into a scenario: one line, one step. The first word of a step says what happens; the rest are details.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::app::ShopApp;
use super::notice_answer::NoticeAnswer;
use super::span::Span;
use super::variant::Protocol;

macro_rules! steps {
    ($($(#[$doc:meta])* $name:ident = $verb:literal { $($(#[$member_doc:meta])* $member:ident : $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub(crate) struct $name {
                $($(#[$member_doc])* pub(crate) $member: $type),*
            }
        )*

        /// One step.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Step { $($(#[$doc])* $name($name)),* }

        impl Step {
            /// The words a step can begin with.
            pub(crate) const VERBS: &'static [&'static str] = &[$($verb),*];

            /// Reads a step.
            ///
            /// # Errors
            /// For people: what is not understood, and what would be.
            pub(crate) fn read(line: toml::Table) -> Result<Self, String> {
                let verb = Self::VERBS.iter().copied().find(|verb| line.contains_key(*verb));
                match verb {
                    $(Some($verb) => line.try_into().map(Self::$name).map_err(|why: toml::de::Error| why.message().to_owned()),)*
                    _ => {
                        let words: Vec<&str> = line.keys().map(String::as_str).collect();
                        Err(format!("{words:?} names no step; steps begin with {}", Self::VERBS.join(", ")))
                    }
                }
            }
        }
    };
}

fn alice() -> String {
    "alice".to_owned()
}

fn once() -> u32 {
    1
}

fn coffee() -> i64 {
    1990
}

fn pay() -> String {
    "pay".to_owned()
}

steps! {
    // ------------------------------------------------------------------------------- the shop's backend
    /// The shop asks to be paid: `POST /v1/payments`. The name is the shop's order number.
    Create = "create" {
        create: String,
        #[serde(default = "coffee")]
        fen: i64,
        description: Option<String>,
        attach: Option<String>,
        /// How long the payer has; 30 minutes if left out.
        expires: Option<Span>,
        /// In which of its apps, if not in the one that fits what it sells.
        app: Option<ShopApp>,
        /// The code of the problem that is expected instead of a success.
        answers: Option<String>,
        /// Do not wait for the answer.
        #[serde(default)]
        later: bool,
    }
    /// The shop changes what it asks for.
    Revise = "revise" {
        revise: String,
        fen: Option<i64>,
        description: Option<String>,
        attach: Option<String>,
        answers: Option<String>,
        #[serde(default)]
        later: bool,
    }
    /// The shop closes a payment.
    Close = "close" {
        close: String,
        answers: Option<String>,
        #[serde(default)]
        later: bool,
    }
    /// The shop asks whether it is paid, and we ask WeChat.
    Sync = "sync" { sync: String, answers: Option<String> }
    /// The shop wants money to go back; without `fen`, all that is left.
    Refund = "refund" {
        refund: String,
        /// The shop's number of the refund.
        no: String,
        fen: Option<i64>,
        reason: Option<String>,
        /// Which attempt of the payment, from 1; only for surplus that was kept.
        attempt: Option<usize>,
        /// So many different refunds at once: `no` gets a number behind it. `answers` is then for those that are refused.
        #[serde(default = "once")]
        times: u32,
        answers: Option<String>,
        #[serde(default)]
        later: bool,
    }
    /// The shop asks where a refund stands, and we ask WeChat.
    SyncRefund = "sync_refund" { sync_refund: String, answers: Option<String> }
    /// The shop chooses another way for an abnormal refund: `user_bank_card` or `merchant_bank_card`.
    Remedy = "remedy" { remedy: String, to: String, answers: Option<String> }
    /// The shop registers a webhook endpoint: its own receiver, or the address given.
    Endpoint = "endpoint" {
        endpoint: String,
        #[serde(default)]
        events: Vec<String>,
        url: Option<String>,
        answers: Option<String>,
    }
    /// The shop asks for its webhooks again: everything, or only those that failed.
    SendAgain = "send_again" {
        send_again: String,
        #[serde(default)]
        only_failed: bool,
    }
    /// The shop switches an endpoint on again.
    Enable = "enable" { enable: String }
    /// The shop asks for a new signing secret; the old one signs as well for so long.
    RotateSecret = "rotate_secret" { rotate_secret: String, overlap: Span }
    /// The shop has a day (in Beijing, `2026-01-05`) compared with WeChat's bill again.
    RunDay = "run_day" { run_day: String, answers: Option<String> }
    // ------------------------------------------------------------------------------------- the payer
    /// A user opens the mini program (`wx.login`) or the official account's page (`/mp/v1/authorize`), and the code is exchanged.
    /// `again`: the same code once more.
    Login = "login" {
        login: String,
        #[serde(default)]
        again: bool,
        /// In which app; the one of what the shop sells if left out.
        app: Option<ShopApp>,
        /// Which app the code is said to be of, if not of that one.
        claims: Option<ShopApp>,
        answers: Option<String>,
    }
    /// The payer taps "pay", and the means to pay come to where they are used: parameters to the phone that asked, a QR code to the
    /// screen, an address to the browser. For code payments the phone shows a payment code, and nobody is asked.
    /// `answers`: `ready` (if left out), `paid`, or the code of a problem.
    Tap = "tap" {
        tap: String,
        #[serde(default = "alice")]
        by: String,
        /// With the session of another app than the one that fits.
        app: Option<ShopApp>,
        /// So many times at once.
        #[serde(default = "once")]
        times: u32,
        #[serde(default)]
        later: bool,
        answers: Option<String>,
    }
    /// The answer to what was sent `later`, oldest first.
    Answered = "answered" { answered: String }
    /// The payer pays in WeChat's cashier, having come there with what the last tap gave. `cashier`: `newest` (if left out) or `first`
    /// of what there is, or `opened` for the newest when it has been open for a while; without any, the one WeChat's books know.
    /// `action` as in the simulator. `refused`: part of what the phone shows. For code payments the till scans the payer's newest code.
    Pay = "pay" {
        pay: String,
        #[serde(default = "alice")]
        by: String,
        cashier: Option<String>,
        #[serde(default = "pay")]
        action: String,
        refused: Option<String>,
    }
    /// Whoever waits asks whether it is paid: the mini program or page, or the shop's backend for a browser, an app or a till.
    /// `answers`: the state.
    Confirm = "confirm" {
        confirm: String,
        #[serde(default = "alice")]
        by: String,
        answers: Option<String>,
    }
    /// A phone shows a payment code. `story`, as in the simulator: what happens once it is scanned; `pays` if left out. `after`: how
    /// long the payer takes, for the stories that wait.
    ShowCode = "show_code" { show_code: String, story: Option<String>, after: Option<Span> }
    /// The till scans a payment code for a payment. `code`: `newest` (if left out) or `first` of those this phone has shown, or 18 digits.
    /// `again`: the till sends its last request once more, under the same idempotency key. `answers`: `paid` (if left out), `paying`, or
    /// the code of a problem. `wechat`: WeChat's own code in it.
    Scan = "scan" {
        scan: String,
        #[serde(default = "alice")]
        by: String,
        code: Option<String>,
        #[serde(default)]
        again: bool,
        #[serde(default)]
        later: bool,
        answers: Option<String>,
        wechat: Option<String>,
    }
    /// The payer, asked for the password of a scanned code, types it or refuses. `nobody_asks`: the phone does not ask any more.
    Decide = "decide" {
        decide: String,
        pays: bool,
        #[serde(default)]
        nobody_asks: bool,
    }
    /// The mini program wants the phone number: the SDK calls an interface that needs the access token.
    PhoneNumber = "phone_number" { phone_number: String, answers: Option<String> }
    // ------------------------------------------------------------------------------------- WeChat
    /// A switch of the simulator: what goes wrong, where, how often.
    FaultSwitch = "fault" {
        fault: String,
        /// The operation, for example `prepay`.
        at: Option<String>,
        /// Only for the newest order of this payment.
        of: Option<String>,
        #[serde(default = "once")]
        times: u32,
        delay: Option<Span>,
        status: Option<u16>,
        code: Option<String>,
        message: Option<String>,
    }
    /// All switches back.
    ClearFaults = "clear_faults" { clear_faults: bool }
    /// Points that WeChat's documentation leaves open.
    Assume = "assume" { assume: BTreeMap<String, Value> }
    /// Somebody who is not WeChat sends a payment notification: everything right but the signature.
    Forge = "forge" { forge: String, flaw: Option<String> }
    /// Somebody sends a genuine notification again, byte for byte. `to`: `other_merchant`'s address.
    Replay = "replay" { replay: String, to: Option<String> }
    /// WeChat sends its last notification about a payment, or about a refund of it, once more.
    SendNotificationAgain = "notify_again" { notify_again: String, of_refund: Option<String> }
    /// WeChat, with its own key, says something else than the order.
    Misreport = "misreport" {
        misreport: String,
        of_refund: Option<String>,
        /// What differs, member by member of the decrypted notification.
        says: BTreeMap<String, Value>,
    }
    /// Somebody refunds in WeChat's console.
    ConsoleRefund = "console_refund" { console_refund: String, fen: i64, no: Option<String> }
    /// The bank or WeChat's console ends a refund now.
    FinishRefund = "finish_refund" { finish_refund: String, to: Option<String> }
    /// Sets the merchant's balance at WeChat; a negative number is enough for everything.
    SetBalance = "balance" { balance: i64 }
    /// What WeChat signs with: `public_key`, `certificate` or `switching`.
    SignWith = "sign_with" { sign_with: String }
    /// A step in the rotation of platform certificates: `announce`, `activate` or `withdraw`.
    Rotate = "rotate" { rotate: String }
    /// The merchant sets a new key at WeChat: the APIv3 key, or with the older protocol the API key. Our server learns it at its
    /// next `start` with `new_keys`.
    NewKey = "new_key" { new_key: bool }
    /// The merchant's API certificate is replaced at WeChat. Our server learns it at its next `start` with `new_keys`.
    NewCertificate = "new_certificate" { new_certificate: bool }
    /// WeChat's first domain: `down` or `up`.
    PrimaryDomain = "primary_domain" { primary_domain: String }
    /// Lets answers go that the switch `answer_held` holds.
    Release = "release" { release: bool }
    /// Another server of the same shop forces a new access token: ours ends at once.
    ReplaceToken = "replace_token" { replace_token: bool }
    // ------------------------------------------------------------------------------- time and machine
    /// Time passes; everything due on the way happens at its time.
    Wait = "wait" { wait: Span }
    /// Our process stops dead `before_commit` or `after_commit` of the n-th transaction from now. `kill` it then.
    Freeze = "freeze" {
        freeze: String,
        #[serde(default = "once")]
        nth: u32,
    }
    /// Our process dies, whatever it is doing.
    Kill = "kill" { kill: bool }
    /// Our process starts.
    Start = "start" {
        start: bool,
        /// With the keys the merchant has set meanwhile.
        #[serde(default)]
        new_keys: bool,
        /// From now on with both protocols: new orders go by this one, orders of the other are still served.
        new_orders: Option<Protocol>,
    }
    /// The disk: `full` or `free`.
    Disk = "disk" { disk: String }
    /// The database: `down` or `up`.
    Database = "database" { database: String }
    /// Our machine's clock against WeChat's: `right`, `ahead` or `behind`.
    OurClock = "our_clock" { our_clock: String, by: Option<Span> }
    /// Copies the database, as a nightly backup does.
    Backup = "backup" { backup: bool }
    /// Our process is stopped and the backup put in place of the database.
    Restore = "restore" { restore: bool }
    /// What the shop's receiver of webhooks does: `ok`, `fails`, `is_down`, `is_slow`, `redirects`.
    Receiver = "receiver" { receiver: String, does: String }
    // -------------------------------------------------------------------------------------- what must be
    /// A payment as the shop sees it.
    Expect = "expect" {
        expect: String,
        state: Option<String>,
        late: Option<bool>,
        /// The states of its attempts, oldest first.
        attempts: Option<Vec<String>>,
        /// The states of its refunds, oldest first.
        refunds: Option<Vec<String>>,
        refunded_fen: Option<i64>,
        refunding_fen: Option<i64>,
        /// The states of its orders in WeChat's books, oldest first.
        at_wechat: Option<Vec<String>>,
        /// Whether our books know it at all.
        known: Option<bool>,
    }
    /// A refund as the shop sees it; of those the shop did not ask for, `payment#n` is the n-th refund of a payment.
    ExpectRefund = "expect_refund" {
        expect_refund: String,
        state: Option<String>,
        fen: Option<i64>,
        origin: Option<String>,
        action_needed: Option<bool>,
        /// WeChat's code; empty for none.
        trouble: Option<String>,
    }
    /// All events of the shop, or those of one payment, in order.
    ExpectEvents = "expect_events" { expect_events: Vec<String>, of: Option<String> }
    /// All incidents by kind, oldest first.
    ExpectIncidents = "expect_incidents" { expect_incidents: Vec<String> }
    /// How many requests WeChat got of these kinds so far.
    ExpectCalls = "expect_calls" { expect_calls: BTreeMap<String, u64> }
    /// At most so many requests of these kinds so far.
    ExpectAtMost = "expect_calls_at_most" { expect_calls_at_most: BTreeMap<String, u64> }
    /// How many orders WeChat knows of.
    ExpectOrders = "expect_orders_at_wechat" { expect_orders_at_wechat: usize }
    /// The states of the refunds in WeChat's books, oldest first.
    ExpectRefundsAtWechat = "expect_refunds_at_wechat" { expect_refunds_at_wechat: Vec<String> }
    /// What we answered to each notification WeChat (or a forger) sent so far.
    ExpectNotifications = "expect_notifications" { expect_notifications: Vec<NoticeAnswer> }
    /// Members of `GET /v1/balance`.
    ExpectBalance = "expect_balance" { expect_balance: BTreeMap<String, Value> }
    /// The events that a receiver got, in any order, each counted once.
    ExpectWebhooks = "expect_webhooks" {
        expect_webhooks: String,
        got: Option<Vec<String>>,
        /// How many messages came in all, copies and refused ones included.
        messages: Option<usize>,
        at_least: Option<usize>,
        /// How many signatures the last message carried.
        signatures: Option<usize>,
    }
    /// An endpoint as the shop sees it.
    ExpectEndpoint = "expect_endpoint" {
        expect_endpoint: String,
        state: Option<String>,
        pending: Option<usize>,
        delivered: Option<usize>,
        failed: Option<usize>,
    }
    /// A day as the shop sees it. `differences` are written `kind: state`, in the order in which they were found.
    ExpectDay = "expect_day" {
        expect_day: String,
        state: Option<String>,
        /// What the bill says.
        payments: Option<u64>,
        paid_fen: Option<i64>,
        refunds: Option<u64>,
        /// What of it is in our books.
        matched_fen: Option<i64>,
        differences: Option<Vec<String>>,
        /// Part of the reason why there is no bill yet.
        trouble: Option<String>,
    }
    /// Whether the QR code of a payment is drawn, as SVG and as PNG; else that it is not ready.
    ExpectQr = "expect_qr" { expect_qr: String, drawn: bool }
    /// Whether the server says that it is ready.
    ExpectReady = "expect_ready" { expect_ready: bool }
}
