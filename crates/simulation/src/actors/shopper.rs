//! Shoppers and their phones; and the merchant's backend, which gets the means to pay for screens, apps and browsers.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use shouyin_core::id::Mchid;
use shouyin_core::payment::service::Means;
use shouyin_core::product::{H5Kind, H5Scene, Product};
use wechat_simulator::{
    BuyerAction, CashierAction, FollowLink, Input, OpenCashier, OpenFromApp, PhoneAction,
    PhoneAnswer,
};

use super::{shown, told};
use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::{Answer, Ask, Phone, Reply};
use crate::marks::Mark;
use crate::setup::{USERS, app_of};
use crate::story::Step;
use crate::world::World;

impl World {
    /// A shopper taps "pay": the right one, sometimes twice at once or on two devices, sometimes somebody else.
    pub(super) fn tap_any(&mut self) -> Result<(), Violation> {
        let can_tap = |sale: &crate::actors::Sale| {
            sale.payment.is_some() && !sale.over && sale.product != Product::Code
        };
        let Some(index) = self.some_sale_that(can_tap) else {
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
        let found = self.sales.get(index).and_then(|sale| {
            let phone = self.phone(person, sale.product);
            Some((sale.payment.clone()?, sale.product, phone?))
        });
        let Some((id, product, phone)) = found else {
            self.unanswered(index, again);
            return;
        };
        let name = USERS.get(person).copied().unwrap_or("");
        self.hub
            .say(format_args!("{name} taps pay for payment {index}"));
        let ask = match product {
            Product::MiniProgram | Product::Jsapi => Ask::Pay(id, phone),
            // The tap reaches the merchant's backend, or a screen is to show something.
            Product::Native | Product::App | Product::H5 | Product::Code => {
                let Some(mchid) = self.mchid_of(index) else {
                    return;
                };
                let scene = (product == Product::H5).then(|| self.drawn_scene(person));
                Ask::Means(mchid, id, scene)
            }
        };
        self.ask(index, person, ask, again);
    }

    /// Somebody's phone, logged in where this product is paid.
    fn phone(&self, person: usize, product: Product) -> Option<Phone> {
        let person = self.setup.people.get(person)?;
        let (appid, openid) = person.known_in(app_of(product))?;
        Some(Phone { appid, openid })
    }

    fn mchid_of(&self, sale: usize) -> Option<Mchid> {
        let party = self.sales.get(sale)?.party;
        Some(self.setup.parties.get(party)?.mchid.clone())
    }

    /// Where somebody's browser is: at home, or now and then in another network.
    fn drawn_scene(&mut self, person: usize) -> H5Scene {
        let is_away = self.hub.lock().choice.on(Lane::Turn).upto(7) == 7;
        let host = u8::try_from(person).unwrap_or(0);
        let payer_ip = match is_away {
            false => Ipv4Addr::new(203, 0, 113, host),
            true => Ipv4Addr::new(198, 51, 100, host),
        };
        H5Scene {
            payer_ip: IpAddr::V4(payer_ip),
            kind: H5Kind::Wap,
        }
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
        let told = shown(&ticket);
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
        let person = self.whose_phone(index, which);
        let action = match how {
            0 => BuyerAction::Cancel,
            1 => BuyerAction::WrongPassword,
            2 => BuyerAction::PayAndVanish,
            _ => BuyerAction::Pay,
        };
        self.use_cashier(index, which, person, action)
    }

    /// Who opens the cashier: whose phone got the ticket; or whoever comes by the screen or has the link.
    fn whose_phone(&mut self, index: usize, which: usize) -> usize {
        let sale = self.sales.get(index);
        let Some((person, means)) = sale.and_then(|sale| sale.tickets.get(which)) else {
            return 0;
        };
        match means {
            Means::RequestPayment(_) | Means::App(_) => *person,
            Means::CodeUrl(_) | Means::H5Url(_) if self.swarm.other_phones => {
                self.hub.lock().choice.on(Lane::Turn).index(USERS.len())
            }
            Means::CodeUrl(_) | Means::H5Url(_) => 0,
        }
    }

    /// Opens the cashier with one of the tickets and acts there.
    pub(crate) fn use_cashier(
        &mut self,
        index: usize,
        which: usize,
        person: usize,
        action: BuyerAction,
    ) -> Result<(), Violation> {
        let found = self.sales.get(index).and_then(|sale| {
            let (_, means) = sale.tickets.get(which)?;
            Some((sale.product, means))
        });
        let Some((product, means)) = found else {
            return Ok(());
        };
        let user = USERS.get(person).copied().unwrap_or("").to_owned();
        let open = open(&user, product, means);
        self.phone_answer = None;
        self.wechat_step(Input::Phone(open))?;
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
                return if is_our_fault(&refusal.reason) {
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
            let phone = self.phone(sale.person, sale.product)?;
            Some((sale.payment.clone()?, sale.product, phone, sale.person))
        });
        let Some((id, product, phone, person)) = found else {
            self.unanswered(index, again);
            return;
        };
        self.hub
            .say(format_args!("phone asks whether payment {index} is paid"));
        let ask = match (product, self.mchid_of(index)) {
            // Nobody has a session here: the question goes to the merchant's backend, or comes from its till.
            (Product::App | Product::H5 | Product::Code, Some(mchid)) => Ask::Sync(mchid, id),
            _ => Ask::Confirm(id, phone),
        };
        self.ask(index, person, ask, again);
    }

    pub(super) fn confirmed(&mut self, index: usize, reply: &Reply) {
        let told = told(reply);
        self.hub
            .say(format_args!("phone is told that payment {index} is {told}"));
        if let Some(sale) = self.sales.get_mut(index) {
            sale.over |= is_over(reply);
            // At a till nobody else sees that it is paid.
            sale.paid |= sale.product == Product::Code && told == "paid";
        }
    }
}

/// Whether nothing will happen any more to a payment of which this was told.
pub(super) fn is_over(reply: &Reply) -> bool {
    matches!(reply, Ok(Answer::State(state)) if state == "paid" || state == "closed")
}

/// What WeChat says when the parameters are not what it wants, or of another app or product.
fn is_our_fault(reason: &str) -> bool {
    let dialogs = [
        "支付验证签名失败",
        "支付场景非法",
        "商户号与应用不匹配",
        "缺少参数 appId",
    ];
    dialogs.iter().any(|dialog| reason.starts_with(dialog))
}

/// The way into the cashier.
fn open(user: &str, product: Product, means: &Means) -> PhoneAction {
    let user = user.to_owned();
    match means {
        Means::RequestPayment(ticket) => PhoneAction::Open(OpenCashier {
            // A page names its app itself; a mini program is one.
            appid: match product == Product::Jsapi {
                true => ticket.app_id.clone().unwrap_or_default(),
                false => app_of(product).to_owned(),
            },
            user,
            time_stamp: Value::from(ticket.time_stamp.as_str()),
            nonce_str: ticket.nonce_str.clone(),
            package: ticket.package.clone(),
            sign_type: ticket.sign_type.clone(),
            pay_sign: ticket.pay_sign.clone(),
        }),
        Means::App(ticket) => PhoneAction::OpenFromApp(OpenFromApp {
            user,
            appid: ticket.appid.clone(),
            partnerid: ticket.partnerid.clone(),
            prepayid: ticket.prepayid.clone(),
            package: ticket.package.clone(),
            noncestr: ticket.noncestr.clone(),
            timestamp: ticket.timestamp.clone(),
            sign: ticket.sign.clone(),
        }),
        Means::CodeUrl(url) => PhoneAction::Follow(FollowLink {
            url: url.as_str().to_owned(),
            user,
        }),
        Means::H5Url(url) => PhoneAction::Follow(FollowLink {
            url: url.as_str().to_owned(),
            user,
        }),
    }
}
