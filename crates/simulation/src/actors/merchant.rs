//! The merchant's backend: asks to be paid, repeats itself when unsure, closes what nobody wants any more.

use fen::Fen;
use shouyin_core::id::{Appid, IdempotencyKey, OrderNo};
use shouyin_core::payment::decide::NewPayment;
use shouyin_core::product::Product;
use shouyin_core::time::{HOUR_MS, MINUTE_MS};

use super::shopper::is_over;
use super::{Sale, told};
use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::{Ask, Reply};
use crate::setup::{MCHIDS, Party, USERS, app_of};
use crate::story::Step;
use crate::world::World;

/// How long payments may stay open: most for minutes, some beyond the life of a prepay id.
const EXPIRIES_MS: [i64; 5] = [
    MINUTE_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
];

impl World {
    /// A merchant asks to be paid for something new.
    pub(super) fn create(&mut self) -> Result<(), Violation> {
        let (party, person, amount, expiry, product) = {
            let mut inner = self.hub.lock();
            let mut draw = inner.choice.on(Lane::Turn);
            // Mostly the same merchant: two merchants matter only for the attacker.
            let party = if draw.upto(7) == 0 && self.swarm.other_merchants {
                MCHIDS.len() - 1
            } else {
                0
            };
            let person = draw.index(USERS.len());
            let person = if self.swarm.other_phones { person } else { 0 };
            let (amount, expiry) = (draw.upto(250), draw.index(EXPIRIES_MS.len()));
            let offered = self
                .swarm
                .products
                .get(party)
                .map_or(&[][..], Vec::as_slice);
            let product = offered.get(draw.index(offered.len())).copied();
            (party, person, amount, expiry, product.unwrap_or_default())
        };
        let expires_in_ms = EXPIRIES_MS.get(expiry).copied().unwrap_or(MINUTE_MS);
        let amount = i64::from(amount) + 1;
        let sale = self.add_sale(party, person, product, amount, expires_in_ms)?;
        self.ask_to_be_paid(sale, None);
        Ok(())
    }

    /// Adds a sale that the merchant has not asked for yet.
    pub(crate) fn add_sale(
        &mut self,
        party: usize,
        person: usize,
        product: Product,
        amount: i64,
        expires_in_ms: i64,
    ) -> Result<usize, Violation> {
        let index = self.sales.len();
        // Whoever cannot take payment codes shows a QR code.
        let serves = |party: &Party| party.serves(product);
        let product = match self.setup.parties.get(party).is_some_and(serves) {
            true => product,
            false => Product::Native,
        };
        let broken =
            |error: shouyin_core::id::InvalidId| Violation::new("WORLD", error.to_string());
        self.sales.push(Sale {
            party,
            product,
            order_no: OrderNo::parse(format!("coffee-{index}")).map_err(broken)?,
            key: IdempotencyKey::parse(format!("key-{index}")).map_err(broken)?,
            first_amount: Fen::new(amount),
            amount: Fen::new(amount),
            expires_in_ms,
            first_answer: None,
            payment: None,
            person,
            tickets: Vec::new(),
            scans: Vec::new(),
            over: false,
            paid: false,
            wishes: Vec::new(),
        });
        Ok(index)
    }

    /// Sends the request, which is the same however often it is sent.
    pub(crate) fn ask_to_be_paid(&mut self, index: usize, again: Option<Step>) {
        let Some((new, key)) = self.request_of(index) else {
            return;
        };
        let how = match new.product == Product::MiniProgram {
            true => String::new(),
            false => format!(" ({})", new.product.as_str()),
        };
        self.hub
            .say(format_args!("merchant asks for payment {index}{how}"));
        let ask = Ask::Create(Box::new(new));
        self.ask_for(index, 0, 0, ask, Some(key), again);
    }

    fn request_of(&self, index: usize) -> Option<(NewPayment, IdempotencyKey)> {
        let sale = self.sales.get(index)?;
        let party = self.setup.parties.get(sale.party)?;
        let new = NewPayment {
            mchid: party.mchid.clone(),
            appid: Appid::parse(app_of(sale.product)).ok()?,
            product: sale.product,
            order_no: sale.order_no.clone(),
            amount: sale.first_amount,
            description: "拿铁 Latte".to_owned(),
            attach: None,
            expires_in_ms: sale.expires_in_ms,
        };
        Some((new, sale.key.clone()))
    }

    /// The merchant did not get an answer, or believes so.
    pub(super) fn create_again(&mut self) -> Result<(), Violation> {
        if let Some(index) = self.some_sale() {
            self.ask_to_be_paid(index, None);
        }
        Ok(())
    }

    /// A merchant closes one of its payments.
    pub(super) fn close_any(&mut self) -> Result<(), Violation> {
        if let Some(index) = self.some_sale() {
            self.close_sale(index, None);
        }
        Ok(())
    }

    /// Closes a payment, if it is known.
    pub(crate) fn close_sale(&mut self, index: usize, again: Option<Step>) {
        let Some(sale) = self.sales.get(index) else {
            return;
        };
        let party = self.setup.parties.get(sale.party);
        let (Some(id), Some(party)) = (sale.payment.clone(), party) else {
            self.unanswered(index, again);
            return;
        };
        let mchid = party.mchid.clone();
        self.hub
            .say(format_args!("merchant closes payment {index}"));
        self.ask(index, 0, Ask::Close(mchid, id), again);
    }

    pub(super) fn was_closed(&mut self, index: usize, reply: &Reply) {
        let told = told(reply);
        self.hub.say(format_args!(
            "merchant is told that payment {index} is {told}"
        ));
        if let Some(sale) = self.sales.get_mut(index) {
            sale.over |= is_over(reply);
        }
    }
}
