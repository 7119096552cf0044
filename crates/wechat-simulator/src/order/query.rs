//! Asking about an order.

use crate::authorization::Authenticated;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::refusal::{Refusal, number};
use crate::route::query_parameter;
use crate::strict;

impl Wechat {
    /// `GET /v3/pay/transactions/out-trade-no/{out_trade_no}?mchid=`
    pub(crate) fn query_by_out_trade_no(
        &self,
        sender: &Authenticated,
        out_trade_no: &str,
        target: &str,
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        strict::check_number(
            "out_trade_no",
            "商户订单号",
            out_trade_no,
            strict::OUT_TRADE_NO,
        )?;
        let mchid = self.query_mchid(sender, target, checks)?;
        let order = self.book.orders.get(&(mchid, out_trade_no.to_owned()));
        let order = order.ok_or_else(Refusal::order_not_exist)?;
        Ok(Reply::json(200, &order.view(&self.assumptions)))
    }

    /// `GET /v3/pay/transactions/id/{transaction_id}?mchid=`
    pub(crate) fn query_by_id(
        &self,
        sender: &Authenticated,
        transaction_id: &str,
        target: &str,
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        strict::check_number(
            "transaction_id",
            "微信支付订单号",
            transaction_id,
            strict::TRANSACTION_ID,
        )?;
        let mchid = self.query_mchid(sender, target, checks)?;
        let Some(key) = self.book.transactions.get(transaction_id) else {
            return Err(Refusal::order_not_exist());
        };
        if key.0 != mchid {
            return Err(Refusal::invalid_request(
                number::OTHER_MERCHANT,
                "商户号与订单不匹配",
            ));
        }
        let order = self
            .book
            .orders
            .get(key)
            .ok_or_else(Refusal::order_not_exist)?;
        Ok(Reply::json(200, &order.view(&self.assumptions)))
    }

    fn query_mchid(
        &self,
        sender: &Authenticated,
        target: &str,
        checks: &mut Checks,
    ) -> Result<String, Refusal> {
        let Some(mchid) = query_parameter(target, "mchid").filter(|mchid| !mchid.is_empty()) else {
            checks.note("mchid", false, || "the query has no mchid".to_owned());
            return Err(Refusal::query_parameter(
                "mchid",
                "缺少必填的查询参数 mchid",
            ));
        };
        self.check_mchid(sender, &mchid, "query", checks)?;
        Ok(mchid)
    }
}
