//! Making a refund, and asking for it again.

use fen::Fen;
use serde_json::Value;

use super::parse::{NewRefund, OrderNumber, new_refund};
use super::problem::{RefundProblem, is_repetition};
use super::{REFUND_LIMIT_MS, REFUNDS_PER_ORDER, Refund, RefundEnd, RefundState, left, scaled};
use crate::authorization::Authenticated;
use crate::book::{OrderKey, RefundKey};
use crate::fault::{FaultKind, Moment};
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::order::{Order, Payment};
use crate::refusal::{Refusal, number};
use crate::route::Operation;
use crate::strict;

/// How long a slow refund takes unless the fault says otherwise.
const SLOW_MS: i64 = 3 * 86_400_000;

impl Wechat {
    /// `POST /v3/refund/domestic/refunds`
    pub(crate) fn create_refund(
        &mut self,
        sender: &Authenticated,
        body: &[u8],
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        let value = strict::parse(body, &self.assumptions)?;
        let new = new_refund(&value, &self.assumptions)?;
        let key = self
            .make_refund(&sender.mchid, new, value, checks)
            .map_err(|why| self.refuse_refund(why))?;
        match self.book.refunds.get(&key) {
            Some(refund) => Ok(Reply::json(200, &refund.view())),
            None => Err(Refusal::system_error()),
        }
    }

    /// Makes a refund, or finds the one that the same call has made before.
    pub(crate) fn make_refund(
        &mut self,
        mchid: &str,
        new: NewRefund,
        parameters: Value,
        checks: &mut Checks,
    ) -> Result<RefundKey, RefundProblem> {
        let key = (mchid.to_owned(), new.out_refund_no.clone());
        if let Some(refund) = self.book.refunds.get(&key) {
            let same = is_repetition(refund, &new, &parameters);
            checks.note("out_refund_no", same, || {
                format!(
                    "the number is known ({}), same parameters: {same}",
                    refund.status()
                )
            });
            return if same {
                Ok(key)
            } else {
                Err(RefundProblem::OtherParameters)
            };
        }
        let order_key = self.refunded_order(mchid, &new, checks)?;
        let amounts = self.check_refund(&order_key, &new, checks)?;
        self.charge(mchid, &order_key, &new, &parameters, amounts)?;
        self.insert_refund(&key, &order_key, new, parameters, amounts);
        self.update_trade_state(&order_key);
        Ok(key)
    }

    /// The order the call names; it must be this merchant's.
    fn refunded_order(
        &self,
        mchid: &str,
        new: &NewRefund,
        checks: &mut Checks,
    ) -> Result<OrderKey, RefundProblem> {
        let found = match &new.by {
            OrderNumber::TransactionId(id) => self.book.transactions.get(id).cloned(),
            OrderNumber::OutTradeNo(number) => Some((mchid.to_owned(), number.clone())),
            OrderNumber::Both(id, number) => {
                let key = self.book.transactions.get(id).cloned();
                if key.as_ref().is_some_and(|(_, other)| other != number) {
                    return Err(RefundProblem::TwoOrders);
                }
                key
            }
        };
        if let Some((owner, _)) = &found
            && owner != mchid
        {
            return Err(RefundProblem::OtherMerchant);
        }
        let found = found.filter(|key| {
            self.book
                .orders
                .get(key)
                .is_some_and(|order| order.payment().is_some())
        });
        checks.note("order", found.is_some(), || match &found {
            Some((_, number)) => format!("order {number} was paid"),
            None => "no paid order has this number".to_owned(),
        });
        found.ok_or(RefundProblem::NoPaidOrder)
    }

    /// The business rules of a new refund.
    fn check_refund(
        &self,
        key: &OrderKey,
        new: &NewRefund,
        checks: &mut Checks,
    ) -> Result<Amounts, RefundProblem> {
        let order = self
            .book
            .orders
            .get(key)
            .ok_or(RefundProblem::NoPaidOrder)?;
        let payment = order.payment().ok_or(RefundProblem::NoPaidOrder)?;
        if new.total != order.total {
            return Err(RefundProblem::OtherTotal);
        }
        if self.now_ms - payment.at_ms > REFUND_LIMIT_MS {
            return Err(RefundProblem::TooLate);
        }
        if order.refunds.len() >= REFUNDS_PER_ORDER {
            return Err(RefundProblem::TooMany);
        }
        let holding = || {
            self.book
                .refunds_of(order)
                .filter(|refund| refund.holds_money())
        };
        let refundable = left(order.total, holding().map(|refund| refund.refund));
        checks.note("amount.refund", new.refund <= refundable, || {
            format!(
                "{} fen asked, {} fen left",
                new.refund.get(),
                refundable.get()
            )
        });
        if new.refund > refundable {
            return Err(RefundProblem::TooMuch {
                nothing_left: !refundable.is_positive(),
            });
        }
        let last = self
            .book
            .refunds_of(order)
            .map(|refund| refund.created_ms)
            .max();
        let spacing = self.assumptions.refund_spacing_ms;
        if last.is_some_and(|last| self.now_ms - last < spacing) {
            return Err(RefundProblem::TooSoon);
        }
        let payer_left = left(
            payment.payer_total,
            holding().map(|refund| refund.payer_refund),
        );
        Ok(Amounts::new(order, payment, new.refund, payer_left))
    }

    /// Takes the money from the merchant's balance, if one was set.
    fn charge(
        &mut self,
        mchid: &str,
        order_key: &OrderKey,
        new: &NewRefund,
        value: &Value,
        amounts: Amounts,
    ) -> Result<(), RefundProblem> {
        let Some(merchant) = self.book.merchants.get_mut(mchid) else {
            return Ok(());
        };
        let Some(balance) = merchant.balance else {
            return Ok(());
        };
        let rest = balance
            .checked_sub(new.refund)
            .filter(|rest| *rest >= Fen::ZERO);
        if let Some(rest) = rest {
            merchant.balance = Some(rest);
            return Ok(());
        }
        if !self.assumptions.not_enough_is_repeatable {
            let key = (mchid.to_owned(), new.out_refund_no.clone());
            self.insert_refund(&key, order_key, new.clone(), value.clone(), amounts);
            if let Some(refund) = self.book.refunds.get_mut(&key) {
                refund.state = RefundState::Closed;
                if let Some(timer) = refund.timer.take() {
                    self.timers.cancel(timer);
                }
            }
        }
        Err(RefundProblem::NotEnough)
    }

    fn insert_refund(
        &mut self,
        key: &RefundKey,
        order_key: &OrderKey,
        new: NewRefund,
        parameters: Value,
        amounts: Amounts,
    ) {
        let (ends_in, delay_ms) = self.refund_fate(&order_key.1);
        let at_once = self.assumptions.refund_final_at_once;
        let refund_id = self.ids.refund_id(self.now_ms);
        let console_url = self
            .book
            .merchants
            .get(&key.0)
            .and_then(|merchant| merchant.refund_notify_url.clone());
        let Some(order) = self.book.orders.get_mut(order_key) else {
            return;
        };
        order.refunds.push(new.out_refund_no.clone());
        let transaction_id = order
            .payment()
            .map(|payment| payment.transaction_id.clone())
            .unwrap_or_default();
        let refund = Refund {
            mchid: key.0.clone(),
            refund_id: refund_id.clone(),
            out_refund_no: new.out_refund_no,
            transaction_id,
            out_trade_no: order_key.1.clone(),
            protocol: new.protocol,
            by_hand: new.by_hand,
            total: order.total,
            refund: new.refund,
            payer_total: amounts.payer_total,
            payer_refund: amounts.payer_refund,
            settlement_total: amounts.settlement_total,
            settlement_refund: amounts.settlement_refund,
            funds_account: new.funds_account.unwrap_or_else(|| "AVAILABLE".to_owned()),
            notify_url: new.notify_url.or(console_url),
            created_ms: self.now_ms,
            state: RefundState::Processing,
            channel: "ORIGINAL",
            received_by: "支付用户零钱",
            ends_in,
            parameters,
            timer: None,
        };
        self.book.refund_ids.insert(refund_id, key.clone());
        self.book.refunds.insert(key.clone(), refund);
        if at_once {
            self.finish_refund(key, None);
        } else {
            self.schedule_refund(key, delay_ms);
        }
    }

    /// How a refund of this order will end, and after how long.
    fn refund_fate(&mut self, out_trade_no: &str) -> (RefundEnd, i64) {
        let usual = self.timing.refund_ms;
        let fault = self
            .faults
            .take(Moment::Refund, Operation::Refund, Some(out_trade_no));
        let Some(fault) = fault else {
            return (RefundEnd::Success, usual);
        };
        let delay_ms = fault.delay_ms.unwrap_or(usual);
        if fault.fault == FaultKind::RefundAbnormal {
            (RefundEnd::Abnormal, delay_ms)
        } else if fault.fault == FaultKind::RefundClosed {
            (RefundEnd::Closed, delay_ms)
        } else {
            (RefundEnd::Success, fault.delay_ms.unwrap_or(SLOW_MS))
        }
    }
}

impl Wechat {
    /// A refund made by hand in WeChat's console: the same rules, and a number the merchant did not choose.
    pub(crate) fn console_refund(
        &mut self,
        order_key: &OrderKey,
        amount: Fen,
        out_refund_no: Option<String>,
    ) -> Result<String, Refusal> {
        let mut checks = Checks::new(false);
        let order = self
            .book
            .orders
            .get(order_key)
            .ok_or_else(Refusal::order_not_exist)?;
        // UNCONFIRMED: that notifications of refunds made in the console speak the protocol of the order.
        let (total, protocol) = (order.total, order.protocol);
        // UNCONFIRMED: how the console numbers its refunds. Digits are allowed everywhere.
        let out_refund_no = out_refund_no.unwrap_or_else(|| self.ids.refund_id(self.now_ms));
        let key = (order_key.0.clone(), out_refund_no.clone());
        if self.book.refunds.contains_key(&key) || !amount.is_positive() {
            let message = "退款单号已使用，或退款金额有误";
            return Err(Refusal::invalid_request(number::OTHER, message));
        }
        let new = NewRefund {
            by: OrderNumber::OutTradeNo(order_key.1.clone()),
            out_refund_no: out_refund_no.clone(),
            notify_url: None,
            funds_account: None,
            refund: amount,
            total,
            protocol,
            by_hand: true,
        };
        let amounts = self
            .check_refund(order_key, &new, &mut checks)
            .map_err(|why| self.refuse_refund(why))?;
        self.charge(&key.0, order_key, &new, &Value::Null, amounts)
            .map_err(|why| self.refuse_refund(why))?;
        self.insert_refund(&key, order_key, new, Value::Null, amounts);
        self.update_trade_state(order_key);
        Ok(out_refund_no)
    }
}

/// The amounts of one refund that follow from its order.
#[derive(Clone, Copy, Debug)]
struct Amounts {
    payer_total: Fen,
    payer_refund: Fen,
    settlement_total: Fen,
    settlement_refund: Fen,
}

impl Amounts {
    fn new(order: &Order, payment: &Payment, refund: Fen, payer_left: Fen) -> Self {
        let no_cash = payment
            .coupon
            .as_ref()
            .filter(|coupon| coupon.no_cash)
            .map_or(Fen::ZERO, |coupon| coupon.amount);
        let settlement_total = left(order.total, std::iter::once(no_cash));
        Self {
            payer_total: payment.payer_total,
            payer_refund: scaled(refund, order.total, payment.payer_total, payer_left),
            settlement_total,
            settlement_refund: scaled(refund, order.total, settlement_total, settlement_total),
        }
    }
}
