//! Orders: placing, asking, closing.

mod parse;

pub(super) use parse::common_order;
use parse::new_order;
use wechatpay::time::format_compact;

use super::document::Document;
use super::read::{Read, parameters};
use super::refusal::No;
use super::request::Sender;
use crate::assumptions::{SpecificOrGeneral, UsedNumber};
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::{NewOrder, Order, OrderState, Payment, Repetition, TradeType};
use crate::strict;

impl Wechat {
    /// `POST /pay/unifiedorder`
    pub(super) fn unified_order(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let new = new_order(sender, read)?;
        checks.note("fields", true, || {
            "every known field is within its limits".to_owned()
        });
        self.v2_app_fits(&new, checks)?;
        self.v2_openid(&new, checks)?;
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        let value = parameters(read.fields);
        let (trade_type, protocol) = (new.trade_type, new.protocol);
        if let Some(order) = self.book.orders.get(&key) {
            self.repetition(order, &value, checks)
                .map_err(|why| self.v2_repetition(why))?;
        } else {
            checks.note("out_trade_no", true, || "a new number".to_owned());
            self.v2_time_expire(&new, read.assumptions.v2_time_expire_least_ms)?;
            self.insert_order(&key, new, value);
        }
        let handle = self.handle(&key, trade_type, protocol, "");
        let name = match trade_type {
            TradeType::Native => "code_url",
            TradeType::Mweb => "mweb_url",
            TradeType::Jsapi | TradeType::App | TradeType::Micropay => "",
        };
        let document = Document::new()
            .with("trade_type", trade_type.name())
            .with("prepay_id", handle.prepay_id);
        Ok(match handle.link {
            Some(link) => document.with(name, link),
            None => document,
        })
    }

    /// The app must be of a kind that fits the product. UNCONFIRMED: the code; that the kinds are not interchangeable is documented.
    pub(super) fn v2_app_fits(&self, new: &NewOrder, checks: &mut Checks) -> Result<(), No> {
        let kind = self.book.kind(&new.appid);
        let fits = kind.takes(new.trade_type);
        checks.note("appid", fits, || {
            let product = new.trade_type.name();
            format!("app {} is a {kind:?}, for {product}: {fits}", new.appid)
        });
        if fits {
            Ok(())
        } else {
            Err(No::business(
                "INVALID_REQUEST",
                "appid类型与trade_type不匹配",
            ))
        }
    }

    /// The payer must be a user of the app.
    fn v2_openid(&self, new: &NewOrder, checks: &mut Checks) -> Result<(), No> {
        if new.trade_type != TradeType::Jsapi {
            return Ok(());
        }
        let owner = self.book.openids.get(&new.openid);
        let known = owner.map_or(self.assumptions.accept_unknown_openids, |(appid, _)| {
            *appid == new.appid
        });
        checks.note("openid", known, || match owner {
            Some((appid, user)) => format!("it is the openid of user {user:?} in app {appid}"),
            None => "this simulator never gave out this openid: get one by a login code".to_owned(),
        });
        if known {
            Ok(())
        } else {
            Err(No::business("PARAM_ERROR", "appid和openid不匹配"))
        }
    }

    pub(super) fn v2_repetition(&self, why: Repetition) -> No {
        match why {
            Repetition::Paid => No::business("ORDERPAID", "该订单已支付"),
            Repetition::Closed | Repetition::Overdue => match self.assumptions.closed_reorder {
                SpecificOrGeneral::Specific => No::business("ORDERCLOSED", "订单已关闭"),
                SpecificOrGeneral::General => No::business("INVALID_REQUEST", "订单已关闭"),
            },
            Repetition::OtherParameters => match self.assumptions.used_number {
                UsedNumber::OutTradeNoUsed => {
                    No::business("OUT_TRADE_NO_USED", "201 商户订单号重复")
                }
                UsedNumber::InvalidRequest => {
                    No::business("INVALID_REQUEST", "请求重入时，参数与首次请求时不一致")
                }
            },
        }
    }

    /// A deadline that is too near. Only the first call is asked: repeating it must stay possible to the end (UNCONFIRMED).
    pub(super) fn v2_time_expire(&self, new: &NewOrder, least_ms: i64) -> Result<(), No> {
        match new.time_expire_ms {
            Some(until) if until - self.now_ms < least_ms => Err(No::business(
                "INVALID_REQUEST",
                "time_expire时间过短，刷卡至少1分钟，其他5分钟",
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// The order a call names; `transaction_id` wins.
    pub(super) fn v2_order(&self, sender: &Sender, read: Read<'_>) -> Result<&Order, No> {
        let transaction_id = read.text("transaction_id", strict::TRANSACTION_ID)?;
        let out_trade_no = read.text("out_trade_no", strict::OUT_TRADE_NO)?;
        let key = match (transaction_id, out_trade_no) {
            (Some(id), _) => self.book.transactions.get(id).cloned(),
            (None, Some(number)) => Some((sender.mch_id.clone(), number.to_owned())),
            (None, None) => return Err(No::missing("out_trade_no")),
        };
        key.filter(|(owner, _)| *owner == sender.mch_id)
            .and_then(|key| self.book.orders.get(&key))
            .ok_or_else(No::order_not_exist)
    }

    /// `POST /pay/orderquery`
    pub(super) fn order_query(
        &self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let order = self.v2_order(sender, read)?;
        checks.note("order", true, || {
            format!("order {} is {}", order.out_trade_no, order.trade_state())
        });
        let state = Document::new()
            .with("trade_state", order.trade_state())
            .with("trade_state_desc", order.description_of_state());
        // An order that is not paid has nothing else to tell.
        Ok(match order.payment() {
            Some(payment) => state.extend(paid_fields(order, payment)),
            None => state
                .with("out_trade_no", order.out_trade_no.as_str())
                .with_some("attach", order.attach.as_deref()),
        })
    }

    /// `POST /pay/closeorder`
    pub(super) fn close_order(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let number = read.required("out_trade_no", strict::OUT_TRADE_NO)?;
        let key = (sender.mch_id.clone(), number.to_owned());
        let Some(order) = self.book.orders.get_mut(&key) else {
            checks.note("out_trade_no", false, || {
                "no order has this number".to_owned()
            });
            return Err(No::order_not_exist());
        };
        let age_ms = self.now_ms - order.created_ms;
        checks.note("state", order.payment().is_none(), || {
            format!("the order is {}, made {age_ms} ms ago", order.trade_state())
        });
        let done = || Ok(Document::new().with("result_msg", "OK"));
        match order.state {
            OrderState::Paid(_) => Err(No::business("ORDERPAID", "订单已支付")),
            OrderState::Closed { .. } if self.assumptions.v2_repeated_close_refused => {
                Err(No::business("ORDERCLOSED", "订单已关闭"))
            }
            OrderState::Closed { .. } => done(),
            OrderState::NotPaid if order.trade_type == TradeType::Micropay => Err(No::business(
                "TRADE_STATE_ERROR",
                "付款码支付订单不支持关单，请调用撤销订单",
            )),
            OrderState::NotPaid if age_ms < self.assumptions.v2_close_wait_ms => Err(No::business(
                "TRADE_STATE_ERROR",
                "订单生成后不能马上调用关单接口，最短调用时间间隔为5分钟",
            )),
            OrderState::NotPaid => {
                order.state = OrderState::Closed {
                    at_ms: self.now_ms,
                    by_merchant: true,
                };
                if let Some(timer) = order.expiry.take() {
                    self.timers.cancel(timer);
                }
                done()
            }
        }
    }
}

/// What the query answer of a paid order and its notification have in common.
pub(super) fn paid_fields(order: &Order, payment: &Payment) -> Document {
    let total = order.total.get();
    let cash = payment.payer_total.get();
    let mut document = Document::new()
        .with("openid", order.openid.as_str())
        .with("is_subscribe", "N")
        .with("trade_type", order.trade_type.name())
        .with("bank_type", payment.bank_type.as_str())
        .with("total_fee", total.to_string())
        .with("fee_type", "CNY")
        .with("cash_fee", cash.to_string())
        .with("cash_fee_type", "CNY");
    if let Some(coupon) = &payment.coupon {
        let amount = coupon.amount.get();
        let kind = if coupon.no_cash { "NO_CASH" } else { "CASH" };
        document = document
            .with("coupon_fee", amount.to_string())
            .with("coupon_count", "1")
            .with("coupon_type_0", kind)
            .with("coupon_id_0", coupon.coupon_id.as_str())
            .with("coupon_fee_0", amount.to_string());
        if coupon.no_cash {
            document.set("settlement_total_fee", (total - amount).to_string());
        }
        if order.parameters["version"] == "1.0" {
            let promotion = serde_json::json!({ "promotion_detail": [{
                "promotion_id": coupon.coupon_id,
                "name": "模拟优惠券",
                "scope": "GLOBAL",
                "type": if coupon.no_cash { "DISCOUNT" } else { "COUPON" },
                "amount": amount,
                "activity_id": "900001",
                "wxpay_contribute": if coupon.no_cash { 0 } else { amount },
                "merchant_contribute": if coupon.no_cash { amount } else { 0 },
                "other_contribute": 0,
            }] });
            document.set("promotion_detail", promotion.to_string());
        }
    }
    document
        .with("transaction_id", payment.transaction_id.as_str())
        .with("out_trade_no", order.out_trade_no.as_str())
        .with_some("attach", order.attach.as_deref())
        .with("time_end", format_compact(payment.at_ms))
}
