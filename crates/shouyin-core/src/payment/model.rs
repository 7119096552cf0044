//! Types and states.
//!
//! ```text
//! payment  Open ──► Closing ──► Closed          attempt  Recorded ──► Open ──► Paid
//!            │         │          │ (late money)            │    │       │
//!            └─────────┴──► Paid ◄┘                         │    └───────┴──► Closed ─(late money)─► Paid
//!                                                           └──► Rejected
//! ```
//!
//! A charge by payment code that was seen unpaid may be refused, too: the question overtook the answer to the charge.

use fen::Fen;

use crate::id::{
    Appid, Mchid, Openid, OrderNo, OutRefundNo, OutTradeNo, PaymentId, Route, TransactionId,
};
use crate::product::{H5Scene, Handle, Product};
use crate::refund::model::{Refund, RefundState};
use crate::time::{HOUR_MS, MINUTE_MS, Timestamp};

/// How long a handle of WeChat's opens a cashier at most, in milliseconds (WeChat Pay APIv3, "JSAPI order": `prepay_id` is valid
/// two hours, whatever `time_expire` says; [`Handle::lifetime_ms`] for each kind).
pub const PREPAY_LIVES_MS: i64 = 2 * HOUR_MS;

/// How long after sending it an order request can still be taken by WeChat, in milliseconds. WeChat refuses requests whose
/// signature is more than five minutes old by *its* clock (WeChat Pay APIv3, "signature"), and a server whose answers from
/// WeChat verify as fresh is at most five minutes ahead of it. One minute more covers the rounding.
pub const REQUEST_MAY_ARRIVE_MS: i64 = 11 * MINUTE_MS;

/// What the shop asks to be paid. Amount, description and attach are what it asks for *now*: each attempt keeps its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Our id.
    pub id: PaymentId,
    /// Who gets the money.
    pub mchid: Mchid,
    /// In which app it is paid.
    pub appid: Appid,
    /// How it is paid.
    pub product: Product,
    /// The shop's own number.
    pub order_no: OrderNo,
    /// How much, in fen; at least 1.
    pub amount: Fen,
    /// Shown to the payer; at most 127 characters.
    pub description: String,
    /// The shop's own text, echoed everywhere; at most 128 characters.
    pub attach: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it may be paid; then it is closed at WeChat.
    pub expires_at: Timestamp,
    /// Where the payer's browser is; only for [`Product::H5`], once known.
    pub scene: Option<H5Scene>,
    /// Who pays. Set by the first user who asks to pay; nobody else may then. For products that name no payer beforehand: who paid.
    pub payer: Option<Openid>,
    /// Where it stands.
    pub state: PaymentState,
    /// Orders at WeChat, oldest first.
    pub attempts: Vec<Attempt>,
    /// Money going back, oldest first. Only payments with a paid attempt have any.
    pub refunds: Vec<Refund>,
}

/// Where a payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentState {
    /// May be paid.
    Open,
    /// To be closed, as soon as WeChat confirms that nobody can pay any more.
    Closing {
        /// Why.
        reason: CloseReason,
    },
    /// WeChat has the money.
    Paid(Paid),
    /// Nobody can pay it; confirmed by WeChat.
    Closed {
        /// Why.
        reason: CloseReason,
        /// When it was confirmed.
        at: Timestamp,
    },
}

impl PaymentState {
    /// The name in the API and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closing { .. } => "closing",
            Self::Paid(_) => "paid",
            Self::Closed { .. } => "closed",
        }
    }
}

/// The proof that a payment is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// When, according to WeChat (`success_time`).
    pub at: Timestamp,
    /// WeChat's number.
    pub transaction_id: TransactionId,
    /// The attempt that was paid.
    pub out_trade_no: OutTradeNo,
    /// What the payer paid after coupons, in fen, if WeChat said.
    pub payer_total: Option<Fen>,
    /// True if the payment was closed here before WeChat reported it paid.
    pub late: bool,
}

/// Why a payment is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The merchant asked.
    Merchant,
    /// Its time was up.
    Expired,
}

impl CloseReason {
    /// The name in the API and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Expired => "expired",
        }
    }

    /// The inverse of [`CloseReason::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Merchant, Self::Expired]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// One order at WeChat with fixed parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, stored before it is first sent, and the same for ever.
    pub out_trade_no: OutTradeNo,
    /// How it reaches WeChat.
    pub route: Route,
    /// Who may pay it; `None` if its product names nobody beforehand.
    pub payer: Option<Openid>,
    /// Where the payer's browser is; only for [`Product::H5`].
    pub scene: Option<H5Scene>,
    /// What it asks for, in fen.
    pub amount: Fen,
    /// What the payer reads.
    pub description: String,
    /// Echoed by WeChat once paid.
    pub attach: Option<String>,
    /// Until when it may be paid.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: AttemptState,
    /// The handle for the payer's cashier, once WeChat answered.
    pub prepay: Option<Prepay>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When its order request was last sent. It may arrive until [`REQUEST_MAY_ARRIVE_MS`] later.
    pub last_sent_at: Timestamp,
    /// How many order requests were sent.
    pub sends: u32,
    /// When a waiting client last made us ask WeChat about it.
    pub asked_at: Option<Timestamp>,
    /// Since when it is being taken back at WeChat ([`Product::Code`] only). A reversal gives back what was paid, so from here on
    /// no success counts: it is followed through until WeChat confirms it.
    pub reversing_since: Option<Timestamp>,
}

/// Where an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptState {
    /// Stored here; whether WeChat has it is not proven.
    Recorded,
    /// WeChat has it and it may be paid.
    Open,
    /// Paid.
    Paid {
        /// WeChat's number.
        transaction_id: TransactionId,
    },
    /// Closed at WeChat, or proven never to have arrived there.
    Closed,
    /// WeChat refused to take it.
    Rejected {
        /// WeChat's error code.
        code: String,
    },
}

impl AttemptState {
    /// The name in the API and in the database.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Open => "open",
            Self::Paid { .. } => "paid",
            Self::Closed => "closed",
            Self::Rejected { .. } => "rejected",
        }
    }

    /// True while money may still arrive through this attempt, as far as we know.
    pub const fn is_unresolved(&self) -> bool {
        matches!(self, Self::Recorded | Self::Open)
    }
}

impl Attempt {
    /// The last moment at which money can arrive through it, whoever's clock is asked: the handle from its last order request
    /// is dead then. [`REQUEST_MAY_ARRIVE_MS`] is what that request may take, and covers the same differences between clocks.
    ///
    /// Its own deadline may come earlier. Then it is being closed, and whether that was in time is asked as eagerly.
    pub fn payable_until(&self) -> Timestamp {
        self.last_sent_at
            .plus_ms(REQUEST_MAY_ARRIVE_MS + PREPAY_LIVES_MS)
    }
}

/// WeChat's handle of an order waiting for payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepay {
    /// The handle.
    pub handle: Handle,
    /// When we got it.
    pub obtained_at: Timestamp,
}

impl Prepay {
    /// True while it is young enough to be handed to a payer.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        now.since(self.obtained_at) < self.handle.usable_ms()
    }
}

impl Payment {
    /// The attempt with this number.
    pub fn attempt(&self, out_trade_no: &OutTradeNo) -> Option<&Attempt> {
        self.attempts
            .iter()
            .find(|attempt| attempt.out_trade_no == *out_trade_no)
    }

    /// The attempt through which the payer can still pay what is asked for now, if there is one.
    pub fn live_attempt(&self) -> Option<&Attempt> {
        self.attempts
            .iter()
            .rev()
            .find(|attempt| attempt.state.is_unresolved() && self.asks_for(attempt))
    }

    /// True if this attempt asks for what the payment asks for now: it was not revised since.
    pub fn asks_for(&self, attempt: &Attempt) -> bool {
        self.amount == attempt.amount
            && self.description == attempt.description
            && self.attach == attempt.attach
            && self.scene == attempt.scene
    }

    /// Attempts whose terms were revised, and which a payer may still hold a cashier of. No new order is opened beside them.
    pub fn superseded_attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.attempts.iter().filter(|attempt| {
            attempt.state.is_unresolved() && attempt.prepay.is_some() && !self.asks_for(attempt)
        })
    }

    /// The refund with this number at WeChat.
    pub fn refund(&self, out_refund_no: &OutRefundNo) -> Option<&Refund> {
        self.refunds
            .iter()
            .find(|refund| refund.out_refund_no == *out_refund_no)
    }

    /// The refunds of one attempt.
    pub fn refunds_of<'a>(
        &'a self,
        out_trade_no: &'a OutTradeNo,
    ) -> impl Iterator<Item = &'a Refund> {
        self.refunds
            .iter()
            .filter(move |refund| refund.out_trade_no == *out_trade_no)
    }

    /// What went back, and what may still go back, in fen.
    pub fn refunded(&self) -> (Fen, Fen) {
        let sum = |is_wanted: fn(&RefundState) -> bool| {
            let amounts = self
                .refunds
                .iter()
                .filter(|refund| is_wanted(&refund.state))
                .map(|refund| refund.amount);
            // Each refund is at most an order's amount, and there are at most fifty an order: no overflow.
            Fen::checked_sum(amounts).unwrap_or(Fen::ZERO)
        };
        (
            sum(|state| matches!(state, RefundState::Succeeded { .. })),
            sum(RefundState::is_unresolved),
        )
    }

    /// True if no attempt can bring money any more, as far as is proven.
    pub fn all_resolved(&self) -> bool {
        self.attempts
            .iter()
            .all(|attempt| !attempt.state.is_unresolved())
    }

    pub(crate) fn refund_mut(&mut self, out_refund_no: &OutRefundNo) -> Option<&mut Refund> {
        self.refunds
            .iter_mut()
            .find(|refund| refund.out_refund_no == *out_refund_no)
    }

    pub(crate) fn attempt_mut(&mut self, out_trade_no: &OutTradeNo) -> Option<&mut Attempt> {
        self.attempts
            .iter_mut()
            .find(|attempt| attempt.out_trade_no == *out_trade_no)
    }
}
