//! The merchants' receivers of webhooks: they take, refuse, redirect, dawdle, or are gone for days.

use std::collections::BTreeMap;

use shouyin_core::id::EventId;
use shouyin_core::webhook::model::{Message, Reply};

use crate::check::Violation;
use crate::choice::Fault;
use crate::hub::{Answer, Boot, Ticket};
use crate::marks::Mark;
use crate::world::{Event, World};

/// How long the sender waits for an answer, milliseconds: less than half a lease.
const GIVE_UP_MS: i64 = 10_000;
/// The longest a slow receiver takes, milliseconds: beyond the sender's patience.
const SLOW_MS: u32 = 20_000;

/// One address.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    /// Nobody answers there before this time.
    gone_until_ms: i64,
    /// What it has taken, and how often each.
    taken: BTreeMap<EventId, u32>,
}

/// All of them, by address.
#[derive(Debug, Default)]
pub(crate) struct Receivers(BTreeMap<String, Receiver>);

impl Receivers {
    fn at(&mut self, url: &str) -> &mut Receiver {
        self.0.entry(url.to_owned()).or_default()
    }

    /// Nobody answers at this address before that time.
    pub(crate) fn lose(&mut self, url: &str, until_ms: i64) {
        self.at(url).gone_until_ms = until_ms;
    }

    /// Everybody is there again.
    pub(crate) fn heal(&mut self) {
        for receiver in self.0.values_mut() {
            receiver.gone_until_ms = 0;
        }
    }
}

impl World {
    /// A webhook leaves a server.
    pub(crate) fn post_webhook(
        &mut self,
        ticket: Ticket,
        boot: Boot,
        message: Box<Message>,
    ) -> Result<(), Violation> {
        self.checker.webhook_sent(&self.hub, &message)?;
        if message.secrets.len() > 1 {
            self.hub.mark(Mark::WebhookTwoSecrets);
        }
        let late = Reply::None {
            reason: "no answer within 10 s".to_owned(),
        };
        self.hub
            .schedule(GIVE_UP_MS, Event::WebhookAnswer(ticket, late));
        let (event, url) = (&message.event_id, &message.url);
        if !self.swarm.webhooks {
            self.hub.say(format_args!(
                "server {boot} sends {event} to {url}: nobody can be reached"
            ));
            self.refuse_connection(ticket);
            return Ok(());
        }
        let told = self.mishaps.iter().position(|(what, _)| *what == "webhook");
        let fault = match told.map(|index| self.mishaps.remove(index)) {
            Some((_, fault)) => Some(fault),
            None => self.hub.lock().choice.pick(&Fault::OF_A_WEBHOOK),
        };
        let way = self.way_ms();
        match fault {
            None => self
                .hub
                .say(format_args!("server {boot} sends {event} to {url}")),
            Some(fault) => self.hub.say(format_args!(
                "server {boot} sends {event} to {url}: {fault:?}"
            )),
        }
        if fault != Some(Fault::WebhookLost) {
            let arrives = Event::Webhook {
                ticket,
                message,
                fault,
            };
            self.hub.schedule(way, arrives);
        }
        Ok(())
    }

    fn refuse_connection(&mut self, ticket: Ticket) {
        let way = self.way_ms();
        let reply = Reply::None {
            reason: "connection refused".to_owned(),
        };
        self.hub.schedule(way, Event::WebhookAnswer(ticket, reply));
    }

    /// A webhook arrives at a receiver.
    pub(crate) fn webhook_arrives(
        &mut self,
        ticket: Ticket,
        message: &Message,
        fault: Option<Fault>,
    ) -> Result<(), Violation> {
        let now = self.hub.now_ms();
        if self.receivers.at(&message.url).gone_until_ms > now {
            self.hub.mark(Mark::WebhookReceiverGone);
            self.refuse_connection(ticket);
            return Ok(());
        }
        let mut way = self.way_ms();
        let status = match fault {
            Some(Fault::WebhookRefused) => {
                self.hub.mark(Mark::WebhookRefused);
                500
            }
            Some(Fault::WebhookRedirected) => {
                self.hub.mark(Mark::WebhookRedirected);
                302
            }
            _ => {
                let receiver = self.receivers.at(&message.url);
                let times = receiver.taken.entry(message.event_id.clone()).or_default();
                *times += 1;
                if *times > 1 {
                    self.hub.mark(Mark::WebhookTwice);
                }
                self.checker.webhook_taken(&message.url, &message.event_id);
                200
            }
        };
        match fault {
            Some(Fault::WebhookUnanswered) => {
                self.hub.mark(Mark::WebhookUnanswered);
                return Ok(());
            }
            Some(Fault::WebhookSlow) => way += self.drawn_ms(SLOW_MS),
            _ => {}
        }
        self.hub
            .schedule(way, Event::WebhookAnswer(ticket, Reply::Status(status)));
        Ok(())
    }

    /// A receiver's answer, or its absence, reaches a server.
    pub(crate) fn webhook_answered(&mut self, ticket: Ticket, reply: Reply) {
        if let Some(process) = self.hub.answer(ticket, Answer::Reply(reply)) {
            self.ready.push_back(process);
        }
    }
}
