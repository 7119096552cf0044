//! Refunds: what they are, how their amounts relate, and how they end.
//!
//! Rules: WeChat Pay APIv3 documentation, "apply for refund", "query refund", "apply for abnormal refund".

mod abnormal;
mod create;
mod parse;
mod problem;
#[cfg(test)]
mod tests;

pub(crate) use parse::{NewRefund, OrderNumber};
pub(crate) use problem::RefundProblem;

use fen::Fen;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use wechatpay::time::format_beijing;

use crate::authorization::Authenticated;
use crate::book::{OrderKey, RefundKey};
use crate::heart::{Reply, Wechat};
use crate::order::{Order, OrderState};
use crate::protocol::Protocol;
use crate::refusal::{Refusal, number};
use crate::strict;
use crate::timer::{Timer, TimerKey};

/// At most so many refunds of one order.
pub const REFUNDS_PER_ORDER: usize = 50;
/// Refunds are possible for 365 days after payment.
pub const REFUND_LIMIT_MS: i64 = 365 * 86_400_000;

/// A refund as WeChat keeps it.
#[derive(Clone, PartialEq, Debug)]
pub struct Refund {
    /// Whose refund.
    pub mchid: String,
    /// WeChat's number.
    pub refund_id: String,
    /// The merchant's number.
    pub out_refund_no: String,
    /// WeChat's number of the payment.
    pub transaction_id: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// Which protocol it was made by: its notification speaks the same.
    pub protocol: Protocol,
    /// Made in WeChat's console.
    pub by_hand: bool,
    /// The order's total.
    pub total: Fen,
    /// What goes back in all.
    pub refund: Fen,
    /// What the payer had paid.
    pub payer_total: Fen,
    /// What the payer gets back; the rest goes back to the coupon.
    pub payer_refund: Fen,
    /// The total less `NOCASH` coupons.
    pub settlement_total: Fen,
    /// What goes back less `NOCASH` coupons.
    pub settlement_refund: Fen,
    /// `AVAILABLE`, or what the merchant named.
    pub funds_account: String,
    /// Where the notification goes.
    pub notify_url: Option<String>,
    /// When it was accepted, Unix milliseconds.
    pub created_ms: i64,
    /// Where it stands.
    pub state: RefundState,
    /// Where the money goes.
    pub(crate) channel: &'static str,
    pub(crate) received_by: &'static str,
    /// How it will end.
    pub(crate) ends_in: RefundEnd,
    /// The body of the first call, to compare later ones with.
    pub(crate) parameters: Value,
    pub(crate) timer: Option<TimerKey>,
}

/// Where a refund stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundState {
    /// `PROCESSING`
    Processing,
    /// `SUCCESS`
    Success {
        /// When the money arrived, Unix milliseconds.
        at_ms: i64,
    },
    /// `CLOSED`
    Closed,
    /// `ABNORMAL`
    Abnormal,
}

/// How a refund ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundEnd {
    /// The money arrives.
    Success,
    /// Nothing goes back; the amount can be refunded again.
    Closed,
    /// The original way failed; the merchant must choose another.
    Abnormal,
}

impl Refund {
    /// `status` on the wire.
    pub fn status(&self) -> &'static str {
        match self.state {
            RefundState::Processing => "PROCESSING",
            RefundState::Success { .. } => "SUCCESS",
            RefundState::Closed => "CLOSED",
            RefundState::Abnormal => "ABNORMAL",
        }
    }

    /// Whether its amount counts against what can still be refunded.
    pub fn holds_money(&self) -> bool {
        self.state != RefundState::Closed
    }

    fn view(&self) -> Value {
        let discount = self.refund.get() - self.payer_refund.get();
        let mut view = json!({
            "refund_id": self.refund_id,
            "out_refund_no": self.out_refund_no,
            "transaction_id": self.transaction_id,
            "out_trade_no": self.out_trade_no,
            "channel": self.channel,
            "user_received_account": self.received_by,
            "create_time": format_beijing(self.created_ms),
            "status": self.status(),
            "funds_account": self.funds_account,
            "amount": {
                "total": self.total.get(),
                "refund": self.refund.get(),
                "payer_total": self.payer_total.get(),
                "payer_refund": self.payer_refund.get(),
                "settlement_total": self.settlement_total.get(),
                "settlement_refund": self.settlement_refund.get(),
                "discount_refund": discount,
                "currency": "CNY",
                "from": [],
            },
            "promotion_detail": [],
        });
        if let (RefundState::Success { at_ms }, Some(members)) = (self.state, view.as_object_mut())
        {
            members.insert("success_time".to_owned(), json!(format_beijing(at_ms)));
        }
        view
    }

    /// The plaintext of its notification.
    pub(crate) fn notice(&self) -> Value {
        let mut notice = json!({
            "mchid": self.mchid,
            "transaction_id": self.transaction_id,
            "out_trade_no": self.out_trade_no,
            "refund_id": self.refund_id,
            "out_refund_no": self.out_refund_no,
            "refund_status": self.status(),
            "user_received_account": self.received_by,
            "amount": {
                "total": self.total.get(),
                "refund": self.refund.get(),
                "payer_total": self.payer_total.get(),
                "payer_refund": self.payer_refund.get(),
            },
        });
        if let (RefundState::Success { at_ms }, Some(members)) =
            (self.state, notice.as_object_mut())
        {
            members.insert("success_time".to_owned(), json!(format_beijing(at_ms)));
        }
        notice
    }
}

/// `part` of `whole`, scaled to `to`, rounded half up; never more than `most`.
fn scaled(part: Fen, whole: Fen, to: Fen, most: Fen) -> Fen {
    let whole = i128::from(whole.get()).max(1);
    let twice = 2 * i128::from(part.get()) * i128::from(to.get()) + whole;
    let rounded = i64::try_from(twice / (2 * whole)).unwrap_or(i64::MAX);
    Fen::new(rounded.min(most.get()))
}

/// What is left of `whole` after these amounts.
fn left(whole: Fen, taken: impl Iterator<Item = Fen>) -> Fen {
    taken.fold(whole, |rest, amount| {
        rest.checked_sub(amount).unwrap_or(Fen::ZERO)
    })
}

impl Wechat {
    /// `GET /v3/refund/domestic/refunds/{out_refund_no}`
    pub(crate) fn query_refund(
        &self,
        sender: &Authenticated,
        out_refund_no: &str,
    ) -> Result<Reply, Refusal> {
        strict::check_number(
            "out_refund_no",
            "商户退款单号",
            out_refund_no,
            strict::OUT_REFUND_NO,
        )?;
        let key = (sender.mchid.clone(), out_refund_no.to_owned());
        match self.book.refunds.get(&key) {
            Some(refund) => Ok(Reply::json(200, &refund.view())),
            None => Err(Refusal::new(
                404,
                "RESOURCE_NOT_EXISTS",
                number::OTHER,
                "退款单不存在",
            )),
        }
    }

    /// The bank has decided: the refund ends as it was to end, and the merchant is told.
    pub(crate) fn finish_refund(&mut self, key: &RefundKey, end: Option<RefundEnd>) {
        let Some(refund) = self.book.refunds.get_mut(key) else {
            return;
        };
        if let Some(timer) = refund.timer.take() {
            self.timers.cancel(timer);
        }
        if matches!(
            refund.state,
            RefundState::Success { .. } | RefundState::Closed
        ) {
            return;
        }
        refund.state = match end.unwrap_or(refund.ends_in) {
            RefundEnd::Success => RefundState::Success { at_ms: self.now_ms },
            RefundEnd::Closed => RefundState::Closed,
            RefundEnd::Abnormal => RefundState::Abnormal,
        };
        let order_key = (refund.mchid.clone(), refund.out_trade_no.clone());
        let closed_amount = (refund.state == RefundState::Closed).then_some(refund.refund);
        if let Some(amount) = closed_amount {
            self.return_to_balance(&key.0, amount);
        }
        self.update_trade_state(&order_key);
        self.notify_refund(key);
    }

    /// Trade state `REFUND` begins with the first refund that was accepted, or that has succeeded.
    fn update_trade_state(&mut self, key: &OrderKey) {
        let when_accepted = self.assumptions.refund_state_when_accepted;
        let Some(order) = self.book.orders.get(key) else {
            return;
        };
        let refunded = self
            .book
            .refunds_of(order)
            .any(|refund| match refund.state {
                RefundState::Success { .. } => true,
                RefundState::Processing | RefundState::Abnormal | RefundState::Closed => {
                    when_accepted
                }
            });
        if let Some(Order {
            state: OrderState::Paid(payment),
            ..
        }) = self.book.orders.get_mut(key)
        {
            payment.refunded = payment.refunded || refunded;
        }
    }

    fn return_to_balance(&mut self, mchid: &str, amount: Fen) {
        if let Some(merchant) = self.book.merchants.get_mut(mchid)
            && let Some(balance) = merchant.balance
        {
            merchant.balance = balance.checked_add(amount);
        }
    }

    pub(crate) fn schedule_refund(&mut self, key: &RefundKey, delay_ms: i64) {
        let timer = self
            .timers
            .set(self.now_ms + delay_ms, Timer::FinishRefund(key.clone()));
        if let Some(refund) = self.book.refunds.get_mut(key) {
            refund.timer = Some(timer);
        }
    }
}
