//! What people do in WeChat's console: refunds by hand, and money for refunds.

use fen::Fen;
use wechat_simulator::{Command, Input};
use wechatpay::text::{OutRefundNo, OutTradeNo};
use wechatpay::v3::refund::{CreateRefund, OrderNumber};

use crate::check::Violation;
use crate::choice::Lane;
use crate::network::wire;
use crate::world::World;

impl World {
    /// Somebody refunds a part or all of it in WeChat's console, without our knowing.
    pub(super) fn refund_any_by_hand(&mut self) -> Result<(), Violation> {
        let Some(sale) = self.some_sale_that(|sale| sale.paid) else {
            return Ok(());
        };
        let price = self.sales.get(sale).map_or(1, |sale| sale.amount.get());
        let part = self.hub.lock().choice.on(Lane::Turn).upto(255);
        let part = (price * (i64::from(part) + 1)).div_euclid(256).max(1);
        self.refund_by_hand(sale, part)
    }

    pub(crate) fn refund_by_hand(&mut self, sale: usize, amount: i64) -> Result<(), Violation> {
        let broken = |error: wechatpay::text::TextError| Violation::new("WORLD", error.to_string());
        let found = self.sales.get(sale).and_then(|sale| {
            let payment = self.checker.last_seen(sale.payment.as_ref()?)?;
            let mchid = payment.mchid.as_str();
            let order = payment.attempts.iter().find_map(|attempt| {
                let order = self
                    .setup
                    .wechat
                    .order(mchid, attempt.out_trade_no.as_str())?;
                order.payment().map(|_| order)
            })?;
            Some((sale.party, order.out_trade_no.clone(), order.total))
        });
        let Some((party, number, total)) = found else {
            return Ok(());
        };
        let made = self.setup.wechat.refunds().count();
        let refund = CreateRefund {
            order: OrderNumber::OutTradeNo(OutTradeNo::parse(&number).map_err(broken)?),
            out_refund_no: OutRefundNo::parse(&format!("byhand{made:06}")).map_err(broken)?,
            reason: None,
            notify_url: None,
            refund: Fen::new(amount),
            total,
        };
        let now = self.hub.now_ms();
        let request = self
            .setup
            .parties
            .get(party)
            .map(|party| party.by_hand(&refund, now));
        let Some(request) = request else {
            return Ok(());
        };
        self.draw_fate_of_refund(&request)?;
        let answer = self.wechat_step(Input::Request(wire(&request)))?;
        let status = answer.map_or(0, |answer| answer.status);
        self.hub.say(format_args!(
            "somebody refunds {amount} fen of {number} by hand: {status}"
        ));
        self.check_order_at_wechat(&number)
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
