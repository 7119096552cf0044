//! Payment codes by APIv3: taking money by one, and taking the order back.

use serde_json::json;

use super::parse::code_order;
use super::prepay::{Repetition, fill_in_currency};
use super::{CodePhase, Order, TradeType};
use crate::assumptions::{SpecificOrGeneral, UserPaying};
use crate::authorization::Authenticated;
use crate::book::OrderKey;
use crate::heart::{Reply, Wechat};
use crate::log::Checks;
use crate::payment_code::{BadCode, Charged, NotReversed};
use crate::refusal::{Refusal, number};
use crate::strict::{self, Object};

impl Wechat {
    /// `POST /v3/pay/transactions/codepay`
    pub(crate) fn code_pay(
        &mut self,
        sender: &Authenticated,
        body: &[u8],
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        self.check_codepay_is_offered(checks)?;
        let mut value = strict::parse(body, &self.assumptions)?;
        let (new, code) = code_order(&value, &self.assumptions)?;
        checks.note("body", true, || {
            "every member is within its limits".to_owned()
        });
        self.check_mchid(sender, &new.mchid, "body", checks)?;
        self.check_app(&new, checks)?;
        fill_in_currency(&mut value);
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        if let Some(order) = self.book.orders.get(&key) {
            self.repetition(order, &value, checks)
                .map_err(|why| self.refuse_code_repetition(why, order))?;
            return self.unfinished(&key);
        }
        checks.note("out_trade_no", true, || "a new number".to_owned());
        let charged = self
            .charge_code(new, value, &code, checks)
            .map_err(|why| self.bad_code(why))?;
        match charged {
            Charged::Paid => self.order_answer(&key),
            Charged::AsksPassword => self.user_paying(&key),
            Charged::NotEnoughMoney => Err(self.codepay_error(403, "NOT_ENOUGH", "余额不足")),
            // UNCONFIRMED: the code for a card that is not supported.
            Charged::CardNotSupported => {
                Err(self.codepay_error(403, "TRADE_ERROR", "不支持卡类型"))
            }
            Charged::BankError => Err(Refusal::new(
                500,
                "BANK_ERROR",
                number::OTHER,
                "银行系统异常",
            )),
        }
    }

    fn check_codepay_is_offered(&self, checks: &mut Checks) -> Result<(), Refusal> {
        let offered = self.assumptions.codepay_offered;
        checks.note("product", offered, || {
            format!("payment codes by APIv3 are offered to this merchant: {offered}")
        });
        if offered {
            Ok(())
        } else {
            let message = "商户号未开通该产品权限";
            Err(Refusal::new(403, "NO_AUTH", number::OTHER, message))
        }
    }

    /// The order as it is now, with the product's name although it may not be paid.
    fn order_answer(&self, key: &OrderKey) -> Result<Reply, Refusal> {
        let order = self.book.orders.get(key);
        let order = order.ok_or_else(Refusal::system_error)?;
        let mut view = order.view(&self.assumptions);
        view["trade_type"] = json!(TradeType::Micropay.name());
        Ok(Reply::json(200, &view))
    }

    fn user_paying(&self, key: &OrderKey) -> Result<Reply, Refusal> {
        match self.assumptions.codepay_user_paying {
            UserPaying::State => self.order_answer(key),
            UserPaying::Accepted => Ok(Reply::json(202, &user_paying().body(false))),
            UserPaying::Error => Err(user_paying()),
        }
    }

    /// The same call once more, and the money is not there.
    fn unfinished(&self, key: &OrderKey) -> Result<Reply, Refusal> {
        let order = self.book.orders.get(key);
        if order.is_some_and(|order| order.code == Some(CodePhase::UserPaying)) {
            self.user_paying(key)
        } else {
            Err(self.codepay_error(403, "TRADE_ERROR", "支付失败，请撤销订单后重新下单"))
        }
    }

    fn refuse_code_repetition(&self, why: Repetition, order: &Order) -> Refusal {
        match why {
            Repetition::Closed if order.code == Some(CodePhase::Revoked) => {
                self.codepay_error(400, "ORDER_REVERSED", "订单已撤销")
            }
            Repetition::Paid
            | Repetition::Closed
            | Repetition::Overdue
            | Repetition::OtherParameters => self.refuse_repetition(why),
        }
    }

    fn bad_code(&self, why: BadCode) -> Refusal {
        match why {
            BadCode::Malformed | BadCode::Unknown => {
                let message = "付款码无效，请扫描微信支付付款码";
                self.codepay_error(400, "AUTH_CODE_INVALID", message)
            }
            BadCode::Expired => {
                self.codepay_error(403, "AUTH_CODE_EXPIRE", "付款码已过期，请刷新再试")
            }
        }
    }

    /// The code of the general table, or none of its own.
    fn codepay_error(&self, status: u16, code: &'static str, message: &str) -> Refusal {
        match self.assumptions.codepay_errors {
            SpecificOrGeneral::Specific => Refusal::new(status, code, number::OTHER, message),
            SpecificOrGeneral::General => Refusal::invalid_request(number::OTHER, message),
        }
    }

    /// `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse`
    pub(crate) fn reverse(
        &mut self,
        sender: &Authenticated,
        out_trade_no: &str,
        body: &[u8],
        checks: &mut Checks,
    ) -> Result<Reply, Refusal> {
        self.check_codepay_is_offered(checks)?;
        let rule = strict::OUT_TRADE_NO;
        strict::check_number("out_trade_no", "商户订单号", out_trade_no, rule)?;
        let value = strict::parse(body, &self.assumptions)?;
        let mut object = Object::body(&value, &self.assumptions)?;
        let appid = object.required_text("appid", "公众号ID", strict::APPID)?;
        let mchid = object.required_text("mchid", "直连商户号", strict::MCHID)?;
        object.finish()?;
        self.check_mchid(sender, mchid, "body", checks)?;
        let answer = json!({ "appid": appid, "mchid": mchid, "out_trade_no": out_trade_no });
        let key = (mchid.to_owned(), out_trade_no.to_owned());
        let Some(order) = self.book.orders.get(&key) else {
            checks.note("out_trade_no", false, || {
                "no order has this number".to_owned()
            });
            return Err(Refusal::order_not_exist());
        };
        checks.note("appid", order.appid == appid, || {
            format!("the order was made under {}", order.appid)
        });
        if order.appid != appid {
            return Err(Refusal::invalid_request(number::OTHER, "appid与订单不匹配"));
        }
        let until_ms = self.assumptions.codepay_reverse_until_ms;
        match self.reverse_order(&key, until_ms, checks) {
            Ok(()) => Ok(Reply::json(200, &answer)),
            Err(NotReversed::UserPaying) => match self.assumptions.codepay_user_paying {
                UserPaying::Accepted => Ok(Reply::json(202, &user_paying().body(false))),
                UserPaying::State | UserPaying::Error => Err(user_paying()),
            },
            Err(NotReversed::NotByCode) => Err(Refusal::invalid_request(
                number::OTHER,
                "只有付款码支付的订单可以撤销",
            )),
            Err(NotReversed::TooLate) => Err(Refusal::invalid_request(
                number::OTHER,
                "订单超过可撤销的期限",
            )),
            // UNCONFIRMED: the code for an order that has refunds.
            Err(NotReversed::HasRefunds) => {
                Err(self.codepay_error(403, "TRADE_ERROR", "订单已发起退款，不能撤销"))
            }
        }
    }
}

fn user_paying() -> Refusal {
    Refusal::new(400, "USERPAYING", number::OTHER, "需要用户输入支付密码")
}
