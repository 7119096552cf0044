//! Closing an order.

use super::{OrderState, TradeType};
use crate::assumptions::CloseUnknown;
use crate::authorization::Authenticated;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::refusal::{Refusal, number};
use crate::strict::{self, Object};

impl Wechat {
    /// `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`
    pub(crate) fn close(
        &mut self,
        sender: &Authenticated,
        out_trade_no: &str,
        body: &[u8],
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        strict::check_number(
            "out_trade_no",
            "商户订单号",
            out_trade_no,
            strict::OUT_TRADE_NO,
        )?;
        let value = strict::parse(body, &self.assumptions)?;
        let mut object = Object::body(&value, &self.assumptions)?;
        let mchid = object.required_text("mchid", "直连商户号", strict::MCHID)?;
        object.finish()?;
        self.check_mchid(sender, mchid, "body", checks)?;
        let key = (mchid.to_owned(), out_trade_no.to_owned());
        let Some(order) = self.book.orders.get_mut(&key) else {
            checks.note("out_trade_no", false, || {
                "no order has this number".to_owned()
            });
            return self.close_unknown();
        };
        checks.note("state", order.payment().is_none(), || {
            format!("the order is {}", order.trade_state())
        });
        match order.state {
            OrderState::Paid(_) => {
                return Err(Refusal::new(
                    400,
                    "ORDER_PAID",
                    number::ALREADY_PAID,
                    "该订单已支付",
                ));
            }
            // Closing is re-entrant.
            OrderState::Closed { .. } => {}
            OrderState::NotPaid if order.trade_type == TradeType::Micropay => {
                let message = "付款码支付订单不支持关单，请调用撤销订单";
                return Err(Refusal::invalid_request(number::ONLY_REVERSE, message));
            }
            OrderState::NotPaid => {
                order.state = OrderState::Closed {
                    at_ms: self.now_ms,
                    by_merchant: true,
                };
                if let Some(timer) = order.expiry.take() {
                    self.timers.cancel(timer);
                }
            }
        }
        Ok(Reply::no_content())
    }

    fn close_unknown(&self) -> Result<Reply, Refusal> {
        match self.assumptions.close_unknown_order {
            CloseUnknown::OrderNotExist => Err(Refusal::order_not_exist()),
            CloseUnknown::TradeError => Err(Refusal::new(
                403,
                "TRADE_ERROR",
                number::ORDER_NOT_EXIST,
                "交易错误",
            )),
            CloseUnknown::InvalidRequest => Err(Refusal::invalid_request(
                number::ORDER_NOT_EXIST,
                "订单不存在",
            )),
            CloseUnknown::NoContent => Ok(Reply::no_content()),
        }
    }
}
