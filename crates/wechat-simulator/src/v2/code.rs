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
use crate::order::{CodePhase, NewOrder, Order, OrderState, Repetition, TradeType};
use crate::payment_code::CodeStory;
use crate::strict::Text;

/// Not before this after the payment (WeChat Pay v2 documentation, "reverse").
const LEAST_AGE_MS: i64 = 15_000;
/// And not after this.
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
        let code = read.required("auth_code", Text::up_to(128))?;
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        let value = parameters(read.fields);
        if let Some(order) = self.book.orders.get(&key) {
            self.repetition(order, &value, checks)
                .map_err(|why| self.micropay_repetition(why, order, code))?;
            return Err(unfinished(order));
        }
        self.v2_time_expire(&new, LEAST_EXPIRE_MS)?;
        let (user, story, after_ms) = self.usable_code(sender, code, checks)?;
        let openid = crate::ids::openid(&new.appid, &user);
        self.openid(&sender.appid, &user);
        self.insert_order(&key, NewOrder { openid, ..new }, value);
        if let Some(found) = self.book.payment_codes.get_mut(code) {
            found.used_by = Some(key.clone());
        }
        match story {
            CodeStory::Pays => {
                self.pay_by_code(&key);
                return self.micropaid(&key);
            }
            CodeStory::NotEnoughMoney => {
                return Err(No::business("NOTENOUGH", "余额不足"));
            }
            CodeStory::CardNotSupported => {
                return Err(No::business("NOTSUPORTCARD", "不支持卡类型"));
            }
            CodeStory::BankError => {
                self.ask_password(&key, Some(true), after_ms);
                return Err(No::business("BANKERROR", "银行系统异常"));
            }
            CodeStory::PaysLater => self.ask_password(&key, Some(true), after_ms),
            CodeStory::Fails => self.ask_password(&key, Some(false), after_ms),
            CodeStory::Hesitates => self.ask_password(&key, None, after_ms),
        }
        Err(user_paying())
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

    /// The code must be one that a phone shows now, and nobody else's.
    fn usable_code(
        &self,
        sender: &Sender,
        code: &str,
        checks: &mut Checks,
    ) -> Result<(String, CodeStory, i64), No> {
        let digits = code.len() == 18 && code.bytes().all(|byte| byte.is_ascii_digit());
        let kind = code
            .get(..2)
            .is_some_and(|kind| ("10"..="15").contains(&kind));
        let found = self.book.payment_codes.get(code);
        checks.note("auth_code", found.is_some(), || match found {
            Some(code) => format!("{:?}'s phone showed it: {:?}", code.user, code.story),
            None => "no phone of this simulator ever showed it".to_owned(),
        });
        if !digits || !kind {
            return Err(No::business("AUTH_CODE_ERROR", "付款码格式错误"));
        }
        let invalid = || No::business("AUTH_CODE_INVALID", "付款码无效，请扫描微信支付付款码");
        let found = found.ok_or_else(invalid)?;
        let held = found.held_by.as_ref();
        if found.used_by.is_some() || held.is_some_and(|merchant| *merchant != sender.mch_id) {
            return Err(invalid());
        }
        if found.is_expired(self.now_ms) {
            return Err(No::business(
                "AUTHCODEEXPIRE",
                "101 付款码已过期，请刷新再试",
            ));
        }
        Ok((found.user.clone(), found.story, found.after_ms))
    }

    /// `POST /secapi/pay/reverse`
    pub(super) fn reverse(
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
        let age_ms = self.now_ms - order.created_ms;
        let key = (order.mchid.clone(), order.out_trade_no.clone());
        checks.note("state", true, || {
            format!("the order is {}, made {age_ms} ms ago", order.trade_state())
        });
        let refuse = |code: &str, message: &str| Err(No::business(code, message).recall(false));
        if order.trade_type != TradeType::Micropay {
            return refuse("INVALID_REQUEST", "只有付款码支付的订单可以撤销");
        }
        if age_ms > MOST_AGE_MS {
            return refuse("REVERSE_EXPIRE", "订单超过可撤销的期限");
        }
        if !order.refunds.is_empty() {
            // UNCONFIRMED: the code for an order that has refunds.
            return refuse("TRADE_ERROR", "订单已发起退款，不能撤销");
        }
        if order.trade_state() == "USERPAYING" && age_ms < LEAST_AGE_MS {
            // UNCONFIRMED: the documentation asks for 15 seconds and does not say how earlier calls are refused.
            return Err(user_paying().recall(true));
        }
        let Some(order) = self.book.orders.get_mut(&key) else {
            return Err(No::system_error().recall(true));
        };
        if !matches!(order.state, OrderState::Closed { .. }) {
            order.reversed = order.payment().cloned();
            order.state = OrderState::Closed {
                at_ms: self.now_ms,
                by_merchant: true,
            };
            order.code = Some(CodePhase::Revoked);
            if let Some(timer) = order.expiry.take() {
                self.timers.cancel(timer);
            }
        }
        Ok(Document::new().with("recall", "N"))
    }

    /// `POST /tools/authcodetoopenid`
    pub(super) fn auth_code_to_openid(
        &mut self,
        sender: &Sender,
        read: Read<'_>,
        checks: &mut Checks,
    ) -> Result<Document, No> {
        let code = read.required("auth_code", Text::up_to(128))?;
        let (user, _, _) = self.usable_code(sender, code, checks)?;
        if let Some(found) = self.book.payment_codes.get_mut(code) {
            found.held_by = Some(sender.mch_id.clone());
        }
        let openid = self.openid(&sender.appid, &user);
        Ok(Document::new().with("openid", openid))
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
