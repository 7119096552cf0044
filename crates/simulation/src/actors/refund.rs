//! Money going back: the merchant asks for it, repeats itself, asks twice at once; and terms that are changed before anybody
//! has paid.

use fen::Fen;
use shouyin_core::id::{IdempotencyKey, Mchid, RefundId, RefundNo};
use shouyin_core::payment::decide::Revision;
use shouyin_core::refund::RefundState;
use shouyin_core::refund::decide::NewRefund;

use super::{Client, told};
use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::{Answer, Ask, Problem, Reply};
use crate::marks::Mark;
use crate::story::Step;
use crate::world::World;

/// Something that a merchant wanted back under a number of its own.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) refund_no: RefundNo,
    /// In fen; all that is left, if none.
    pub(crate) amount: Option<i64>,
    reason: Option<String>,
    /// What a program of the merchant's sends with it however often it repeats itself; others send another one.
    key: IdempotencyKey,
    /// The answer under that key: every later one must be the same.
    answer: Option<Answer>,
    /// The refund it became.
    refund: Option<RefundId>,
}

impl World {
    /// A merchant asks for a refund.
    pub(super) fn refund_any(&mut self) -> Result<(), Violation> {
        let Some(sale) = self.some_sale_that(|sale| sale.paid) else {
            return Ok(());
        };
        let price = self.sales.get(sale).map_or(1, |sale| sale.amount.get());
        let wishes = self.sales.get(sale).map_or(0, |sale| sale.wishes.len());
        let (how, part, which) = {
            let mut inner = self.hub.lock();
            let how = inner.choice.on(Lane::Turn).upto(9);
            (
                how,
                inner.choice.on(Lane::Turn).upto(255),
                inner.choice.on(Lane::Turn).index(wishes),
            )
        };
        // From a two-hundred-and-fifty-sixth up to all of it.
        let part = (price * (i64::from(part) + 1)).div_euclid(256).max(1);
        match how {
            0 => {
                let wish = self.add_wish(sale, None)?;
                self.wish_refund(sale, wish, None);
            }
            1 if wishes > 0 => self.wish_refund(sale, which, None),
            2 if wishes > 0 => self.wish_from_elsewhere(sale, which),
            3 if wishes > 0 => self.wish_otherwise(sale, which),
            4 | 5 => {
                // Two at once, which together may be too much.
                let first = self.add_wish(sale, Some(part))?;
                let second = self.add_wish(sale, Some(price - part + 1))?;
                self.wish_refund(sale, first, None);
                self.wish_refund(sale, second, None);
            }
            6 => {
                let wish = self.add_wish(sale, Some(price + 1))?;
                self.wish_refund(sale, wish, None);
            }
            _ => {
                let wish = self.add_wish(sale, Some(part))?;
                self.wish_refund(sale, wish, None);
            }
        }
        Ok(())
    }

    /// The merchant decides on a refund, under a fresh number.
    pub(crate) fn add_wish(
        &mut self,
        sale: usize,
        amount: Option<i64>,
    ) -> Result<usize, Violation> {
        let Some(found) = self.sales.get_mut(sale) else {
            return Err(Violation::new("WORLD", "a refund of no sale"));
        };
        let wish = found.wishes.len();
        let broken =
            |error: shouyin_core::id::InvalidId| Violation::new("WORLD", error.to_string());
        found.wishes.push(Wish {
            refund_no: RefundNo::parse(format!("back-{wish}")).map_err(broken)?,
            amount,
            reason: wish.is_multiple_of(2).then(|| "洒了 spilt".to_owned()),
            key: IdempotencyKey::parse(format!("back-{sale}-{wish}")).map_err(broken)?,
            answer: None,
            refund: None,
        });
        Ok(wish)
    }

    /// Asks for it, as often as anybody likes.
    pub(crate) fn wish_refund(&mut self, sale: usize, wish: usize, again: Option<Step>) {
        let Some((new, key)) = self.new_refund(sale, wish) else {
            self.unanswered(sale, again);
            return;
        };
        let amount = new
            .amount
            .map_or("all".to_owned(), |amount| amount.get().to_string());
        self.hub.say(format_args!(
            "merchant asks for refund {wish} of payment {sale}: {amount} fen"
        ));
        let ask = Ask::Refund(Box::new(new));
        self.ask_for(sale, 0, wish, ask, Some(key), again);
    }

    /// Another program of the merchant's asks for the same refund, under a key of its own.
    fn wish_from_elsewhere(&mut self, sale: usize, wish: usize) {
        let Some((new, _)) = self.new_refund(sale, wish) else {
            return;
        };
        self.hub.say(format_args!(
            "merchant asks for refund {wish} of payment {sale} from elsewhere"
        ));
        self.ask_for(sale, 0, wish, Ask::Refund(Box::new(new)), None, None);
    }

    /// The same number with another reason: always refused, with whatever key it comes.
    fn wish_otherwise(&mut self, sale: usize, wish: usize) {
        let wished = self.sales.get(sale).and_then(|sale| sale.wishes.get(wish));
        let answered = wished.is_some_and(|wish| wish.answer.is_some());
        let known = wished.is_some_and(|wish| wish.refund.is_some());
        let Some((mut new, key)) = self.new_refund(sale, wish).filter(|_| known) else {
            return;
        };
        new.reason = Some("another reason".to_owned());
        self.hub.say(format_args!(
            "merchant asks for refund {wish} of payment {sale} with another reason"
        ));
        // A key that was used before, or a fresh one: neither makes it another refund.
        let key = Some(key).filter(|_| answered && wish.is_multiple_of(2));
        let ask = Ask::Refund(Box::new(new));
        self.ask_for(sale, 0, usize::MAX, ask, key, None);
    }

    fn new_refund(&self, sale: usize, wish: usize) -> Option<(NewRefund, IdempotencyKey)> {
        let sale = self.sales.get(sale)?;
        let wish = sale.wishes.get(wish)?;
        let new = NewRefund {
            mchid: self.setup.parties.get(sale.party)?.mchid.clone(),
            payment_id: sale.payment.clone()?,
            refund_no: wish.refund_no.clone(),
            amount: wish.amount.map(Fen::new),
            reason: wish.reason.clone(),
            out_trade_no: None,
        };
        Some((new, wish.key.clone()))
    }

    /// S9 for refunds: one `refund_no` is one refund for ever.
    pub(super) fn refunded(&mut self, client: &Client, reply: Reply) -> Result<(), Violation> {
        let (sale, wish) = (client.sale, client.wish);
        let wrong = |what: String| {
            let detail = format!("refund {wish} of payment {sale}: {what}");
            Err(Violation::new("S9", detail))
        };
        let (id, state, is_new) = match reply {
            Ok(Answer::Refund { id, state, is_new }) => (id, state, is_new),
            Ok(other) => return wrong(format!("answered {other:?}")),
            Err(problem) => return self.not_refunded(sale, wish, &problem, client.again),
        };
        self.hub.say(format_args!(
            "merchant is told that refund {wish} of payment {sale} is {state}"
        ));
        if !is_new {
            self.hub.mark(Mark::RefundRepeated);
        }
        if wish == usize::MAX {
            return wrong("other parameters under a known number were taken".to_owned());
        }
        let Some(known) = self
            .sales
            .get_mut(sale)
            .and_then(|sale| sale.wishes.get_mut(wish))
        else {
            return Ok(());
        };
        if known.refund.as_ref().is_some_and(|known| *known != id) {
            return wrong(format!("became {id}, and something else before"));
        }
        known.refund = Some(id.clone());
        let answer = Answer::Refund { id, state, is_new };
        if client.repeats_key {
            match &known.answer {
                Some(first) if *first != answer => {
                    let what = format!("the same key was answered {first:?}, then {answer:?}");
                    return wrong(what);
                }
                Some(_) => {}
                None => known.answer = Some(answer),
            }
        }
        Ok(())
    }

    fn not_refunded(
        &mut self,
        sale: usize,
        wish: usize,
        problem: &Problem,
        again: Option<Step>,
    ) -> Result<(), Violation> {
        let code = &*problem.code;
        if code == "payment_not_found" {
            let detail = format!("refund {wish} of payment {sale}: the payment is unknown");
            return Err(Violation::new("S9", detail));
        }
        self.hub.mark(match code {
            "refund_too_much" => Mark::RefundTooMuch,
            "refund_no_taken" => Mark::RefundNoTaken,
            _ => Mark::RefundRefused,
        });
        self.hub.say(format_args!(
            "merchant is told that refund {wish} of payment {sale} cannot be: {code}"
        ));
        if code == "refund_not_paid" {
            self.unanswered(sale, again);
        }
        Ok(())
    }

    /// One of the refunds that are not final, rather a new one.
    fn some_refund(
        &mut self,
        is_wanted: impl Fn(&RefundState) -> bool,
    ) -> Option<(Mchid, RefundId)> {
        let mut found = Vec::new();
        for sale in self.sales.iter().rev().take(super::RECENT) {
            let payment = sale.payment.as_ref();
            let Some(payment) = payment.and_then(|id| self.checker.last_seen(id)) else {
                continue;
            };
            let wanted = payment
                .refunds
                .iter()
                .filter(|refund| is_wanted(&refund.state));
            found.extend(wanted.map(|refund| (payment.mchid.clone(), refund.id.clone())));
        }
        let index = self.hub.lock().choice.on(Lane::Turn).index(found.len());
        found.into_iter().nth(index)
    }

    /// A merchant asks how a refund stands.
    pub(super) fn sync_any_refund(&mut self) {
        if let Some((mchid, id)) = self.some_refund(|state| state.is_unresolved()) {
            self.hub.say(format_args!("merchant asks how {id} stands"));
            self.ask(0, 0, Ask::SyncRefund(mchid, id), None);
        }
    }

    /// A merchant wants the money of an abnormal refund to take another way.
    pub(super) fn remedy_any(&mut self) {
        if let Some((mchid, id)) = self.some_refund(|state| *state == RefundState::Abnormal) {
            self.remedy(mchid, id);
        }
    }

    pub(crate) fn remedy(&mut self, mchid: Mchid, id: RefundId) {
        self.hub
            .say(format_args!("merchant wants {id} paid out in another way"));
        self.ask(0, 0, Ask::Remedy(mchid, id), None);
    }

    /// A merchant changes what it asks for.
    pub(super) fn revise_any(&mut self) {
        if let Some(sale) = self.some_sale_that(|sale| sale.payment.is_some() && !sale.paid) {
            let amount = i64::from(self.hub.lock().choice.on(Lane::Turn).upto(250)) + 1;
            self.revise(sale, amount, None);
        }
    }

    pub(crate) fn revise(&mut self, sale: usize, amount: i64, again: Option<Step>) {
        let found = self.sales.get(sale).and_then(|sale| {
            let party = self.setup.parties.get(sale.party)?;
            Some((party.mchid.clone(), sale.payment.clone()?))
        });
        let Some((mchid, id)) = found else {
            self.unanswered(sale, again);
            return;
        };
        self.hub.say(format_args!(
            "merchant asks for {amount} fen instead for payment {sale}"
        ));
        if let Some(sale) = self.sales.get_mut(sale) {
            sale.amount = Fen::new(amount);
        }
        let revision = Revision {
            amount: Some(Fen::new(amount)),
            ..Revision::default()
        };
        self.ask(sale, 0, Ask::Revise(mchid, id, revision), again);
    }

    pub(super) fn was_revised(&mut self, sale: usize, reply: &Reply) {
        let told = told(reply);
        self.hub.say(format_args!(
            "merchant is told of the revision of payment {sale}: {told}"
        ));
    }
}
