//! Everybody who acts on the world: merchants, shoppers, the attacker, the operator and the reaper.

mod attacker;
mod bills;
mod console;
mod merchant;
mod operator;
mod refund;
mod shopper;
mod till;
mod webhook;

use fen::Fen;
use shouyin_core::id::{IdempotencyKey, OrderNo, PaymentId};
use shouyin_core::payment::service::Means;
use shouyin_core::product::Product;

use self::refund::Wish;
pub(crate) use self::till::Scan;
use crate::check::Violation;
use crate::choice::{Fault, Lane};
use crate::doors::{Answer, Ask, Problem, Reply};
use crate::hub::Boot;
use crate::story::Step;
use crate::work::{self, CallId};
use crate::world::{Event, World};

/// People deal with the last few sales; older ones are left to the worker.
const RECENT: usize = 6;

/// What somebody can decide to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// A merchant asks to be paid.
    Create,
    /// A merchant repeats an earlier request, or uses its idempotency key for another one.
    CreateAgain,
    /// A shopper taps "pay".
    Tap,
    /// A shopper does something at the cashier.
    AtTheCashier,
    /// A phone asks whether it is paid.
    Confirm,
    /// A merchant closes a payment.
    Close,
    /// An attacker, or WeChat's own test, sends a notification that must be refused.
    Forge,
    /// Somebody sends an old notification again.
    Replay,
    /// The reaper kills a server.
    Crash,
    /// Time passes: ten seconds to a day.
    Jump,
    /// WeChat signs with a new key; the operator configures it sooner or later.
    RotateKey,
    /// The operator sets a server's clock.
    StepClock,
    /// A merchant asks for money to go back: something new, something asked before, or two things at once.
    Refund,
    /// A merchant changes what it asks for.
    Revise,
    /// A merchant asks how a refund stands.
    SyncRefund,
    /// Somebody makes a refund in WeChat's console.
    RefundByHand,
    /// A merchant wants an abnormal refund paid out in another way.
    Remedy,
    /// A merchant's balance at WeChat is low, or is topped up.
    SetBalance,
    /// A merchant adds, changes, disables or deletes a webhook endpoint, or gives it a new secret.
    ChangeEndpoint,
    /// A merchant wants events sent again.
    Resend,
    /// A merchant's receiver is gone for a while, perhaps for days.
    LoseReceiver,
    /// The operator moves a merchant from the older protocol to APIv3, or back.
    Move,
    /// Something will be wrong in one of WeChat's bills.
    SpoilBill,
    /// A till scans the code on somebody's phone.
    Scan,
    /// Somebody whose code was scanned types the password, or refuses to.
    TypePassword,
}

impl Action {
    /// All of them, in the order of their weights.
    pub const ALL: [Action; 25] = [
        Action::Create,
        Action::CreateAgain,
        Action::Tap,
        Action::AtTheCashier,
        Action::Confirm,
        Action::Close,
        Action::Forge,
        Action::Replay,
        Action::Crash,
        Action::Jump,
        Action::RotateKey,
        Action::StepClock,
        Action::Refund,
        Action::Revise,
        Action::SyncRefund,
        Action::RefundByHand,
        Action::Remedy,
        Action::SetBalance,
        Action::ChangeEndpoint,
        Action::Resend,
        Action::LoseReceiver,
        Action::Move,
        Action::SpoilBill,
        Action::Scan,
        Action::TypePassword,
    ];
}

/// What a merchant wants to sell, as the merchant and the shoppers know it.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    /// Which merchant.
    pub(crate) party: usize,
    /// How it is paid.
    pub(crate) product: Product,
    pub(crate) order_no: OrderNo,
    pub(crate) key: IdempotencyKey,
    /// What was asked for in the first request, and is in every repetition of it.
    pub(crate) first_amount: Fen,
    /// What is asked for now.
    pub(crate) amount: Fen,
    pub(crate) expires_in_ms: i64,
    /// The answer to the first request that was answered: every later one must be the same.
    pub(crate) first_answer: Option<String>,
    pub(crate) payment: Option<PaymentId>,
    /// Who is to pay.
    pub(crate) person: usize,
    /// What phones, screens, apps and browsers got to pay with, and whose phone it is if that matters.
    pub(crate) tickets: Vec<(usize, Means)>,
    /// The payment codes that a till scanned for it, oldest first.
    pub(crate) scans: Vec<Scan>,
    /// A phone or the merchant was told that this is over.
    pub(crate) over: bool,
    /// A buyer has paid at the cashier.
    pub(crate) paid: bool,
    /// What the merchant wanted back, by its own numbers.
    pub(crate) wishes: Vec<Wish>,
}

/// A client that waits for an answer.
#[derive(Debug)]
pub(crate) struct Client {
    boot: Boot,
    sale: usize,
    person: usize,
    /// Which of the sale's wishes it asked for.
    wish: usize,
    what: Asked,
    /// It came under a key that it always comes under.
    repeats_key: bool,
    /// What to do again when there is no answer.
    again: Option<Step>,
}

/// What a client asked for, as far as it matters for what it makes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Create,
    Pay,
    Charge,
    Confirm,
    Close,
    Revise,
    Refund,
    AboutRefund,
    Endpoint,
    Other,
}

impl Asked {
    fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Create(_) => Self::Create,
            Ask::Pay(..) | Ask::Means(..) => Self::Pay,
            Ask::Charge(..) => Self::Charge,
            Ask::Confirm(..) | Ask::Sync(..) => Self::Confirm,
            Ask::Close(..) => Self::Close,
            Ask::Revise(..) => Self::Revise,
            Ask::Refund(_) => Self::Refund,
            Ask::SyncRefund(..) | Ask::Remedy(..) => Self::AboutRefund,
            Ask::ChangeEndpoint(..) => Self::Endpoint,
            Ask::AddEndpoint(_)
            | Ask::DeleteEndpoint(..)
            | Ask::RotateSecret(..)
            | Ask::Resend(..)
            | Ask::ResendRange(..) => Self::Other,
        }
    }
}

impl World {
    /// Takes one action, chosen by its weight.
    pub(crate) fn act(&mut self) -> Result<(), Violation> {
        let weights = self.swarm.actions;
        let total: u32 = weights.iter().sum();
        let mut left = {
            let mut inner = self.hub.lock();
            inner.choice.next_turn();
            inner.choice.on(Lane::World).upto(total.saturating_sub(1))
        };
        for (weight, action) in weights.iter().zip(Action::ALL) {
            if left < *weight {
                // Whoever is left out of this run had their turn and did nothing.
                if self.swarm.does(action) {
                    self.take(action)?;
                }
                return self.pump();
            }
            left -= *weight;
        }
        Ok(())
    }

    fn take(&mut self, action: Action) -> Result<(), Violation> {
        match action {
            Action::Create => self.create(),
            Action::CreateAgain => self.create_again(),
            Action::Tap => self.tap_any(),
            Action::AtTheCashier => self.at_the_cashier(),
            Action::Confirm => self.confirm_any(),
            Action::Close => self.close_any(),
            Action::Forge => self.forge(),
            Action::Replay => {
                self.replay();
                Ok(())
            }
            Action::Crash => {
                self.reap();
                Ok(())
            }
            Action::Jump => self.jump(),
            Action::RotateKey => self.rotate_key(),
            Action::Move => {
                self.move_any();
                Ok(())
            }
            Action::Scan => self.scan_any(),
            Action::TypePassword => self.type_any_password(),
            Action::StepClock => {
                self.step_clock();
                Ok(())
            }
            Action::Refund => self.refund_any(),
            Action::Revise => {
                self.revise_any();
                Ok(())
            }
            Action::SyncRefund => {
                self.sync_any_refund();
                Ok(())
            }
            Action::RefundByHand => self.refund_any_by_hand(),
            Action::Remedy => {
                self.remedy_any();
                Ok(())
            }
            Action::SetBalance => self.set_any_balance(),
            Action::SpoilBill => self.spoil_any_bill(),
            Action::ChangeEndpoint => self.change_any_endpoint(),
            Action::Resend => {
                self.resend_any();
                Ok(())
            }
            Action::LoseReceiver => {
                self.lose_any_receiver();
                Ok(())
            }
        }
    }

    /// One of the last few sales, whatever its state.
    pub(crate) fn some_sale(&mut self) -> Option<usize> {
        self.some_sale_that(|_| true)
    }

    /// One of the last few sales of which this is true, rather a new one.
    pub(crate) fn some_sale_that(&mut self, is_wanted: impl Fn(&Sale) -> bool) -> Option<usize> {
        let wanted: Vec<usize> = self
            .sales
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, sale)| is_wanted(sale))
            .take(RECENT)
            .map(|(index, _)| index)
            .collect();
        let index = self.hub.lock().choice.on(Lane::Turn).index(wanted.len());
        wanted.get(index).copied()
    }

    /// Sends a client's call to a server that is up, under a fresh idempotency key. Without a server the client sees no answer.
    pub(crate) fn ask(&mut self, sale: usize, person: usize, ask: Ask, again: Option<Step>) {
        self.ask_for(sale, person, 0, ask, None, again);
    }

    /// The same for one of the sale's wishes, and under a key that was perhaps used before.
    pub(crate) fn ask_for(
        &mut self,
        sale: usize,
        person: usize,
        wish: usize,
        ask: Ask,
        key: Option<IdempotencyKey>,
        again: Option<Step>,
    ) {
        let Some(server) = self.some_server() else {
            self.unanswered(sale, again);
            return;
        };
        let Some((boot, door)) = self.door_of(server) else {
            return;
        };
        self.last_call += 1;
        let call = self.last_call;
        let repeats_key = key.is_some();
        let Some(key) = key.or_else(|| IdempotencyKey::parse(format!("call-{call}")).ok()) else {
            return;
        };
        let client = Client {
            boot,
            sale,
            person,
            wish,
            what: Asked::of(&ask),
            repeats_key,
            again,
        };
        self.clients.insert(call, client);
        let work = work::serve(door, call, ask, key);
        self.spawn(boot, work);
    }

    /// No answer came, or none that helps: a client in a story tries again.
    pub(crate) fn unanswered(&mut self, sale: usize, again: Option<Step>) {
        if let Some(step) = again {
            self.hub.schedule(1_000, Event::Step { step, sale });
        }
    }

    /// The server that a client was talking to has died.
    pub(crate) fn hang_up(&mut self, boot: Boot) {
        let dead: Vec<CallId> = self
            .clients
            .iter()
            .filter(|(_, client)| client.boot == boot)
            .map(|(call, _)| *call)
            .collect();
        for call in dead {
            if let Some(client) = self.clients.remove(&call) {
                self.unanswered(client.sale, client.again);
            }
        }
    }

    /// A server answers a client.
    pub(crate) fn replied(&mut self, call: CallId, reply: Reply) -> Result<(), Violation> {
        let Some(client) = self.clients.remove(&call) else {
            return Ok(());
        };
        let (sale, person) = (client.sale, client.person);
        if self.hub.lock().choice.happens(Fault::ClientAnswerLost) {
            self.hub
                .say(format_args!("answer to a client of payment {sale} lost"));
            self.unanswered(sale, client.again);
            return Ok(());
        }
        if let Err(problem) = &reply {
            if problem.is_a_bug() {
                let detail = format!("{}: {}", problem.code, problem.detail);
                return Err(Violation::new("BUG", detail));
            }
            if problem.is_passing() {
                let code = &problem.code;
                self.hub
                    .say(format_args!("payment {sale}: server error: {code}"));
                self.unanswered(sale, client.again);
                return Ok(());
            }
        }
        match client.what {
            Asked::Create => self.created(sale, reply),
            Asked::Pay => {
                self.tapped(sale, person, reply, client.again);
                Ok(())
            }
            Asked::Charge => self.charged(&client, reply),
            Asked::Confirm => {
                self.confirmed(sale, &reply);
                Ok(())
            }
            Asked::Close => {
                self.was_closed(sale, &reply);
                Ok(())
            }
            Asked::Revise => {
                self.was_revised(sale, &reply);
                Ok(())
            }
            Asked::Refund => self.refunded(&client, reply),
            Asked::AboutRefund => {
                let told = told(&reply);
                self.hub
                    .say(format_args!("merchant is told that the refund is {told}"));
                Ok(())
            }
            Asked::Endpoint => {
                let told = told(&reply);
                self.hub
                    .say(format_args!("merchant is told that the endpoint is {told}"));
                Ok(())
            }
            Asked::Other => match reply {
                Ok(Answer::Endpoint { id, url, secret }) => self.endpoint_added(&id, &url, &secret),
                reply => {
                    let told = told(&reply);
                    self.hub.say(format_args!("merchant is told: {told}"));
                    Ok(())
                }
            },
        }
    }

    /// S9: the same key and body, the same answer, for ever.
    fn created(&mut self, index: usize, reply: Reply) -> Result<(), Violation> {
        let body = match reply {
            Ok(Answer::Created(body)) => body,
            other => {
                let detail = format!("payment {index}: a repeated request was answered {other:?}");
                return Err(Violation::new("S9", detail));
            }
        };
        let Some(sale) = self.sales.get_mut(index) else {
            return Ok(());
        };
        if let Some(first) = &sale.first_answer {
            if *first != body {
                let detail = format!("payment {index}: first answered {first}, then {body}");
                return Err(Violation::new("S9", detail));
            }
            return Ok(());
        }
        let view: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let id = view["id"].as_str().and_then(|id| PaymentId::parse(id).ok());
        self.hub.say(format_args!("payment {index} is created"));
        sale.payment = id;
        sale.first_answer = Some(body);
        Ok(())
    }
}

/// The part of the means to pay that tells one from another.
fn shown(means: &Means) -> &str {
    match means {
        Means::RequestPayment(ticket) => &ticket.package,
        Means::App(ticket) => &ticket.prepayid,
        Means::CodeUrl(url) => url.as_str(),
        Means::H5Url(url) => url.as_str(),
    }
}

/// What a client makes of an answer: a state, or the code of a problem.
fn told(reply: &Reply) -> &str {
    match reply {
        Ok(Answer::State(state) | Answer::Refund { state, .. }) => state,
        Ok(Answer::Ticket(means)) => shown(means),
        Ok(Answer::Created(_)) => "created",
        Ok(Answer::Endpoint { url, .. }) => url,
        Ok(Answer::Done) => "done",
        Err(Problem { code, .. }) => code,
    }
}
