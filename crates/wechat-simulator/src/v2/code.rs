//! Payment codes: taking money by one, taking the order back, and asking whose code it is.

use wechatpay::time::format_compact;

use super::document::Document;
use super::order::{common_order, paid_fields};
use super::read::{Read, parameters};
use super::refusal::No;
use super::request::Sender;
use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::{CodePhase, Order, Repetition, TradeType};
use crate::payment_code::{BadCode, Charged, NotReversed};
use crate::strict::Text;

/// Not after this (WeChat Pay v2 documentation, "reverse").
const MOST_AGE_MS: i64 = 7 * 86_400_000;
/// Least time to `time_expire`.
const LEAST_EXPIRE_MS: i64 = 60_000;

impl Wechat {
    /// `POST /pay/micropay`
    pub(super) fn micropay(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let new = common_order(sender, read, TradeType::Micropay)?;
        self.v2_app_fits(&new, checks)?;
        let code = read.required("auth_code", Text::up_to(128))?;
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        let value = parameters(read.fields);
        if let Some(order) = self.book.orders.get(&key) {
            self.repetition(order, &value, checks)
                .map_err(|why| self.micropay_repetition(why, order, code))?;
            return Err(unfinished(order));
        }
        self.v2_time_expire(&new, LEAST_EXPIRE_MS)?;
        let charged = self
            .charge_code(new, value, code, checks)
            .map_err(bad_code)?;
        match charged {
            Charged::Paid => self.micropaid(&key),
            Charged::AsksPassword => Err(user_paying()),
            Charged::NotEnoughMoney => Err(No::business("NOTENOUGH", "余额不足")),
            Charged::CardNotSupported => Err(No::business("NOTSUPORTCARD", "不支持卡类型")),
            Charged::BankError => Err(No::business("BANKERROR", "银行系统异常")),
        }
    }

    fn micropaid(&self, key: &OrderKey) -> Result<Document, No> {
        let order = self.book.orders.get(key).ok_or_else(No::system_error)?;
        let payment = order.payment().ok_or_else(No::system_error)?;
        Ok(paid_fields(order, payment))
    }

    fn micropay_repetition(&self, why: Repetition, order: &Order, code: &str) -> No {
        let payer = |code: &str| {
            let code = self.book.payment_codes.get(code);
            code.map(|code| crate::ids::openid(&order.appid, &code.user))
        };
        let other_payer = payer(code).is_some_and(|openid| openid != order.openid);
        match why {
            Repetition::Closed if order.code == Some(CodePhase::Revoked) => {
                No::business("ORDERREVERSED", "订单已撤销")
            }
            Repetition::OtherParameters if other_payer => No::business(
                "BUYER_MISMATCH",
                "支付帐号错误，暂不支持同一笔订单更换支付方",
            ),
            Repetition::Paid
            | Repetition::Closed
            | Repetition::Overdue
            | Repetition::OtherParameters => self.v2_repetition(why),
        }
    }

    /// `POST /secapi/pay/reverse`
    pub(super) fn v2_reverse(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let by_id = read.fields.get("transaction_id").is_some();
        let order = self.v2_order(sender, read).map_err(|no| match no {
            No::Business { .. } if by_id => {
                No::business("INVALID_TRANSACTIONID", "无效transaction_id").recall(false)
            }
            other @ (No::Business { .. } | No::Unsigned(_) | No::Parameter { .. }) => {
                other.recall(false)
            }
        })?;
        let key = (order.mchid.clone(), order.out_trade_no.clone());
        let refuse = |code: &str, message: &str| Err(No::business(code, message).recall(false));
        match self.reverse_order(&key, MOST_AGE_MS, checks) {
            Ok(()) => Ok(Document::new().with("recall", "N")),
            Err(NotReversed::NotByCode) => {
                refuse("INVALID_REQUEST", "只有付款码支付的订单可以撤销")
            }
            Err(NotReversed::TooLate) => refuse("REVERSE_EXPIRE", "订单超过可撤销的期限"),
            // UNCONFIRMED: the code for an order that has refunds.
            Err(NotReversed::HasRefunds) => refuse("TRADE_ERROR", "订单已发起退款，不能撤销"),
            Err(NotReversed::UserPaying) => Err(user_paying().recall(true)),
        }
    }

    /// `POST /tools/authcodetoopenid`
    pub(super) fn auth_code_to_openid(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let code = read.required("auth_code", Text::up_to(128))?;
        let (user, _, _) = self
            .usable_code(&sender.mch_id, code, checks)
            .map_err(bad_code)?;
        if let Some(found) = self.book.payment_codes.get_mut(code) {
            found.held_by = Some(sender.mch_id.clone());
        }
        let openid = self.openid(&sender.appid, &user);
        Ok(Document::new().with("openid", openid))
    }
}

fn bad_code(why: BadCode) -> No {
    match why {
        BadCode::Malformed => No::business("AUTH_CODE_ERROR", "付款码格式错误"),
        BadCode::Unknown => No::business("AUTH_CODE_INVALID", "付款码无效，请扫描微信支付付款码"),
        BadCode::Expired => No::business("AUTHCODEEXPIRE", "101 付款码已过期，请刷新再试"),
    }
}

fn user_paying() -> No {
    No::business("USERPAYING", "需要用户输入支付密码")
}

/// The same call once more, and the money is not there.
fn unfinished(order: &Order) -> No {
    if order.code == Some(CodePhase::UserPaying) {
        user_paying()
    } else {
        let created = format_compact(order.created_ms);
        No::business("TRADE_ERROR", format!("支付失败，订单创建于{created}"))
    }
}
