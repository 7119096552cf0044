//! What a call to the acquirer proved.

/// Only proof counts: whatever is not proven is [`Outcome::Unknown`], and an unknown result is
/// resolved by asking WeChat, never by guessing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// WeChat did it and said so in a verified answer.
    Succeeded(T),
    /// WeChat did not do it now; the same number may be tried again later (rate limit).
    Blocked(Refusal),
    /// WeChat will not do it, however often it is asked.
    Rejected(Refusal),
    /// Nothing is proven: no answer, a broken or unverified one, or one we do not understand.
    Unknown(Doubt),
}

/// What WeChat's refusal means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The order is paid already: ask for its state (`ORDERPAID`).
    OrderPaid,
    /// The order is closed (`ORDER_CLOSED`).
    OrderClosed,
    /// WeChat knows no such order or refund (`ORDER_NOT_EXIST`, `RESOURCE_NOT_EXISTS`). Directly after an order call without answer this proves nothing.
    OrderNotExist,
    /// The number belongs to an order with other parameters (`OUT_TRADE_NO_USED`).
    NumberUsed,
    /// The merchant's balance does not cover the refund (`NOT_ENOUGH`): top it up, then the same number again.
    NotEnough,
    /// The payer's code was not charged and will not be: expired, used, not enough money (`AUTH_CODE_EXPIRE`, `NOTENOUGH` and others).
    CodeRefused,
    /// Too long ago to be taken back (`REVERSE_EXPIRE`).
    TooLateToReverse,
    /// Too many calls (HTTP 429, or our own limit).
    RateLimited,
    /// The older protocol refuses to close, perhaps because the order is too young: it may be closed later.
    NotYet,
    /// Anything else, for example a wrong parameter or a missing permission.
    Other,
}

/// A definite no, in WeChat's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it means to us.
    pub kind: RefusalKind,
    /// WeChat's error code, for example `PARAM_ERROR`.
    pub code: String,
    /// WeChat's message, usually Chinese; for people, never parsed.
    pub message: String,
    /// WeChat's `Request-ID`, to quote to their support.
    pub request_id: Option<String>,
    /// True if the refusal's own signature was checked. WeChat does not sign what it refuses before authentication
    /// (HTTP 401), and a gateway on the way signs nothing: such a refusal is shown, but changes no state.
    pub verified: bool,
}

/// Why nothing is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// For people: what happened, for example "no answer within 8 s".
    pub reason: String,
    /// WeChat's error code, when an answer carried one.
    pub code: Option<String>,
    /// WeChat's `Request-ID`, when an answer carried one.
    pub request_id: Option<String>,
    /// True if the request certainly never left this machine.
    pub not_sent: bool,
}

/// [`Refusal::code`] of a call that a limit of our own held back: nothing was sent, and nothing is wrong at WeChat.
pub const LOCAL_LIMIT: &str = "LOCAL_LIMIT";

impl Refusal {
    /// True if a limit of our own held the call back, before anything was sent.
    pub fn is_local(&self) -> bool {
        self.code == LOCAL_LIMIT
    }
}
