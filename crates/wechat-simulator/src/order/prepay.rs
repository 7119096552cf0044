//! Making an order, and making it again.

use serde_json::{Value, json};

use super::parse::{NewOrder, new_order};
use super::{LEAST_PAY_TIME_MS, ORDER_LIFE_MS, Order, OrderState, TradeType};
use crate::assumptions::{SpecificOrGeneral, UsedNumber};
use crate::authorization::Authenticated;
use crate::book::OrderKey;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::protocol::Protocol;
use crate::refusal::{Refusal, number};
use crate::strict;
use crate::timer::Timer;

impl Wechat {
    /// `POST /v3/pay/transactions/jsapi`, `/native`, `/app`, `/h5`
    pub(crate) fn prepay(
        &mut self,
        trade_type: TradeType,
        sender: &Authenticated,
        body: &[u8],
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        let mut value = strict::parse(body, &self.assumptions)?;
        let new = new_order(&value, trade_type, &self.assumptions)?;
        checks.note("body", true, || {
            "every member is within its limits".to_owned()
        });
        self.check_parties(sender, &new, checks)?;
        fill_in_currency(&mut value);
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        if let Some(order) = self.book.orders.get(&key) {
            self.repetition(order, &value, checks)
                .map_err(|why| self.refuse_repetition(why))?;
        } else {
            checks.note("out_trade_no", true, || "a new number".to_owned());
            self.insert_order(&key, new, value);
        }
        let handle = self.handle(&key, trade_type, Protocol::V3, &sender.serial_no);
        let answer = match (trade_type, handle.link) {
            (TradeType::Native, Some(link)) => json!({ "code_url": link }),
            (TradeType::Mweb, Some(link)) => json!({ "h5_url": link }),
            (_, _) => json!({ "prepay_id": handle.prepay_id }),
        };
        Ok(Reply::json(200, &answer))
    }

    /// Merchant, app and payer must belong together.
    fn check_parties(
        &self,
        sender: &Authenticated,
        new: &NewOrder,
        checks: &mut Checks,
    ) -> Result<(), Refusal> {
        self.check_mchid(sender, &new.mchid, "body", checks)?;
        self.check_app(new, checks)?;
        if new.trade_type != TradeType::Jsapi {
            return Ok(());
        }
        let owner = self.book.openids.get(&new.openid);
        let known = owner.map_or(self.assumptions.accept_unknown_openids, |(appid, _)| {
            *appid == new.appid
        });
        checks.note("payer.openid", known, || match owner {
            Some((appid, user)) => format!("it is the openid of user {user:?} in app {appid}"),
            None => "this simulator never gave out this openid: get one by a login code".to_owned(),
        });
        if known {
            Ok(())
        } else {
            Err(Refusal::invalid_request(
                number::OTHER,
                "appid和openid不匹配",
            ))
        }
    }

    /// The app must be bound to the merchant, and of a kind that fits the product.
    pub(super) fn check_app(&self, new: &NewOrder, checks: &mut Checks) -> Result<(), Refusal> {
        let (mchid, appid) = (&new.mchid, &new.appid);
        let bound = self
            .book
            .merchants
            .get(mchid)
            .is_some_and(|merchant| merchant.apps.contains(appid));
        let kind = self.book.kind(appid);
        let fits = kind.takes(new.trade_type);
        checks.note("appid", bound && fits, || {
            let relation = if bound { "is bound" } else { "is not bound" };
            let product = new.trade_type.name();
            format!("app {appid} {relation} to merchant {mchid}; it is a {kind:?}, for {product}: {fits}")
        });
        if !bound {
            let message = "商户号mchid与appid不匹配，请检查绑定关系";
            return Err(Refusal::new(
                400,
                "APPID_MCHID_NOT_MATCH",
                number::NOT_BOUND,
                message,
            ));
        }
        if !fits {
            // UNCONFIRMED: that the kinds are not interchangeable is documented, the code is not.
            let message = "appid类型与支付产品不匹配";
            return Err(Refusal::invalid_request(number::OTHER, message));
        }
        Ok(())
    }

    /// The merchant named in a body or query must be the one that signed.
    pub(crate) fn check_mchid(
        &self,
        sender: &Authenticated,
        mchid: &str,
        location: &'static str,
        checks: &mut Checks,
    ) -> Result<(), Refusal> {
        let same = sender.mchid == mchid;
        checks.note("mchid", same, || {
            format!(
                "the {location} names {mchid}, the signature is by {}",
                sender.mchid
            )
        });
        if same {
            return Ok(());
        }
        if !self.book.merchants.contains_key(mchid) {
            let status = self.assumptions.mch_not_exists_status;
            return Err(Refusal::new(
                status,
                "MCH_NOT_EXISTS",
                number::OTHER,
                "商户号不存在",
            ));
        }
        let message = "Http头Authorization中的mchid与请求中的商户号不一致";
        let field = if location == "body" {
            "/mchid"
        } else {
            "mchid"
        };
        Err(Refusal::parameter(
            number::ILLEGAL_PARAMETER,
            location,
            field,
            Some(&Value::from(mchid)),
            message.to_owned(),
        ))
    }

    /// Whether the number may be used again, and with these parameters.
    pub(crate) fn repetition(
        &self,
        order: &Order,
        value: &Value,
        checks: &mut Checks,
    ) -> Result<(), Repetition> {
        let overdue = order.is_overdue(self.now_ms);
        let payable = order.state == OrderState::NotPaid && !overdue;
        let same = order.parameters == *value;
        checks.note("out_trade_no", payable && same, || {
            let differing = differing_members(&order.parameters, value);
            format!(
                "the number is known: {}{}; differing members: {differing:?}",
                order.trade_state(),
                if overdue { ", past time_expire" } else { "" },
            )
        });
        match &order.state {
            OrderState::Paid(_) => Err(Repetition::Paid),
            OrderState::Closed { .. } => Err(Repetition::Closed),
            OrderState::NotPaid if overdue => Err(Repetition::Overdue),
            OrderState::NotPaid if !same => Err(Repetition::OtherParameters),
            OrderState::NotPaid => Ok(()),
        }
    }

    pub(super) fn refuse_repetition(&self, why: Repetition) -> Refusal {
        match why {
            Repetition::Paid => match self.assumptions.paid_reorder {
                SpecificOrGeneral::Specific => {
                    Refusal::new(400, "ORDER_PAID", number::ALREADY_PAID, "该订单已支付")
                }
                SpecificOrGeneral::General => {
                    Refusal::invalid_request(number::ALREADY_PAID, "该订单已支付")
                }
            },
            Repetition::Closed => self.not_payable("该订单已关闭，请重新下单"),
            Repetition::Overdue => self.not_payable("订单已过期，请使用新的商户订单号下单"),
            Repetition::OtherParameters => match self.assumptions.used_number {
                UsedNumber::OutTradeNoUsed => Refusal::new(
                    403,
                    "OUT_TRADE_NO_USED",
                    number::OTHER_PARAMETERS,
                    "商户订单号重复",
                ),
                UsedNumber::InvalidRequest => Refusal::invalid_request(
                    number::OTHER_PARAMETERS,
                    "请求重入时，参数与首次请求时不一致",
                ),
            },
        }
    }

    fn not_payable(&self, message: &str) -> Refusal {
        match self.assumptions.closed_reorder {
            SpecificOrGeneral::Specific => {
                Refusal::new(400, "ORDER_CLOSED", number::ORDER_INVALID, message)
            }
            SpecificOrGeneral::General => Refusal::invalid_request(number::ORDER_INVALID, message),
        }
    }

    pub(crate) fn insert_order(&mut self, key: &OrderKey, new: NewOrder, parameters: Value) {
        let pay_until_ms = new
            .time_expire_ms
            .map(|until| until.max(self.now_ms + LEAST_PAY_TIME_MS));
        let expiry = self
            .timers
            .set(self.now_ms + ORDER_LIFE_MS, Timer::ExpireOrder(key.clone()));
        let order = Order {
            mchid: new.mchid,
            appid: new.appid,
            out_trade_no: new.out_trade_no,
            description: new.description,
            attach: new.attach,
            notify_url: new.notify_url,
            total: new.total,
            trade_type: new.trade_type,
            protocol: new.protocol,
            openid: new.openid,
            code: None,
            reversed: None,
            device_id: new.device_id,
            created_ms: self.now_ms,
            pay_until_ms,
            state: OrderState::NotPaid,
            refunds: Vec::new(),
            had_null: strict::has_null(&parameters),
            parameters,
            expiry: Some(expiry),
        };
        self.book.orders.insert(key.clone(), order);
    }

    /// Seven days are over.
    pub(crate) fn expire_order(&mut self, key: &OrderKey) {
        if let Some(order) = self.book.orders.get_mut(key)
            && order.state == OrderState::NotPaid
        {
            order.expiry = None;
            order.state = OrderState::Closed {
                at_ms: self.now_ms,
                by_merchant: false,
            };
        }
    }
}

/// Why a number that is known cannot be ordered under again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Repetition {
    /// It is paid.
    Paid,
    /// It is closed.
    Closed,
    /// The merchant's deadline for paying has passed.
    Overdue,
    /// The first call said something else.
    OtherParameters,
}

/// An absent currency and `CNY` are the same parameters.
pub(super) fn fill_in_currency(value: &mut Value) {
    if let Some(amount) = value.get_mut("amount").and_then(Value::as_object_mut) {
        amount
            .entry("currency")
            .or_insert_with(|| Value::from("CNY"));
    }
}

fn differing_members(first: &Value, second: &Value) -> Vec<String> {
    let (Some(first), Some(second)) = (first.as_object(), second.as_object()) else {
        return Vec::new();
    };
    let mut names: Vec<String> = first
        .keys()
        .chain(second.keys())
        .filter(|name| first.get(*name) != second.get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}
