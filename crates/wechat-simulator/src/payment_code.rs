//! Payment codes: what a payer's phone shows at the till, and what the payer does when it is scanned. Both protocols charge and reverse here.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::log::Checks;
use crate::order::{CodePhase, NewOrder, OrderState, TradeType};
use crate::phone::{BuyerAction, CashierAction};
use crate::timer::Timer;

/// A payment code changes every minute.
pub const PAYMENT_CODE_LIFE_MS: i64 = 60_000;
/// How long a payer takes unless the story says otherwise.
const DECIDE_MS: i64 = 7_000;

/// What happens once the code is scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CodeStory {
    /// Paid at once, without a password.
    #[default]
    Pays,
    /// `USERPAYING`: the payer types the password a while later.
    PaysLater,
    /// `USERPAYING`, then the payment fails: `PAYERROR`.
    Fails,
    /// `USERPAYING` for as long as anybody asks, unless the phone decides ([`Command::DecideCode`](crate::Command::DecideCode)).
    Hesitates,
    /// `USERPAYING`, until the merchant reverses: then the payer is just typing the password. That reversal fails with
    /// `USERPAYING`, and the money is there; the next one gives it back.
    PaysAtReverse,
    /// `NOTENOUGH`
    NotEnoughMoney,
    /// `NOTSUPORTCARD` (WeChat's spelling)
    CardNotSupported,
    /// `BANKERROR`, although the money comes a while later.
    BankError,
}

/// A code that a phone showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PaymentCode {
    pub(crate) user: String,
    pub(crate) story: CodeStory,
    pub(crate) after_ms: i64,
    pub(crate) made_ms: i64,
    /// The first order that used it.
    pub(crate) used_by: Option<OrderKey>,
    /// The merchant that asked whose it is; nobody else can charge it any more.
    pub(crate) held_by: Option<String>,
}

impl PaymentCode {
    pub(crate) fn is_expired(&self, now_ms: i64) -> bool {
        now_ms - self.made_ms >= PAYMENT_CODE_LIFE_MS
    }
}

/// What came of charging a code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Charged {
    /// The money is there.
    Paid,
    /// The payer is asked for the password.
    AsksPassword,
    NotEnoughMoney,
    CardNotSupported,
    /// Nobody knows; the money comes later.
    BankError,
}

/// Why a code cannot be charged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadCode {
    /// It is no such number.
    Malformed,
    /// Never shown, used, or another merchant's.
    Unknown,
    /// Older than a minute.
    Expired,
}

/// Why an order was not reversed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotReversed {
    /// It is no order by payment code.
    NotByCode,
    /// It is too old.
    TooLate,
    /// Some of its money went back already.
    HasRefunds,
    /// The payer is typing the password: to be called again.
    UserPaying,
}

impl Wechat {
    /// Makes the order and charges the code.
    pub(crate) fn charge_code(
        &mut self,
        new: NewOrder,
        parameters: Value,
        code: &str,
        checks: &mut Checks,
    ) -> Result<Charged, BadCode> {
        let (user, story, after_ms) = self.usable_code(&new.mchid, code, checks)?;
        let key = (new.mchid.clone(), new.out_trade_no.clone());
        let openid = self.openid(&new.appid, &user);
        self.insert_order(&key, NewOrder { openid, ..new }, parameters);
        if let Some(found) = self.book.payment_codes.get_mut(code) {
            found.used_by = Some(key.clone());
        }
        Ok(match story {
            CodeStory::Pays => {
                self.pay_by_code(&key);
                Charged::Paid
            }
            CodeStory::NotEnoughMoney => Charged::NotEnoughMoney,
            CodeStory::CardNotSupported => Charged::CardNotSupported,
            CodeStory::BankError => {
                self.ask_password(&key, Some(true), after_ms);
                Charged::BankError
            }
            CodeStory::PaysLater => {
                self.ask_password(&key, Some(true), after_ms);
                Charged::AsksPassword
            }
            CodeStory::Fails => {
                self.ask_password(&key, Some(false), after_ms);
                Charged::AsksPassword
            }
            CodeStory::Hesitates | CodeStory::PaysAtReverse => {
                self.ask_password(&key, None, after_ms);
                Charged::AsksPassword
            }
        })
    }

    /// The code must be one that a phone shows now, and nobody else's.
    pub(crate) fn usable_code(
        &self,
        mchid: &str,
        code: &str,
        checks: &mut Checks,
    ) -> Result<(String, CodeStory, i64), BadCode> {
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
            return Err(BadCode::Malformed);
        }
        let found = found.ok_or(BadCode::Unknown)?;
        let held = found.held_by.as_ref();
        if found.used_by.is_some() || held.is_some_and(|merchant| merchant != mchid) {
            return Err(BadCode::Unknown);
        }
        if found.is_expired(self.now_ms) {
            return Err(BadCode::Expired);
        }
        Ok((found.user.clone(), found.story, found.after_ms))
    }

    /// Takes an order by payment code back: closes it, or gives the money back. Doing it twice is fine.
    pub(crate) fn reverse_order(
        &mut self,
        key: &OrderKey,
        until_ms: i64,
        checks: &mut Checks,
    ) -> Result<(), NotReversed> {
        let order = self.book.orders.get(key).ok_or(NotReversed::NotByCode)?;
        let age_ms = self.now_ms - order.created_ms;
        checks.note("state", true, || {
            format!("the order is {}, made {age_ms} ms ago", order.trade_state())
        });
        if order.trade_type != TradeType::Micropay {
            return Err(NotReversed::NotByCode);
        }
        if age_ms > until_ms {
            return Err(NotReversed::TooLate);
        }
        if !order.refunds.is_empty() {
            return Err(NotReversed::HasRefunds);
        }
        if order.trade_state() == "USERPAYING" {
            if age_ms < self.assumptions.reverse_wait_ms {
                return Err(NotReversed::UserPaying);
            }
            let mut codes = self.book.payment_codes.values();
            let code = codes.find(|code| code.used_by.as_ref() == Some(key));
            if code.is_some_and(|code| code.story == CodeStory::PaysAtReverse) {
                self.decide_code(key, true);
                return Err(NotReversed::UserPaying);
            }
        }
        let now_ms = self.now_ms;
        let Some(order) = self.book.orders.get_mut(key) else {
            return Err(NotReversed::NotByCode);
        };
        if !matches!(order.state, OrderState::Closed { .. }) {
            order.reversed = order.payment().cloned();
            order.state = OrderState::Closed {
                at_ms: now_ms,
                by_merchant: true,
            };
            order.code = Some(CodePhase::Revoked);
            if let Some(timer) = order.expiry.take() {
                self.timers.cancel(timer);
            }
        }
        Ok(())
    }

    /// The payer types the password, or refuses. `false`: nobody is asking.
    pub(crate) fn decide_shown_code(&mut self, code: &str, pays: bool) -> bool {
        let order = self.book.payment_codes.get(code);
        let Some(key) = order.and_then(|code| code.used_by.clone()) else {
            return false;
        };
        let asks = self.book.orders.get(&key).is_some_and(|order| {
            order.state == OrderState::NotPaid && order.code == Some(CodePhase::UserPaying)
        });
        if asks {
            self.decide_code(&key, pays);
        }
        asks
    }

    /// What a phone shows: 18 digits, good for a minute and one order.
    pub(crate) fn make_payment_code(
        &mut self,
        user: String,
        story: CodeStory,
        after_ms: Option<i64>,
    ) -> String {
        let code = self.ids.payment_code();
        let made = PaymentCode {
            user,
            story,
            after_ms: after_ms.unwrap_or(DECIDE_MS).max(0),
            made_ms: self.now_ms,
            used_by: None,
            held_by: None,
        };
        self.book.payment_codes.insert(code.clone(), made);
        code
    }

    /// A code that a phone showed.
    pub(crate) fn payment_code(&self, code: &str) -> Option<&PaymentCode> {
        self.book.payment_codes.get(code)
    }

    /// The payer is asked for a password; `pays` is what comes of it in the end, if anything does.
    pub(crate) fn ask_password(&mut self, key: &OrderKey, pays: Option<bool>, after_ms: i64) {
        if let Some(order) = self.book.orders.get_mut(key) {
            order.code = Some(CodePhase::UserPaying);
        }
        if let Some(pays) = pays {
            let timer = Timer::DecideCode(key.clone(), pays);
            self.timers.set(self.now_ms + after_ms, timer);
        }
    }

    /// The payer has decided, unless the merchant was faster.
    pub(crate) fn decide_code(&mut self, key: &OrderKey, pays: bool) {
        let Some(order) = self.book.orders.get_mut(key) else {
            return;
        };
        if order.state != OrderState::NotPaid || order.code != Some(CodePhase::UserPaying) {
            return;
        }
        order.code = (!pays).then_some(CodePhase::PayError);
        if pays {
            self.pay_by_code(key);
        }
    }

    /// The money of an order by payment code arrives.
    pub(crate) fn pay_by_code(&mut self, key: &OrderKey) {
        let act = CashierAction {
            prepay_id: String::new(),
            user: String::new(),
            action: BuyerAction::Pay,
            coupon_fen: None,
            coupon_no_cash: false,
            bank_type: None,
        };
        self.pay(key, &act);
    }
}
