//! Mistakes in WeChat's bills.

use shouyin_core::Timestamp;
use shouyin_core::time::BillDate;
use wechat_simulator::{Command, Fault, FaultKind, Input};

use crate::check::Violation;
use crate::choice::Lane;
use crate::marks::Mark;
use crate::world::World;

/// What can be wrong for good with the line of an order.
const OF_A_LINE: [FaultKind; 3] = [
    FaultKind::BillMissingLine,
    FaultKind::BillLateLine,
    FaultKind::BillOtherAmount,
];
/// What can stand in a bill for good that is not ours.
const OF_OTHERS: [FaultKind; 2] = [FaultKind::BillExtraLine, FaultKind::BillForeignLine];
/// What is wrong with one copy of a bill.
const PASSING: [FaultKind; 3] = [
    FaultKind::BillNotReady,
    FaultKind::BillNone,
    FaultKind::BillWrongDigest,
];

impl World {
    /// The next bill, or what it will say of an order that was paid today, is wrong.
    pub(super) fn spoil_any_bill(&mut self) -> Result<(), Violation> {
        let kinds = [&OF_A_LINE[..], &OF_OTHERS, &PASSING].concat();
        let index = self.hub.lock().choice.on(Lane::Turn).index(kinds.len());
        let Some(kind) = kinds.get(index).copied() else {
            return Ok(());
        };
        let today = BillDate::of(Timestamp::from_millis(self.hub.now_ms()));
        let order = if OF_A_LINE.contains(&kind) {
            let sale = self.some_sale_that(|sale| sale.paid);
            let paid = sale.and_then(|sale| self.paid_order_of(sale));
            // A bill that was given out does not change any more.
            let Some((_, number)) = paid.filter(|(mchid, number)| {
                let order = self.setup.wechat.order(mchid, number);
                let payment = order.and_then(|order| order.payment());
                payment.is_some_and(|it| BillDate::of(Timestamp::from_millis(it.at_ms)) == today)
            }) else {
                return Ok(());
            };
            Some(number)
        } else {
            None
        };
        self.spoil_bill(kind, order)
    }

    /// What the next bill, or the next one that has this order, says is wrong.
    pub(crate) fn spoil_bill(
        &mut self,
        kind: FaultKind,
        order: Option<String>,
    ) -> Result<(), Violation> {
        let about = order.as_deref().unwrap_or("the next bill");
        self.hub
            .say(format_args!("{} will be played on {about}", kind.name()));
        self.hub.mark(Mark::BillSpoiled);
        if kind == FaultKind::BillNone {
            self.checker.a_bill_is_denied();
        }
        let fault = match order {
            Some(number) => Fault::new(kind).of_order(number),
            None => Fault::new(kind),
        };
        self.wechat_step(Input::Control(Command::AddFault(fault)))?;
        Ok(())
    }

    /// In calm bills are made in time and arrive whole; what is wrong in them stays wrong.
    pub(crate) fn bills_heal(&mut self) -> Result<(), Violation> {
        let lasting: Vec<Fault> = self
            .setup
            .wechat
            .faults()
            .iter()
            .filter(|fault| OF_A_LINE.contains(&fault.fault) || OF_OTHERS.contains(&fault.fault))
            .cloned()
            .collect();
        self.wechat_step(Input::Control(Command::ClearFaults))?;
        for fault in lasting {
            self.wechat_step(Input::Control(Command::AddFault(fault)))?;
        }
        Ok(())
    }
}
