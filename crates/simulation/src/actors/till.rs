//! The till, which scans payment codes, and the people who show them: who needs a password types it soon, late, never, or when
//! the order is being taken back already.

use std::collections::BTreeSet;

use shouyin_core::id::{AuthCode, IdempotencyKey, PaymentId};
use shouyin_core::payment::Payment;
use shouyin_core::ports::ScannedCode;
use shouyin_core::product::Product;
use shouyin_core::time::{MINUTE_MS, SECOND_MS};
use wechat_simulator::{CodeStory, Command, Input};

use super::{Client, Sale, told};
use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::{Answer, Ask, Reply};
use crate::marks::Mark;
use crate::setup::USERS;
use crate::story::Step;
use crate::world::World;

/// What phones do once their code is scanned, each as often as it stands here.
const STORIES: [CodeStory; 12] = [
    CodeStory::Pays,
    CodeStory::Pays,
    CodeStory::PaysLater,
    CodeStory::PaysLater,
    CodeStory::PaysLater,
    CodeStory::Fails,
    CodeStory::Hesitates,
    CodeStory::Hesitates,
    CodeStory::PaysAtReverse,
    CodeStory::NotEnoughMoney,
    CodeStory::CardNotSupported,
    CodeStory::BankError,
];

/// How long people take for the password: soon, at the last moment, in the moment in which the order is taken back, and later.
const TAKES_MS: [i64; 8] = [
    SECOND_MS,
    4 * SECOND_MS,
    9 * SECOND_MS,
    30 * SECOND_MS,
    44 * SECOND_MS,
    45 * SECOND_MS + 500,
    47 * SECOND_MS,
    10 * MINUTE_MS,
];

/// A valid number that no phone ever showed.
const NOBODYS: &str = "134567890123456789";

/// A code that a till scanned, and what it sends with it however often it repeats itself.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    code: AuthCode,
    key: IdempotencyKey,
    /// The first answer under that key: every later one must be the same.
    answer: Option<Answer>,
}

impl Sale {
    fn is_at_the_till(&self) -> bool {
        self.product == Product::Code && self.payment.is_some()
    }
}

impl World {
    /// A till scans a phone for one of the payments: mostly a fresh code, sometimes the same request again, the same code once more,
    /// a code that was used elsewhere, one that nobody showed, or two phones at once.
    pub(super) fn scan_any(&mut self) -> Result<(), Violation> {
        let Some(sale) = self.some_sale_that(|sale| sale.is_at_the_till() && !sale.over) else {
            return Ok(());
        };
        let last = self
            .sales
            .get(sale)
            .and_then(|sale| sale.scans.len().checked_sub(1));
        let how = self.hub.lock().choice.on(Lane::Turn).upto(11);
        match (how, last) {
            (0 | 1, Some(last)) => self.charge(sale, last, None),
            (2, Some(last)) => {
                let code = self.code_of(sale, last);
                self.scan(sale, code)?;
            }
            (3, _) => {
                let elsewhere = self.some_sale_that(|sale| !sale.scans.is_empty());
                let code = elsewhere.and_then(|other| self.code_of(other, 0));
                self.scan(sale, code)?;
            }
            (4, _) => self.scan(sale, AuthCode::parse(NOBODYS).ok())?,
            (5, _) => {
                self.scan_somebody(sale)?;
                self.scan_somebody(sale)?;
            }
            _ => self.scan_somebody(sale)?,
        }
        Ok(())
    }

    fn scan_somebody(&mut self, sale: usize) -> Result<(), Violation> {
        let (person, story, takes_ms) = {
            let mut inner = self.hub.lock();
            let mut draw = inner.choice.on(Lane::Turn);
            let (person, story) = (draw.index(USERS.len()), draw.index(STORIES.len()));
            let person = if self.swarm.other_phones { person } else { 0 };
            (person, story, draw.index(TAKES_MS.len()))
        };
        let story = STORIES.get(story).copied().unwrap_or_default();
        let takes_ms = TAKES_MS.get(takes_ms).copied().unwrap_or(SECOND_MS);
        let code = self.show_code(person, story, takes_ms)?;
        self.scan(sale, code)
    }

    /// Somebody's phone shows a code.
    pub(crate) fn show_code(
        &mut self,
        person: usize,
        story: CodeStory,
        takes_ms: i64,
    ) -> Result<Option<AuthCode>, Violation> {
        let user = USERS.get(person).copied().unwrap_or("");
        let show = Command::PaymentCode {
            user: user.to_owned(),
            story,
            after_ms: Some(takes_ms),
        };
        self.shown_code = None;
        self.wechat_step(Input::Control(show))?;
        let code = self.shown_code.take();
        let code = code.and_then(|code| AuthCode::parse(code).ok());
        self.hub.say(format_args!(
            "{user} shows a payment code ({story:?}, {takes_ms} ms)"
        ));
        Ok(code)
    }

    fn code_of(&self, sale: usize, scan: usize) -> Option<AuthCode> {
        let scan = self.sales.get(sale)?.scans.get(scan)?;
        Some(scan.code.clone())
    }

    /// The till scans this code for a payment, and sends it under a key of its own.
    pub(crate) fn scan(&mut self, sale: usize, code: Option<AuthCode>) -> Result<(), Violation> {
        if let Some(scan) = self.add_scan(sale, code)? {
            self.charge(sale, scan, None);
        }
        Ok(())
    }

    pub(crate) fn add_scan(
        &mut self,
        sale: usize,
        code: Option<AuthCode>,
    ) -> Result<Option<usize>, Violation> {
        let (Some(found), Some(code)) = (self.sales.get_mut(sale), code) else {
            return Ok(None);
        };
        self.checker.code_scanned(code.as_str());
        let scan = found.scans.len();
        let key = IdempotencyKey::parse(format!("scan-{sale}-{scan}"))
            .map_err(|error| Violation::new("WORLD", error.to_string()))?;
        found.scans.push(Scan {
            code,
            key,
            answer: None,
        });
        Ok(Some(scan))
    }

    /// Sends what was scanned, as often as anybody likes.
    pub(crate) fn charge(&mut self, sale: usize, scan: usize, again: Option<Step>) {
        let found = self.sales.get(sale).and_then(|sale| {
            let party = self.setup.parties.get(sale.party)?;
            let scan = sale.scans.get(scan)?;
            let code = ScannedCode {
                auth_code: scan.code.clone(),
                store_id: None,
            };
            let ask = Ask::Charge(party.mchid.clone(), sale.payment.clone()?, code);
            Some((ask, scan.key.clone()))
        });
        let Some((ask, key)) = found else {
            self.unanswered(sale, again);
            return;
        };
        self.hub
            .say(format_args!("till sends code {scan} for payment {sale}"));
        self.ask_for(sale, 0, scan, ask, Some(key), again);
    }

    /// What the till is told. S9: the same key and body, the same answer. S2: whoever is told "paid" hands over the goods.
    pub(super) fn charged(&mut self, client: &Client, reply: Reply) -> Result<(), Violation> {
        let (index, scan) = (client.sale, client.wish);
        let state = told(&reply).to_owned();
        self.hub.say(format_args!(
            "till is told of code {scan} for payment {index}: {state}"
        ));
        let (is_paid, is_over) = match &*state {
            "paid" => (true, true),
            "payment_closed" | "too_many_attempts" => (false, true),
            "code_refused" => {
                self.hub.mark(Mark::CodeRefused);
                (false, false)
            }
            "paying" => {
                self.hub.mark(Mark::CodePaying);
                (false, false)
            }
            _ => {
                let detail = format!("payment {index}: a charge was answered {reply:?}");
                return Err(Violation::new("BUG", detail));
            }
        };
        if is_paid && !self.has_money(index) {
            let detail = format!("the till was told that payment {index} is paid");
            return Err(Violation::new("S2", detail));
        }
        let Some(sale) = self.sales.get_mut(index) else {
            return Ok(());
        };
        sale.paid |= is_paid;
        sale.over |= is_over;
        let Some(scan) = sale.scans.get_mut(scan) else {
            return Ok(());
        };
        if let Ok(answer) = reply {
            match &scan.answer {
                Some(first) if *first != answer => {
                    let detail = format!(
                        "payment {index}: the same code under the same key was answered {first:?}, then {answer:?}"
                    );
                    return Err(Violation::new("S9", detail));
                }
                Some(_) => {}
                None => scan.answer = Some(answer),
            }
        }
        if let Some(Step::Scan(what, takes_ms)) = client.again {
            self.till_waits(what, takes_ms, index);
        }
        Ok(())
    }

    /// WeChat has money for this payment.
    fn has_money(&self, index: usize) -> bool {
        let payment = self.sales.get(index).and_then(|sale| sale.payment.as_ref());
        let payment = payment.and_then(|id| self.checker.last_seen(id));
        payment.is_some_and(|payment| {
            payment.attempts.iter().any(|attempt| {
                let number = attempt.out_trade_no.as_str();
                let order = self.setup.wechat.order(payment.mchid.as_str(), number);
                order.is_some_and(|order| order.payment().is_some())
            })
        })
    }

    /// Somebody whom WeChat asks for the password types it, or refuses to.
    pub(super) fn type_any_password(&mut self) -> Result<(), Violation> {
        let asked: BTreeSet<PaymentId> = self
            .checker
            .payments()
            .filter(|payment| self.is_asked_for_a_password(payment))
            .map(|payment| payment.id.clone())
            .collect();
        let waits = |sale: &Sale| sale.payment.as_ref().is_some_and(|id| asked.contains(id));
        let Some(sale) = self.some_sale_that(waits) else {
            return Ok(());
        };
        let pays = self.hub.lock().choice.on(Lane::Turn).upto(2) > 0;
        self.type_password(sale, pays)
    }

    fn is_asked_for_a_password(&self, payment: &Payment) -> bool {
        let mut attempts = payment.attempts.iter();
        payment.product == Product::Code
            && attempts.any(|attempt| {
                let number = attempt.out_trade_no.as_str();
                let order = self.setup.wechat.order(payment.mchid.as_str(), number);
                order.is_some_and(|order| order.trade_state() == "USERPAYING")
            })
    }

    fn type_password(&mut self, sale: usize, pays: bool) -> Result<(), Violation> {
        let scans = self.sales.get(sale).map_or(&[][..], |sale| &sale.scans);
        let codes: Vec<String> = scans
            .iter()
            .rev()
            .map(|scan| scan.code.as_str().to_owned())
            .filter(|code| code != NOBODYS)
            .collect();
        for auth_code in codes {
            self.refused = false;
            self.wechat_step(Input::Control(Command::DecideCode { auth_code, pays }))?;
            // Of several codes WeChat asks for one password at a time.
            if !self.refused {
                let what = if pays {
                    "types the password"
                } else {
                    "refuses to pay"
                };
                self.hub.say(format_args!(
                    "whoever showed a code for payment {sale} {what}"
                ));
                break;
            }
        }
        self.check_payment_at_wechat(sale)
    }

    /// WeChat has perhaps changed an order of this payment by itself.
    fn check_payment_at_wechat(&self, sale: usize) -> Result<(), Violation> {
        let payment = self.sales.get(sale).and_then(|sale| sale.payment.as_ref());
        let payment = payment.and_then(|id| self.checker.last_seen(id));
        let attempts = payment.map_or(&[][..], |payment| &payment.attempts);
        for attempt in attempts {
            self.check_order_at_wechat(attempt.out_trade_no.as_str())?;
        }
        Ok(())
    }
}
