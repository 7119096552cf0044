//! How a story is told: somebody does what comes next, and tries again until it is answered.

use fen::Fen;
use shouyin_core::payment::PaymentState;
use shouyin_core::refund::RefundState;
use shouyin_core::time::MINUTE_MS;
use wechat_simulator::{BuyerAction, CodeStory};

use crate::check::Violation;
use crate::hub::BEGIN_MS;
use crate::setup::MCHIDS;
use crate::story::{Step, Story};
use crate::world::{Event, World};

impl World {
    /// Prepares a story: its one sale and everybody's plans.
    pub(crate) fn tell(&mut self, story: &Story) -> Result<(), Violation> {
        let sale = self.add_sale(0, 0, story.product, 1_990, story.expires_in_ms)?;
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
            Step::SetClock(server, skew_ms) => self.set_clock(server, skew_ms),
            Step::Create => self.ask_to_be_paid(index, Some(step)),
            Step::Tap if !over => self.tap(index, person, Some(step)),
            Step::Confirm if !over => self.confirm(index, Some(step)),
            Step::Close if !over => self.close_sale(index, Some(step)),
            Step::Pay if tickets > 0 => {
                self.use_cashier(index, tickets - 1, person, BuyerAction::Pay)?;
                // The cashier may have been one with former terms, closed by now; a tap is on its way to a new one.
                let paid = self.sales.get(index).is_none_or(|sale| sale.paid);
                if !paid && !over && self.hub.now_ms() - BEGIN_MS < MINUTE_MS {
                    self.unanswered(index, Some(step));
                }
            }
            Step::PayFirst if tickets > 0 => {
                return self.use_cashier(index, 0, person, BuyerAction::Pay);
            }
            Step::PayFirstBy(person) if tickets > 0 => {
                return self.use_cashier(index, 0, person, BuyerAction::Pay);
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
            Step::SpoilBill(kind) => return self.spoil_bill(kind, None),
            Step::SlowStore(takes_ms) => self.hub.lock().store_takes_ms = takes_ms,
            Step::OweBills => {
                self.swarm.bills = true;
                self.checker.bills_are_compared();
                self.owe_bills(0);
            }
            Step::Scan(what, takes_ms) if !over => return self.scan_again(index, what, takes_ms),
            Step::Watch(what, takes_ms) if !over => return self.watch(index, what, takes_ms),
            // The phone has nothing to pay with yet, and may never get it.
            Step::Pay if !over => self.unanswered(index, Some(step)),
            Step::Tap
            | Step::Confirm
            | Step::Close
            | Step::Pay
            | Step::PayFirst
            | Step::PayFirstBy(_)
            | Step::Scan(..)
            | Step::Watch(..) => {}
        }
        Ok(())
    }

    /// The till scans a phone, once; and sends what it has scanned until it is answered.
    fn scan_again(
        &mut self,
        index: usize,
        what: CodeStory,
        takes_ms: i64,
    ) -> Result<(), Violation> {
        let step = Step::Scan(what, takes_ms);
        let last = self
            .sales
            .get(index)
            .and_then(|sale| sale.scans.len().checked_sub(1));
        let scan = match last {
            Some(last) if !self.is_settled(index) => Some(last),
            _ => {
                let code = self.show_code(0, what, takes_ms)?;
                self.add_scan(index, code)?
            }
        };
        if let Some(scan) = scan {
            self.charge(index, scan, Some(step));
        }
        Ok(())
    }

    /// The till was told something and reads on how it goes, every five seconds.
    pub(crate) fn till_waits(&mut self, what: CodeStory, takes_ms: i64, sale: usize) {
        let step = Step::Watch(what, takes_ms);
        self.hub.schedule(5_000, Event::Step { step, sale });
    }

    fn watch(&mut self, index: usize, what: CodeStory, takes_ms: i64) -> Result<(), Violation> {
        let payment = self.sales.get(index).and_then(|sale| sale.payment.as_ref());
        let payment = payment.and_then(|id| self.checker.last_seen(id));
        let (is_open, is_paid) = payment.map_or((false, false), |payment| {
            let is_paid = matches!(payment.state, PaymentState::Paid(_));
            (payment.state == PaymentState::Open, is_paid)
        });
        if !is_open {
            if let Some(sale) = self.sales.get_mut(index) {
                sale.over = true;
                sale.paid |= is_paid;
            }
            return Ok(());
        }
        if !self.is_settled(index) {
            self.till_waits(what, takes_ms, index);
            return Ok(());
        }
        match what {
            // Whoever wanted to pay shows a fresh code; whoever did not has left.
            CodeStory::Pays | CodeStory::PaysLater | CodeStory::BankError => {
                self.scan_again(index, what, takes_ms)
            }
            CodeStory::Fails
            | CodeStory::Hesitates
            | CodeStory::PaysAtReverse
            | CodeStory::NotEnoughMoney
            | CodeStory::CardNotSupported => Ok(()),
        }
    }

    /// Every code that was charged for this payment has come to its end.
    fn is_settled(&self, index: usize) -> bool {
        let payment = self.sales.get(index).and_then(|sale| sale.payment.as_ref());
        let payment = payment.and_then(|id| self.checker.last_seen(id));
        payment.is_some_and(|it| !it.attempts.is_empty() && it.all_resolved())
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
