//! Payment codes: what a payer's phone shows at the till, and what the payer does when it is scanned.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::order::{CodePhase, OrderState};
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
    /// `USERPAYING` for as long as anybody asks.
    Hesitates,
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
    made_ms: i64,
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

impl Wechat {
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
