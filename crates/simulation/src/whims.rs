//! What WeChat and the bank do of their own: how a refund will end, and a WeChat that breaks its word.

use wechat_simulator::{Command, FaultKind, Input, TradeType};
use wechatpay::v3::{RawResponse, signature_headers};

use crate::check::{CallName, Violation, What};
use crate::choice::Fault;
use crate::marks::Mark;
use crate::setup::MCHIDS;
use crate::speaks::{answer, head};
use crate::tamper;
use crate::world::World;

/// The longest a slow refund takes, milliseconds: three days.
const LONGEST_REFUND_MS: u32 = 259_200_000;

impl World {
    /// A WeChat that breaks its word does so when it is asked about an order, or asked to close one.
    pub(crate) fn drawn_lie(&self, call: &CallName) -> Option<Fault> {
        match call.what() {
            What::Query | What::Close => self.hub.lock().choice.pick(&[Fault::WechatLies]),
            What::Place
            | What::Charge
            | What::Reverse
            | What::Refund
            | What::QueryRefund
            | What::Remedy
            | What::Bill
            | What::BillFile => None,
        }
    }

    /// How the bank will take a refund that is about to be asked for.
    pub(crate) fn draw_fate_of_refund(&mut self, order: &str) -> Result<(), Violation> {
        let told = self.mishaps.iter().position(|(what, _)| *what == "bank");
        let fate = match told.map(|index| self.mishaps.remove(index)) {
            Some((_, fate)) => Some(fate),
            None => self.hub.lock().choice.pick(&Fault::OF_A_REFUND),
        };
        let Some(fate) = fate else {
            return Ok(());
        };
        let (kind, delay_ms) = if fate == Fault::RefundAbnormal {
            (FaultKind::RefundAbnormal, None)
        } else if fate == Fault::RefundClosed {
            (FaultKind::RefundClosed, None)
        } else {
            let days = self.drawn_ms(LONGEST_REFUND_MS);
            (FaultKind::RefundSlow, Some(days))
        };
        let mut planned = wechat_simulator::Fault::new(kind).of_order(order);
        planned.delay_ms = delay_ms;
        self.hub.say(format_args!("the bank: {fate:?}"));
        self.wechat_step(Input::Control(Command::AddFault(planned)))?;
        Ok(())
    }

    /// WeChat's own answer, well signed: the order is closed. It is not.
    pub(crate) fn lie(&mut self, call: &CallName) -> Option<RawResponse> {
        let now = self.hub.now_ms();
        let party = self.setup.parties.iter().find(|party| {
            let order = self.setup.wechat.order(party.mchid.as_str(), &call.order);
            // Of payments by code nobody is told: money that comes after such a lie could never become known.
            order.is_some_and(|order| {
                order.payment().is_none() && order.trade_type != TradeType::Micropay
            })
        })?;
        let order = self.setup.wechat.order(party.mchid.as_str(), &call.order)?;
        if let Some(sign_type) = order.protocol.sign_type() {
            let mut fields = head(&order.appid, &order.mchid);
            if !matches!(call.what(), What::Close) {
                fields.set("out_trade_no", order.out_trade_no.as_str());
                fields.set("trade_state", "CLOSED");
                fields.set("trade_state_desc", "订单已关闭");
            }
            let lie = answer(&fields.signed(sign_type, &party.api_key));
            self.hub.mark(Mark::WechatLied);
            self.hub
                .say(format_args!("WeChat says that {} is closed", call.order));
            return Some(lie);
        }
        let (status, body) = match call.what() {
            What::Close => (204, Vec::new()),
            What::Place
            | What::Charge
            | What::Query
            | What::Reverse
            | What::Refund
            | What::QueryRefund
            | What::Remedy
            | What::Bill
            | What::BillFile => (200, tamper::closed_order(order)),
        };
        let signer = &*party.platform.last()?.signer;
        let headers = signature_headers(signer, now.div_euclid(1_000), "lie", &body);
        self.hub.mark(Mark::WechatLied);
        self.hub
            .say(format_args!("WeChat says that {} is closed", call.order));
        Some(RawResponse {
            status,
            headers,
            body,
        })
    }

    /// In calm WeChat has money for every refund and plays no more tricks.
    pub(crate) fn wechat_heals(&mut self) -> Result<(), Violation> {
        self.bills_heal()?;
        for mchid in MCHIDS {
            let mchid = mchid.to_owned();
            let top_up = Command::SetBalance {
                mchid,
                balance: None,
            };
            self.wechat_step(Input::Control(top_up))?;
        }
        Ok(())
    }
}
