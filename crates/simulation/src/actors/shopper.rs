//! Shoppers and their phones.

use serde_json::Value;
use shouyin_core::ports::RequestPayment;
use wechat_simulator::{BuyerAction, CashierAction, Input, OpenCashier, PhoneAction, PhoneAnswer};

use super::told;
use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::{Answer, Ask, Reply};
use crate::marks::Mark;
use crate::setup::{APPID, USERS};
use crate::story::Step;
use crate::world::World;

impl World {
    /// A shopper taps "pay": the right one, sometimes twice at once or on two devices, sometimes somebody else.
    pub(super) fn tap_any(&mut self) -> Result<(), Violation> {
        let Some(index) = self.some_sale_that(|sale| sale.payment.is_some() && !sale.over) else {
            return Ok(());
        };
        let how = self.hub.lock().choice.on(Lane::Turn).upto(7);
        let person = self.sales.get(index).map_or(0, |sale| sale.person);
        match how {
            0 => {
                self.tap(index, person, None);
                self.tap(index, person, None);
            }
            1 if self.swarm.other_phones => self.tap(index, (person + 1) % USERS.len(), None),
            _ => self.tap(index, person, None),
        }
        Ok(())
    }

    /// One tap.
    pub(crate) fn tap(&mut self, index: usize, person: usize, again: Option<Step>) {
        let id = self.sales.get(index).and_then(|sale| sale.payment.clone());
        let openid = self
            .setup
            .people
            .get(person)
            .map(|person| person.openid.clone());
        let (Some(id), Some(openid)) = (id, openid) else {
            self.unanswered(index, again);
            return;
        };
        let name = USERS.get(person).copied().unwrap_or("");
        self.hub
            .say(format_args!("{name} taps pay for payment {index}"));
        self.ask(index, person, Ask::Pay(id, openid), again);
    }

    pub(super) fn tapped(
        &mut self,
        index: usize,
        person: usize,
        reply: Reply,
        again: Option<Step>,
    ) {
        let ticket = match reply {
            Ok(Answer::Ticket(ticket)) => Some(ticket),
            reply => {
                let (told, over, helps) = match told(&reply) {
                    "paid" => ("it is paid", true, true),
                    "payment_closed" | "too_many_attempts" => ("refused", true, true),
                    "payment_not_found" => ("not found", false, true),
                    "wechat_refused" => ("WeChat will not take it", false, false),
                    _ => ("try again", false, false),
                };
                self.hub
                    .say(format_args!("phone of payment {index} is told: {told}"));
                if let Some(sale) = self.sales.get_mut(index) {
                    sale.over |= over;
                }
                if !helps {
                    self.unanswered(index, again);
                }
                None
            }
        };
        let Some(ticket) = ticket else {
            return;
        };
        let told = &ticket.package;
        self.hub
            .say(format_args!("phone of payment {index} is told: {told}"));
        let Some(sale) = self.sales.get_mut(index) else {
            return;
        };
        sale.tickets.push((person, ticket));
        let payment = sale.payment.as_ref();
        let payment = payment.and_then(|id| self.checker.last_seen(id));
        if payment.is_some_and(|payment| {
            let mut attempts = payment.attempts.iter();
            attempts.any(|attempt| attempt.amount != payment.amount)
        }) {
            self.hub.mark(Mark::CloseFirst);
        }
    }

    /// A shopper opens the cashier with what the phone got once, and does something there.
    pub(super) fn at_the_cashier(&mut self) -> Result<(), Violation> {
        // Whoever got more than one ticket may try to pay twice.
        let can_pay = |sale: &crate::actors::Sale| match sale.tickets.len() {
            0 => false,
            1 => !sale.paid,
            _ => true,
        };
        let Some(index) = self.some_sale_that(can_pay) else {
            return Ok(());
        };
        let count = self.sales.get(index).map_or(0, |sale| sale.tickets.len());
        if count == 0 {
            return Ok(());
        }
        let (which, how) = {
            let mut inner = self.hub.lock();
            (
                inner.choice.on(Lane::Turn).index(count),
                inner.choice.on(Lane::Turn).upto(7),
            )
        };
        let action = match how {
            0 => BuyerAction::Cancel,
            1 => BuyerAction::WrongPassword,
            2 => BuyerAction::PayAndVanish,
            _ => BuyerAction::Pay,
        };
        self.use_cashier(index, which, action)
    }

    /// Opens the cashier with one of the tickets and acts there.
    pub(crate) fn use_cashier(
        &mut self,
        index: usize,
        which: usize,
        action: BuyerAction,
    ) -> Result<(), Violation> {
        let Some((person, ticket)) = self
            .sales
            .get(index)
            .and_then(|sale| sale.tickets.get(which))
        else {
            return Ok(());
        };
        let user = USERS.get(*person).copied().unwrap_or("").to_owned();
        let open = open(&user, ticket);
        self.phone_answer = None;
        self.wechat_step(Input::Phone(PhoneAction::Open(open)))?;
        let cashier = match self.phone_answer.take() {
            Some(Ok(PhoneAnswer::Cashier(cashier))) => cashier,
            Some(Ok(PhoneAnswer::Result(_))) | None => {
                return Err(Violation::new("WORLD", "the phone did not answer"));
            }
            Some(Err(refusal)) => {
                self.hub.say(format_args!(
                    "cashier of payment {index}: {}",
                    refusal.reason
                ));
                // Whatever the product hands out must open a cashier at least while it is young.
                return if refusal.reason.contains("paySign") {
                    Err(Violation::new(
                        "PAY",
                        format!("payment {index}: {}", refusal.reason),
                    ))
                } else {
                    Ok(())
                };
            }
        };
        let act = CashierAction {
            prepay_id: cashier.prepay_id,
            user: user.clone(),
            action,
            coupon_fen: (cashier.amount_fen % 5 == 0).then_some(1),
            coupon_no_cash: false,
            bank_type: None,
        };
        self.wechat_step(Input::Phone(PhoneAction::Act(act)))?;
        let told = match self.phone_answer.take() {
            Some(Ok(PhoneAnswer::Result(result))) => result.trade_state.to_owned(),
            Some(Ok(PhoneAnswer::Cashier(_))) | None => "no answer".to_owned(),
            Some(Err(refusal)) => refusal.reason,
        };
        self.hub.say(format_args!(
            "{user} at the cashier of payment {index}: {action:?}: {told}"
        ));
        if let Some(sale) = self.sales.get_mut(index) {
            sale.paid |= told == "SUCCESS";
        }
        self.check_order_at_wechat(&cashier.out_trade_no)
    }

    /// A phone asks whether a payment is paid.
    pub(super) fn confirm_any(&mut self) -> Result<(), Violation> {
        if let Some(index) = self.some_sale() {
            self.confirm(index, None);
        }
        Ok(())
    }

    /// The payer's phone asks whether it is paid.
    pub(crate) fn confirm(&mut self, index: usize, again: Option<Step>) {
        let found = self.sales.get(index).and_then(|sale| {
            let person = self.setup.people.get(sale.person)?;
            Some((sale.payment.clone()?, person.openid.clone(), sale.person))
        });
        let Some((id, openid, person)) = found else {
            self.unanswered(index, again);
            return;
        };
        self.hub
            .say(format_args!("phone asks whether payment {index} is paid"));
        self.ask(index, person, Ask::Confirm(id, openid), again);
    }

    pub(super) fn confirmed(&mut self, index: usize, reply: &Reply) {
        let told = told(reply);
        self.hub
            .say(format_args!("phone is told that payment {index} is {told}"));
        if let Some(sale) = self.sales.get_mut(index) {
            sale.over |= is_over(reply);
        }
    }
}

/// Whether nothing will happen any more to a payment of which this was told.
pub(super) fn is_over(reply: &Reply) -> bool {
    matches!(reply, Ok(Answer::State(state)) if state == "paid" || state == "closed")
}

fn open(user: &str, ticket: &RequestPayment) -> OpenCashier {
    OpenCashier {
        appid: APPID.to_owned(),
        user: user.to_owned(),
        time_stamp: Value::from(ticket.time_stamp.as_str()),
        nonce_str: ticket.nonce_str.clone(),
        package: ticket.package.clone(),
        sign_type: ticket.sign_type.clone(),
        pay_sign: ticket.pay_sign.clone(),
    }
}
