//! Between the servers and WeChat: every message gets its fate here.

use shouyin_core::id::Mchid;
use wechat_simulator::{Dispatch, Input, Output, WireRequest};
use wechatpay::v3::{Method, RawResponse, SignedRequest, TransportError};

use crate::check::Violation;
use crate::choice::Fault;
use crate::hub::{Answer, Outgoing, Ticket};
use crate::tamper;
use crate::world::{Event, World};

/// How long a server waits for WeChat's answer, milliseconds.
const GIVE_UP_MS: i64 = 10_000;
/// How late a late answer is at most, milliseconds: beyond the patience of its receiver.
const LATE_ANSWER_MS: u32 = 20_000;
/// How much later than its sender's patience a late request arrives at most, milliseconds. What TCP still delivers
/// after the sender has closed.
const LATE_REQUEST_MS: u32 = 60_000;
/// How late a late notification is at most, milliseconds: more than the five minutes its signature is good for.
const LATE_NOTIFICATION_MS: u32 = 420_000;

/// Where a notification comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From WeChat, as sent.
    Genuine,
    /// An old genuine one, sent again by somebody else.
    Replayed,
    /// Right order, right amount, wrong signature.
    Forged,
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
            Origin::Forged | Origin::Foreign | Origin::Stale | Origin::Probe => true,
        }
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
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl World {
    fn way_ms(&mut self) -> i64 {
        let longest = self.swarm.network_ms;
        // A way of nothing would put cause and effect into one instant.
        1 + self.hub.lock().choice.duration_ms(longest)
    }

    fn drawn_ms(&mut self, longest_ms: u32) -> i64 {
        self.hub.lock().choice.duration_ms(longest_ms)
    }

    /// A request leaves a server.
    pub(crate) fn depart(&mut self, outgoing: Outgoing) -> Result<(), Violation> {
        let Outgoing {
            ticket,
            boot,
            request,
        } = outgoing;
        let call = self.checker.sent(&self.rows, &request, self.hub.now_ms())?;
        self.hub.schedule(GIVE_UP_MS, Event::GiveUp(ticket));
        if !self.swarm.queries && request.method == Method::Get {
            self.hub.say(format_args!(
                "server {boot} {call}: WeChat's queries are down"
            ));
            return Ok(());
        }
        let told = self
            .mishaps
            .iter()
            .position(|(what, _)| *what == call.what());
        let fault = match told.map(|index| self.mishaps.remove(index)) {
            Some((_, fault)) => Some(fault),
            None => self.hub.lock().choice.pick(&Fault::OF_A_CALL),
        };
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
                self.hub.schedule(way, Event::Answer(ticket, refused));
                return Ok(());
            }
            Some(Fault::RequestLost) => return Ok(()),
            Some(Fault::RequestLate) => GIVE_UP_MS + self.drawn_ms(LATE_REQUEST_MS),
            _ => way,
        };
        let event = Event::Request {
            ticket,
            request,
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
        fault: Option<Fault>,
    ) -> Result<(), Violation> {
        let way = self.way_ms();
        let instead = match fault {
            Some(Fault::ServerErrorBefore) => Some(tamper::server_error()),
            Some(Fault::RateLimited) => Some(tamper::rate_limited()),
            _ => None,
        };
        if let Some(response) = instead {
            self.hub.schedule(way, Event::Answer(ticket, Ok(response)));
            return Ok(());
        }
        let input = Input::Request(WireRequest {
            method: request.method.as_str().to_owned(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        });
        let response = self.wechat_step(input)?;
        let number = crate::check::number_in(request);
        if let Some(response) = response {
            self.hub
                .say(format_args!("WeChat answers {}", response.status));
            if self.hub.lock().trace.keeps() {
                let what = tamper::describe(&response);
                self.hub.lock().trace.remark(&what);
            }
            self.answer_travels(ticket, response, fault, way, &number);
        }
        if request.method == Method::Get {
            return Ok(());
        }
        self.check_order_at_wechat(&number)
    }

    fn answer_travels(
        &mut self,
        ticket: Ticket,
        response: RawResponse,
        fault: Option<Fault>,
        way: i64,
        number: &str,
    ) {
        let (response, way) = match fault {
            Some(Fault::AnswerLost) => return,
            Some(Fault::AnswerLate) => (response, way + self.drawn_ms(LATE_ANSWER_MS)),
            Some(Fault::ServerErrorAfter) => (tamper::server_error(), way),
            Some(Fault::Truncated) => (tamper::truncated(response), way),
            Some(Fault::WrongSignature) => (tamper::wrong_signature(response), way),
            Some(Fault::Altered) => {
                let how = self.hub.lock().choice.upto(3);
                let mut orders = self.setup.wechat.orders();
                let order = orders.find(|order| order.out_trade_no == number);
                let payer = order.map_or("", |order| order.openid.as_str());
                (tamper::altered(response, how, payer), way)
            }
            _ => (response, way),
        };
        self.hub.schedule(way, Event::Answer(ticket, Ok(response)));
    }

    /// WeChat's answer, or its absence, reaches a server.
    pub(crate) fn answered(
        &mut self,
        ticket: Ticket,
        response: Result<RawResponse, TransportError>,
    ) {
        if let Some(process) = self.hub.answer(ticket, Answer::Response(response)) {
            self.ready.push_back(process);
        }
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
                Output::Control(Ok(_)) => {}
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
                self.hub.schedule(way + late, Event::Notification(letter));
                return;
            }
            Some(Fault::NotificationDoubled) => {
                let later = way + self.drawn_ms(LATE_NOTIFICATION_MS);
                let copy = Letter {
                    delivery: None,
                    ..letter.clone()
                };
                self.hub.schedule(later, Event::Notification(copy));
            }
            _ => {}
        }
        self.hub.schedule(way, Event::Notification(letter));
    }

    fn addressee(&self, url: &str) -> Option<Mchid> {
        self.setup
            .parties
            .iter()
            .find(|party| party.notify_url.as_str() == url)
            .map(|party| party.mchid.clone())
    }
}
