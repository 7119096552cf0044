//! How a story is told: somebody does what comes next, and tries again until it is answered.

use fen::Fen;
use shouyin_core::refund::RefundState;
use shouyin_core::time::MINUTE_MS;
use wechat_simulator::BuyerAction;

use crate::check::Violation;
use crate::hub::BEGIN_MS;
use crate::setup::MCHIDS;
use crate::story::{Step, Story};
use crate::world::{Event, World};

impl World {
    /// Prepares a story: its one sale and everybody's plans.
    pub(crate) fn tell(&mut self, story: &Story) -> Result<(), Violation> {
        let sale = self.add_sale(0, 0, 1_990, story.expires_in_ms)?;
        self.mishaps.clone_from(&story.mishaps);
        for (at_ms, step) in &story.steps {
            self.hub.schedule(*at_ms, Event::Step { step: *step, sale });
        }
        Ok(())
    }

    /// Somebody does what comes next, or tries again in a second.
    pub(crate) fn step(&mut self, step: Step, index: usize) -> Result<(), Violation> {
        let Some(sale) = self.sales.get(index) else {
            return Ok(());
        };
        let (over, tickets, person) = (sale.over, sale.tickets.len(), sale.person);
        match step {
            Step::SetClock(skew_ms) => self.set_clock(0, skew_ms),
            Step::Create => self.ask_to_be_paid(index, Some(step)),
            Step::Tap if !over => self.tap(index, person, Some(step)),
            Step::Confirm if !over => self.confirm(index, Some(step)),
            Step::Close if !over => self.close_sale(index, Some(step)),
            Step::Pay if tickets > 0 => {
                self.use_cashier(index, tickets - 1, BuyerAction::Pay)?;
                // The cashier may have been one with former terms, closed by now; a tap is on its way to a new one.
                let paid = self.sales.get(index).is_none_or(|sale| sale.paid);
                if !paid && !over && self.hub.now_ms() - BEGIN_MS < MINUTE_MS {
                    self.unanswered(index, Some(step));
                }
            }
            Step::PayFirst if tickets > 0 => {
                return self.use_cashier(index, 0, BuyerAction::Pay);
            }
            Step::Revise(amount) => self.revise(index, amount, Some(step)),
            Step::Refund(wish, amount) => {
                while self
                    .sales
                    .get(index)
                    .is_some_and(|it| it.wishes.len() <= wish)
                {
                    self.add_wish(index, Some(amount))?;
                }
                self.wish_refund(index, wish, Some(step));
            }
            Step::RefundByHand(amount) => return self.refund_by_hand(index, amount),
            Step::SetBalance(balance) => {
                let mchid = MCHIDS.first().copied().unwrap_or_default().to_owned();
                return self.set_balance(mchid, balance.map(Fen::new));
            }
            Step::AddEndpoint => return self.add_endpoint(0, 0, Some(step)),
            Step::Remedy => self.remedy_first(),
            Step::Move => self.move_on(0),
            Step::OweBills => {
                self.swarm.bills = true;
                self.checker.bills_are_compared();
                self.owe_bills(0);
            }
            // The phone has nothing to pay with yet, and may never get it.
            Step::Pay if !over => self.unanswered(index, Some(step)),
            Step::Tap | Step::Confirm | Step::Close | Step::Pay | Step::PayFirst => {}
        }
        Ok(())
    }

    fn remedy_first(&mut self) {
        let found = self.checker.payments().find_map(|payment| {
            let mut refunds = payment.refunds.iter();
            let stuck = refunds.find(|refund| refund.state == RefundState::Abnormal)?;
            Some((payment.mchid.clone(), stuck.id.clone()))
        });
        if let Some((mchid, id)) = found {
            self.remedy(mchid, id);
        }
    }
}
