//! What people do in WeChat's console: refunds by hand, and money for refunds.

use fen::Fen;
use shouyin_core::id::Mchid;
use shouyin_core::product::Product;
use wechat_simulator::{Command, Input, OrderKey, RefundEnd};

use super::Sale;
use crate::check::Violation;
use crate::choice::Lane;
use crate::world::World;

impl World {
    /// Somebody refunds a part or all of it in WeChat's console, without our knowing.
    pub(super) fn refund_any_by_hand(&mut self) -> Result<(), Violation> {
        // A charge at a till may have brought money that nobody here knows of, and that is just being taken back.
        let has_money = |sale: &Sale| sale.paid || sale.product == Product::Code;
        let Some(sale) = self.some_sale_that(has_money) else {
            return Ok(());
        };
        let price = self.sales.get(sale).map_or(1, |sale| sale.amount.get());
        let part = self.hub.lock().choice.on(Lane::Turn).upto(255);
        let part = (price * (i64::from(part) + 1)).div_euclid(256).max(1);
        self.refund_by_hand(sale, part)
    }

    /// Merchant and number of the first order of a sale that WeChat has money for.
    pub(super) fn paid_order_of(&self, sale: usize) -> Option<OrderKey> {
        let sale = self.sales.get(sale)?;
        let payment = self.checker.last_seen(sale.payment.as_ref()?)?;
        let mchid = payment.mchid.as_str();
        payment.attempts.iter().find_map(|attempt| {
            let order = self
                .setup
                .wechat
                .order(mchid, attempt.out_trade_no.as_str())?;
            order.payment()?;
            Some((mchid.to_owned(), order.out_trade_no.clone()))
        })
    }

    pub(crate) fn refund_by_hand(&mut self, sale: usize, amount: i64) -> Result<(), Violation> {
        let Some(order) = self.paid_order_of(sale) else {
            return Ok(());
        };
        let number = order.1.clone();
        let made = self.setup.wechat.refunds().count();
        self.draw_fate_of_refund(&number)?;
        let command = Command::ConsoleRefund {
            order,
            amount: Fen::new(amount),
            out_refund_no: Some(format!("byhand{made:06}")),
        };
        self.refused = false;
        self.wechat_step(Input::Control(command))?;
        let what = if self.refused { "refused" } else { "taken" };
        self.hub.say(format_args!(
            "somebody refunds {amount} fen of {number} by hand: {what}"
        ));
        self.check_order_at_wechat(&number)
    }

    /// Whether a merchant's settings have what APIv3 needs.
    pub(super) fn has_v3(&self, mchid: &Mchid) -> bool {
        let mut parties = self.setup.parties.iter();
        parties.any(|party| party.mchid == *mchid && party.speaks.has_v3())
    }

    /// The older protocol has no other way for an abnormal refund: somebody goes to WeChat's console.
    pub(super) fn remedy_by_hand(
        &mut self,
        mchid: &Mchid,
        number: String,
    ) -> Result<(), Violation> {
        self.hub
            .say(format_args!("somebody pays refund {number} out by hand"));
        let command = Command::FinishRefund {
            refund: (mchid.to_string(), number),
            end: Some(RefundEnd::Success),
        };
        self.wechat_step(Input::Control(command))?;
        Ok(())
    }

    /// There is little money left at WeChat, or enough again.
    pub(super) fn set_any_balance(&mut self) -> Result<(), Violation> {
        let (party, low) = {
            let mut inner = self.hub.lock();
            let party = inner.choice.on(Lane::Turn).index(self.setup.parties.len());
            (party, inner.choice.on(Lane::Turn).upto(3))
        };
        let Some(mchid) = self
            .setup
            .parties
            .get(party)
            .map(|party| party.mchid.to_string())
        else {
            return Ok(());
        };
        self.set_balance(mchid, (low > 0).then(|| Fen::new(i64::from(low) * 60 - 60)))
    }

    pub(crate) fn set_balance(
        &mut self,
        mchid: String,
        balance: Option<Fen>,
    ) -> Result<(), Violation> {
        match balance {
            Some(balance) => self.hub.say(format_args!(
                "{mchid} has {} fen left at WeChat",
                balance.get()
            )),
            None => self
                .hub
                .say(format_args!("{mchid} has money at WeChat again")),
        }
        self.wechat_step(Input::Control(Command::SetBalance { mchid, balance }))?;
        Ok(())
    }
}
