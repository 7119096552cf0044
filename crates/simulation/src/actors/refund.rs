//! Money going back: the merchant asks for it, repeats itself, asks twice at once; and terms that are changed before anybody
//! has paid.

use fen::Fen;
use shouyin_core::id::{Mchid, RefundId, RefundNo};
use shouyin_core::payment::decide::Revision;
use shouyin_core::payment::service::ReviseAnswer;
use shouyin_core::refund::RefundState;
use shouyin_core::refund::decide::{NewRefund, RefundError};
use shouyin_core::refund::service::{CreateAnswer, RemedyAnswer};

use crate::check::Violation;
use crate::marks::Mark;
use crate::story::Step;
use crate::work::Ask;
use crate::world::World;

/// Something that a merchant wanted back under a number of its own.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) refund_no: RefundNo,
    /// In fen; all that is left, if none.
    pub(crate) amount: Option<i64>,
    reason: Option<String>,
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
            let how = inner.choice.upto(9);
            (how, inner.choice.upto(255), inner.choice.index(wishes))
        };
        // From a two-hundred-and-fifty-sixth up to all of it.
        let part = (price * (i64::from(part) + 1)).div_euclid(256).max(1);
        match how {
            0 => {
                let wish = self.add_wish(sale, None)?;
                self.wish_refund(sale, wish, None);
            }
            1 | 2 if wishes > 0 => self.wish_refund(sale, which, None),
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
        let refund_no = RefundNo::parse(format!("back-{wish}"))
            .map_err(|error| Violation::new("WORLD", error.to_string()))?;
        found.wishes.push(Wish {
            refund_no,
            amount,
            reason: wish.is_multiple_of(2).then(|| "洒了 spilt".to_owned()),
            refund: None,
        });
        Ok(wish)
    }

    /// Asks for it, as often as anybody likes.
    pub(crate) fn wish_refund(&mut self, sale: usize, wish: usize, again: Option<Step>) {
        let Some(new) = self.new_refund(sale, wish) else {
            self.unanswered(sale, again);
            return;
        };
        let amount = new
            .amount
            .map_or("all".to_owned(), |amount| amount.get().to_string());
        self.hub.say(format_args!(
            "merchant asks for refund {wish} of payment {sale}: {amount} fen"
        ));
        self.ask_for(sale, 0, wish, Ask::Refund(Box::new(new)), again);
    }

    /// The same number with another amount: always refused, or the amount does not matter.
    fn wish_otherwise(&mut self, sale: usize, wish: usize) {
        let known = self
            .sales
            .get(sale)
            .and_then(|sale| sale.wishes.get(wish))
            .is_some_and(|wish| wish.refund.is_some());
        let Some(mut new) = self.new_refund(sale, wish).filter(|_| known) else {
            return;
        };
        new.reason = Some("another reason".to_owned());
        self.hub.say(format_args!(
            "merchant asks for refund {wish} of payment {sale} with another reason"
        ));
        self.ask_for(sale, 0, usize::MAX, Ask::Refund(Box::new(new)), None);
    }

    fn new_refund(&self, sale: usize, wish: usize) -> Option<NewRefund> {
        let sale = self.sales.get(sale)?;
        let wish = sale.wishes.get(wish)?;
        Some(NewRefund {
            mchid: self.setup.parties.get(sale.party)?.mchid.clone(),
            payment_id: sale.payment.clone()?,
            refund_no: wish.refund_no.clone(),
            amount: wish.amount.map(Fen::new),
            reason: wish.reason.clone(),
            out_trade_no: None,
        })
    }

    /// S9 for refunds: one `refund_no` is one refund for ever.
    pub(super) fn refunded(
        &mut self,
        sale: usize,
        wish: usize,
        answer: &CreateAnswer,
        again: Option<Step>,
    ) -> Result<(), Violation> {
        let wrong = |what: String| {
            let detail = format!("refund {wish} of payment {sale}: {what}");
            Err(Violation::new("S9", detail))
        };
        match answer {
            CreateAnswer::Refund { found, is_new } => {
                let (id, state) = (&found.refund.id, found.refund.state.as_str());
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
                if known.refund.as_ref().is_some_and(|known| known != id) {
                    return wrong(format!("became {id}, and something else before"));
                }
                known.refund = Some(id.clone());
            }
            CreateAnswer::NotFound => {
                return wrong("the payment is unknown".to_owned());
            }
            CreateAnswer::Refused(why) => {
                self.hub.mark(match why {
                    RefundError::TooMuch { .. } => Mark::RefundTooMuch,
                    RefundError::RefundNoTaken { .. } => Mark::RefundNoTaken,
                    RefundError::Invalid { .. }
                    | RefundError::NotPaid
                    | RefundError::TooMany
                    | RefundError::TooLate => Mark::RefundRefused,
                });
                self.hub.say(format_args!(
                    "merchant is told that refund {wish} of payment {sale} cannot be: {why}"
                ));
                if *why == RefundError::NotPaid {
                    self.unanswered(sale, again);
                }
            }
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
        let index = self.hub.lock().choice.index(found.len());
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

    pub(super) fn remedied(&mut self, answer: &RemedyAnswer) {
        match answer {
            RemedyAnswer::Asked { found, .. } => {
                let state = found.refund.state.as_str();
                self.hub
                    .say(format_args!("merchant is told that the refund is {state}"));
            }
            RemedyAnswer::NotFound | RemedyAnswer::NotAbnormal => self
                .hub
                .say(format_args!("merchant is told that it is not abnormal")),
        }
    }

    /// A merchant changes what it asks for.
    pub(super) fn revise_any(&mut self) {
        if let Some(sale) = self.some_sale_that(|sale| sale.payment.is_some() && !sale.paid) {
            let amount = i64::from(self.hub.lock().choice.upto(250)) + 1;
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

    pub(super) fn was_revised(&mut self, sale: usize, answer: &ReviseAnswer) {
        let told = match answer {
            ReviseAnswer::Payment(payment) => payment.state.as_str(),
            ReviseAnswer::NotFound => "not found",
            ReviseAnswer::Refused(_) => "refused",
        };
        self.hub.say(format_args!(
            "merchant is told of the revision of payment {sale}: {told}"
        ));
    }
}
