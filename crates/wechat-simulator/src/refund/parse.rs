//! The body of a refund call.

use fen::Fen;
use serde_json::Value;

use crate::assumptions::Assumptions;
use crate::notify_url;
use crate::order::currency;
use crate::protocol::Protocol;
use crate::refusal::Refusal;
use crate::strict::{self, Object, Text};

/// A refund call that is well-formed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewRefund {
    pub(crate) by: OrderNumber,
    pub(crate) out_refund_no: String,
    pub(crate) notify_url: Option<String>,
    pub(crate) funds_account: Option<String>,
    pub(crate) refund: Fen,
    pub(crate) total: Fen,
    pub(crate) protocol: Protocol,
    /// Made in WeChat's console.
    pub(crate) by_hand: bool,
}

/// Which of the two numbers names the order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum OrderNumber {
    TransactionId(String),
    OutTradeNo(String),
    Both(String, String),
}

pub(super) fn new_refund(value: &Value, assumptions: &Assumptions) -> Result<NewRefund, Refusal> {
    let mut body = Object::body(value, assumptions)?;
    let transaction_id = body.text("transaction_id", "微信支付订单号", strict::TRANSACTION_ID)?;
    let out_trade_no = body.text("out_trade_no", "商户订单号", strict::OUT_TRADE_NO)?;
    let by = match (transaction_id, out_trade_no) {
        (Some(id), None) => OrderNumber::TransactionId(id.to_owned()),
        (None, Some(number)) => OrderNumber::OutTradeNo(number.to_owned()),
        (Some(id), Some(number)) => OrderNumber::Both(id.to_owned(), number.to_owned()),
        (None, None) => {
            return Err(body.refuse(
                "transaction_id",
                "transaction_id 和 out_trade_no 必须二选一进行传参",
            ));
        }
    };
    let out_refund_no =
        body.required_text("out_refund_no", "商户退款单号", strict::OUT_REFUND_NO)?;
    body.text("reason", "退款原因", Text::up_to(80))?;
    let notify_url = body.text("notify_url", "退款结果回调url", Text::up_to(256))?;
    if let Some(url) = notify_url
        && let Err(why) = notify_url::check(url, assumptions)
    {
        return Err(body.refuse("notify_url", why));
    }
    let funds_account = body.text("funds_account", "退款资金来源", Text::up_to(32))?;
    if !matches!(funds_account, None | Some("AVAILABLE" | "UNSETTLED")) {
        return Err(body.refuse("funds_account", "退款资金来源只能为 AVAILABLE 或 UNSETTLED"));
    }
    let mut amount = body.required_object("amount", "金额信息")?;
    let refund = amount.required_integer("refund", "退款金额", 1)?;
    let total = amount.required_integer("total", "原订单金额", 1)?;
    currency(&mut amount, true)?;
    sources(&mut amount, refund)?;
    amount.finish()?;
    goods(&mut body)?;
    body.finish()?;
    Ok(NewRefund {
        by,
        out_refund_no: out_refund_no.to_owned(),
        notify_url: notify_url.map(str::to_owned),
        funds_account: funds_account.map(str::to_owned),
        refund: Fen::new(refund),
        total: Fen::new(total),
        protocol: Protocol::V3,
        by_hand: false,
    })
}

/// `from`: every account once, the amounts adding up to the refund.
fn sources(amount: &mut Object<'_>, refund: i64) -> Result<(), Refusal> {
    let Some(items) = amount.objects("from", "退款出资账户及金额", 2)? else {
        return Ok(());
    };
    let mut accounts = Vec::new();
    let mut sum: i64 = 0;
    for mut item in items {
        let account = item.required_text("account", "出资账户类型", Text::up_to(32))?;
        if !matches!(account, "AVAILABLE" | "UNAVAILABLE") || accounts.contains(&account) {
            return Err(item.refuse(
                "account",
                "出资账户类型只能为 AVAILABLE 或 UNAVAILABLE，且不可重复",
            ));
        }
        accounts.push(account);
        sum = sum.saturating_add(item.required_integer("amount", "出资金额", 1)?);
        item.finish()?;
    }
    if sum == refund {
        Ok(())
    } else {
        Err(amount.refuse("from", "出资金额之和与退款金额不一致"))
    }
}

fn goods(body: &mut Object<'_>) -> Result<(), Refusal> {
    let Some(items) = body.objects("goods_detail", "退款商品", 6000)? else {
        return Ok(());
    };
    for mut item in items {
        item.required_text("merchant_goods_id", "商户侧商品编码", strict::GOODS_ID)?;
        item.text("wechatpay_goods_id", "微信支付商品编码", Text::up_to(32))?;
        item.text("goods_name", "商品名称", Text::up_to(256))?;
        item.required_integer("unit_price", "商品单价", 0)?;
        item.required_integer("refund_amount", "商品退款金额", 0)?;
        item.required_integer("refund_quantity", "商品退货数量", 1)?;
        item.finish()?;
    }
    Ok(())
}
