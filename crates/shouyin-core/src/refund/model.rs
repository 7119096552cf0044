//! Types and states.
//!
//! ```text
//! Recorded ──► Processing ──► Succeeded
//!    │             │  ▲ └───► Closed
//!    │             ▼  │         ▲
//!    │          Abnormal ───────┴──► Succeeded
//!    └──► Rejected ──► (WeChat has it after all) Processing, Succeeded, Closed, Abnormal
//! ```

use fen::Fen;

use crate::id::{OutRefundNo, OutTradeNo, RefundId, RefundNo, WechatRefundId};
use crate::time::{DAY_MS, Timestamp};

/// WeChat takes at most this many refunds for one order (WeChat Pay APIv3, "refund").
pub const MAX_REFUNDS: usize = 50;

/// How long after the payment it can be refunded, in milliseconds (WeChat Pay APIv3, "refund": one year).
pub const REFUND_WINDOW_MS: i64 = 365 * DAY_MS;

/// Longest reason in characters (WeChat Pay APIv3, "refund", `reason`).
pub const MAX_REASON: usize = 80;

/// Money on its way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Our id.
    pub id: RefundId,
    /// The shop's own number; none if the shop did not ask for it through us.
    pub refund_no: Option<RefundNo>,
    /// Its number at WeChat, stored before it is first sent, and the same for ever.
    pub out_refund_no: OutRefundNo,
    /// The order at WeChat whose money it gives back.
    pub out_trade_no: OutTradeNo,
    /// How much, in fen; at least 1.
    pub amount: Fen,
    /// What the payer reads; at most 80 characters.
    pub reason: Option<String>,
    /// Who wanted it.
    pub origin: RefundOrigin,
    /// Where it stands.
    pub state: RefundState,
    /// WeChat's number, once it answered.
    pub wechat_id: Option<WechatRefundId>,
    /// Where the money arrives, in WeChat's words, for people.
    pub received_account: Option<String>,
    /// What keeps it from going on: WeChat's last refusal that is not final.
    pub trouble: Option<Trouble>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When the request was last sent.
    pub last_sent_at: Timestamp,
    /// How many requests were sent.
    pub sends: u32,
    /// When a waiting client last made us ask WeChat about it.
    pub asked_at: Option<Timestamp>,
    /// When the merchant last asked WeChat to pay an abnormal refund out in another way.
    pub remedied_at: Option<Timestamp>,
}

/// Who wanted a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundOrigin {
    /// The merchant, through our API.
    Merchant,
    /// The policy for money that came after the payment was closed.
    LatePolicy,
    /// The policy for money beyond what the payment asked for.
    SurplusPolicy,
    /// Somebody, in WeChat's console: WeChat told us about it.
    Console,
}

impl RefundOrigin {
    /// All origins.
    pub const ALL: [Self; 4] = [
        Self::Merchant,
        Self::LatePolicy,
        Self::SurplusPolicy,
        Self::Console,
    ];

    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::LatePolicy => "late_policy",
            Self::SurplusPolicy => "surplus_policy",
            Self::Console => "console",
        }
    }

    /// The inverse of [`RefundOrigin::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|origin| origin.as_str() == text)
    }
}

/// Where a refund stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundState {
    /// Stored here; whether WeChat has it is not proven. Its money is reserved.
    Recorded,
    /// WeChat has it and works on it. Its money is reserved.
    Processing,
    /// The original way failed and WeChat holds the money: somebody has to decide. Its money is reserved.
    Abnormal,
    /// The money went back. Final.
    Succeeded {
        /// When, according to WeChat.
        at: Timestamp,
    },
    /// WeChat closed it; nothing went back. Final.
    Closed {
        /// When we learned it.
        at: Timestamp,
    },
    /// WeChat will not make it; nothing went back. Final, unless WeChat has it after all.
    Rejected {
        /// WeChat's error code.
        code: String,
    },
}

impl RefundState {
    /// The name in the API and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Processing => "processing",
            Self::Abnormal => "abnormal",
            Self::Succeeded { .. } => "succeeded",
            Self::Closed { .. } => "closed",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// True while money may still leave, as far as we know.
    pub const fn is_unresolved(&self) -> bool {
        matches!(self, Self::Recorded | Self::Processing | Self::Abnormal)
    }

    /// True if its amount is gone or may go: it cannot be refunded again.
    pub const fn holds_money(&self) -> bool {
        self.is_unresolved() || matches!(self, Self::Succeeded { .. })
    }
}

/// A refusal that is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// WeChat's error code, for example `NOT_ENOUGH`.
    pub code: String,
    /// WeChat's message, for people.
    pub message: String,
    /// What it means.
    pub kind: TroubleKind,
}

/// What a refusal means for a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// The merchant's balance is too low: the same number again, once somebody topped it up.
    NotEnough,
    /// WeChat said no for good, in a signed answer. If an earlier request under the same number may have got through, a
    /// query that finds nothing has to prove it.
    Refused,
    /// Too many calls, or an answer that is not signed: the same number again, later.
    Passing,
}

impl TroubleKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::NotEnough, Self::Refused, Self::Passing];

    /// The name in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotEnough => "not_enough",
            Self::Refused => "refused",
            Self::Passing => "passing",
        }
    }

    /// The inverse of [`TroubleKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Refund {
    /// True if it waits for a person.
    pub fn needs_action(&self) -> bool {
        match self.state {
            RefundState::Abnormal => true,
            RefundState::Recorded => self
                .trouble
                .as_ref()
                .is_some_and(|trouble| trouble.kind == TroubleKind::NotEnough),
            RefundState::Processing
            | RefundState::Succeeded { .. }
            | RefundState::Closed { .. }
            | RefundState::Rejected { .. } => false,
        }
    }
}
