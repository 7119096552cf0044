//! Between the servers and WeChat: every message gets its fate here.

use shouyin_core::id::Mchid;
use wechat_simulator::{CommandAnswer, CommandError, Dispatch, Input, Output, WireRequest};
use wechatpay::v3::{RawResponse, SignedRequest, TransportError};

use crate::check::{CallName, Violation, What};
use crate::choice::{Fault, Lane};
use crate::hub::{Answer, Boot, Outgoing, Parcel, Ticket};
use crate::marks::Mark;
use crate::silence::Actor;
use crate::speaks::{is_v2, member};
use crate::tamper;
use crate::world::{Event, World};

/// How long a server waits for WeChat's answer, milliseconds.
const GIVE_UP_MS: i64 = 10_000;
/// How late a late answer is at least, milliseconds.
const LEAST_LATE_MS: i64 = 1_000;
/// How much later than that it is at most, milliseconds: beyond the patience of its receiver.
const LATE_ANSWER_MS: u32 = 20_000;
/// How much later than its sender's patience a late request arrives at most, milliseconds. What TCP still delivers
/// after the sender has closed.
const LATE_REQUEST_MS: u32 = 60_000;
/// How late a late notification is at most, milliseconds: more than the five minutes its signature is good for.
const LATE_NOTIFICATION_MS: u32 = 420_000;

/// A request as WeChat sees it.
pub(crate) fn wire(request: &SignedRequest) -> WireRequest {
    WireRequest {
        method: request.method.as_str().to_owned(),
        target: request.target.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        connection: wechat_simulator::Connection::Plain,
    }
}

/// Where a notification comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From WeChat, as sent.
    Genuine,
    /// An old genuine one, sent again by somebody else.
    Replayed,
    /// Right order, right amount, wrong signature.
    Forged,
    /// A refund's, in the older protocol, which encrypts and does not sign: put together from blocks of genuine ones.
    Spliced,
    /// A genuine one of another merchant.
    Foreign,
    /// Signed ten minutes ago.
    Stale,
    /// WeChat's own test of our signature check.
    Probe,
}

impl Origin {
    /// What must never have an effect on a payment.
    pub(crate) fn is_hostile(self) -> bool {
        match self {
            Origin::Genuine | Origin::Replayed => false,
            Origin::Forged | Origin::Spliced | Origin::Foreign | Origin::Stale | Origin::Probe => {
                true
            }
        }
    }

    /// What must be refused. A spliced one cannot be told from a genuine one: it may be taken, and must have no effect.
    pub(crate) fn must_be_refused(self) -> bool {
        self.is_hostile() && self != Origin::Spliced
    }
}

/// A notification on its way to a server.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) origin: Origin,
    /// WeChat's delivery and attempt, if WeChat waits for an answer.
    pub(crate) delivery: Option<(u64, u32)>,
    /// The merchant whose address it was sent to.
    pub(crate) mchid: Mchid,
    /// The refund it is about, by its number, if it is about one.
    pub(crate) refund: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl World {
    pub(crate) fn way_ms(&mut self) -> i64 {
        let longest = self.swarm.network_ms;
        // A way of nothing would put cause and effect into one instant.
        1 + self.hub.lock().choice.on(Lane::Ways).duration_ms(longest)
    }

    pub(crate) fn drawn_ms(&mut self, longest_ms: u32) -> i64 {
        self.hub
            .lock()
            .choice
            .on(Lane::Ways)
            .duration_ms(longest_ms)
    }

    /// Something leaves a server.
    pub(crate) fn depart(&mut self, outgoing: Outgoing) -> Result<(), Violation> {
        let Outgoing {
            ticket,
            boot,
            parcel,
        } = outgoing;
        match parcel {
            Parcel::Request(request) => self.send_request(ticket, boot, request),
            Parcel::Webhook(message) => self.post_webhook(ticket, boot, message),
        }
    }

    fn send_request(
        &mut self,
        ticket: Ticket,
        boot: Boot,
        request: SignedRequest,
    ) -> Result<(), Violation> {
        let now_ms = self.hub.now_ms();
        let wechat = &self.setup.wechat;
        let call = self.checker.sent(&self.rows, wechat, &request, now_ms)?;
        self.hub.schedule(GIVE_UP_MS, Event::GiveUp(ticket));
        if !self.swarm.queries && call.is_question() {
            self.hub.say(format_args!(
                "server {boot} {call}: WeChat's queries are down"
            ));
            return Ok(());
        }
        let told = self
            .mishaps
            .iter()
            .position(|(what, _)| *what == call.what().as_str());
        let fault = match told.map(|index| self.mishaps.remove(index)) {
            Some((_, fault)) => Some(fault),
            None => self.hub.lock().choice.pick(&Fault::OF_A_CALL),
        };
        let fault = fault.or_else(|| self.drawn_lie(&call));
        let way = self.way_ms();
        match fault {
            None => self.hub.say(format_args!("server {boot} {call}")),
            Some(fault) => self
                .hub
                .say(format_args!("server {boot} {call}: {fault:?}")),
        }
        let arrives = match fault {
            Some(Fault::NotSent) => {
                let refused = Err(TransportError::NotSent("simulated".to_owned()));
                self.hub
                    .schedule(way, Event::Answer(ticket, Box::new(refused)));
                return Ok(());
            }
            Some(Fault::RequestLost) => return Ok(()),
            Some(Fault::RequestLate) => {
                self.hub.mark(Mark::LateRequest);
                GIVE_UP_MS + self.drawn_ms(LATE_REQUEST_MS)
            }
            _ => way,
        };
        let event = Event::Request {
            ticket,
            request: Box::new((request, call)),
            fault,
        };
        self.hub.schedule(arrives, event);
        Ok(())
    }

    /// A request arrives at WeChat.
    pub(crate) fn arrive(
        &mut self,
        ticket: Ticket,
        request: &SignedRequest,
        call: &CallName,
        fault: Option<Fault>,
    ) -> Result<(), Violation> {
        let way = self.way_ms();
        let instead = match fault {
            Some(Fault::ServerErrorBefore) => Some(tamper::server_error()),
            Some(Fault::RateLimited) => Some(tamper::rate_limited(is_v2(request))),
            Some(Fault::WechatLies) => self.lie(call),
            _ => None,
        };
        if let Some(response) = instead {
            self.give_answer(way, ticket, response);
            return Ok(());
        }
        if call.what() == What::Refund {
            self.draw_fate_of_refund(&call.order)?;
        }
        let before = self.refund_is_there(call);
        let response = self.wechat_step(Input::Request(wire(request)))?;
        if let Some(response) = response {
            self.hub
                .say(format_args!("WeChat answers {}", response.status));
            if self.hub.lock().trace.keeps_lines() {
                let what = tamper::describe(&response);
                self.hub.lock().trace.remark(&what);
            }
            if call.what() == What::Reverse && tamper::describe(&response) == "USERPAYING" {
                self.hub.mark(Mark::CodeRecall);
            }
            if call.what() == What::Refund {
                let code = member(&response.body, "err_code").unwrap_or_default();
                if before && response.status == 200 && code.is_empty() {
                    self.hub.mark(Mark::RefundTakenTwice);
                }
                if response.status == 403 || code == "NOTENOUGH" {
                    self.hub.mark(Mark::RefundNotEnough);
                }
            }
            self.answer_travels(ticket, response, fault, way, call);
        }
        if call.is_question() || call.is_of_bills() {
            return Ok(());
        }
        self.check_order_at_wechat(&call.order)
    }

    fn refund_is_there(&self, call: &CallName) -> bool {
        call.what() == What::Refund
            && self
                .setup
                .wechat
                .refunds()
                .any(|refund| refund.out_refund_no == call.number())
    }

    fn answer_travels(
        &mut self,
        ticket: Ticket,
        response: RawResponse,
        fault: Option<Fault>,
        way: i64,
        call: &CallName,
    ) {
        let (response, way) = match fault {
            Some(Fault::AnswerLost) => {
                if call.what() == What::Refund {
                    self.hub.mark(Mark::RefundAnswerLost);
                }
                return;
            }
            Some(Fault::AnswerLate) => {
                let late = LEAST_LATE_MS + self.drawn_ms(LATE_ANSWER_MS);
                (response, way + late)
            }
            Some(Fault::ServerErrorAfter) => (tamper::server_error(), way),
            Some(Fault::Truncated) => (tamper::truncated(response), way),
            Some(Fault::Altered) if call.is_of_bills() => {
                let place = self
                    .hub
                    .lock()
                    .choice
                    .on(Lane::Of(Actor::Attacker))
                    .upto(255);
                (tamper::garbled(response, place), way)
            }
            Some(Fault::WrongSignature) => (tamper::wrong_signature(response), way),
            Some(Fault::Altered) => {
                let how = self.hub.lock().choice.on(Lane::Of(Actor::Attacker)).upto(3);
                let mut orders = self.setup.wechat.orders();
                let order = orders.find(|order| order.out_trade_no == call.order);
                (tamper::altered(response, how, call.what(), order), way)
            }
            _ => (response, way),
        };
        self.give_answer(way, ticket, response);
    }

    fn give_answer(&self, after_ms: i64, ticket: Ticket, response: RawResponse) {
        let event = Event::Answer(ticket, Box::new(Ok(response)));
        self.hub.schedule(after_ms, event);
    }

    /// WeChat's answer, or its absence, reaches a server. False if nobody waits for it any more.
    pub(crate) fn answered(
        &mut self,
        ticket: Ticket,
        response: Result<RawResponse, TransportError>,
    ) -> bool {
        let process = self.hub.answer(ticket, Answer::Response(response));
        self.ready.extend(process);
        process.is_some()
    }

    /// Lets WeChat take one step and sends whatever it sends by itself. Gives the answer to a request.
    pub(crate) fn wechat_step(&mut self, input: Input) -> Result<Option<RawResponse>, Violation> {
        let now = self.hub.now_ms();
        let outputs = self.setup.wechat.step(now, input);
        let mut answer = None;
        for output in outputs {
            match output {
                Output::Answer { response, .. } => answer = Some(response),
                Output::NoAnswer { .. } => {}
                Output::SendNotification(dispatch) => self.send_notification(dispatch),
                Output::Phone(result) => self.phone_answer = Some(result),
                Output::Control(Ok(CommandAnswer::PaymentCode(code))) => {
                    self.shown_code = Some(code);
                }
                Output::Control(Ok(_)) => {}
                Output::Control(Err(CommandError::Refused(_))) => self.refused = true,
                Output::Control(Err(error)) => {
                    return Err(Violation::new(
                        "WORLD",
                        format!("a switch did not exist: {error}"),
                    ));
                }
            }
        }
        Ok(answer)
    }

    fn send_notification(&mut self, dispatch: Dispatch) {
        let Some(mchid) = self.addressee(&dispatch.url) else {
            self.hub
                .say(format_args!("notification for an address that is not ours"));
            return;
        };
        let letter = Letter {
            origin: std::mem::replace(&mut self.next_origin, Origin::Genuine),
            delivery: Some((dispatch.delivery, dispatch.attempt)),
            mchid,
            refund: self.refund_of(dispatch.delivery),
            headers: dispatch.headers,
            body: dispatch.body,
        };
        let (delivery, attempt) = (dispatch.delivery, dispatch.attempt);
        if letter.origin == Origin::Genuine {
            self.overheard(&letter);
            if !self.swarm.notifications {
                self.hub.say(format_args!(
                    "notification {delivery} lost: WeChat cannot reach us"
                ));
                return;
            }
        }
        let fault = self.hub.lock().choice.pick(&Fault::OF_A_NOTIFICATION);
        let way = self.way_ms();
        let what = match fault {
            Some(fault) => format!(": {fault:?}"),
            None => String::new(),
        };
        let origin = letter.origin;
        self.hub.say(format_args!(
            "WeChat sends notification {delivery} attempt {attempt} ({origin:?}){what}"
        ));
        match fault {
            Some(Fault::NotificationLost) => return,
            Some(Fault::NotificationLate) => {
                let late = self.drawn_ms(LATE_NOTIFICATION_MS);
                self.deliver_letter(way + late, letter);
                return;
            }
            Some(Fault::NotificationDoubled) => {
                let later = way + self.drawn_ms(LATE_NOTIFICATION_MS);
                let copy = Letter {
                    delivery: None,
                    ..letter.clone()
                };
                self.deliver_letter(later, copy);
            }
            _ => {}
        }
        self.deliver_letter(way, letter);
    }

    pub(crate) fn deliver_letter(&self, after_ms: i64, letter: Letter) {
        self.hub
            .schedule(after_ms, Event::Notification(Box::new(letter)));
    }

    fn refund_of(&self, number: u64) -> Option<String> {
        let mut deliveries = self.setup.wechat.deliveries();
        let delivery = deliveries.find(|delivery| delivery.delivery == number)?;
        delivery.out_refund_no.clone()
    }

    fn addressee(&self, url: &str) -> Option<Mchid> {
        self.setup
            .parties
            .iter()
            .find(|party| party.notify_url.as_str() == url)
            .map(|party| party.mchid.clone())
    }
}
