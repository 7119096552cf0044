//! How time goes on: the earliest event happens, whoever can go on runs until it waits, and the invariants are checked.

use shouyin_core::Timestamp;
use shouyin_core::id::PaymentId;
use shouyin_core::ports::StoreError;
use shouyin_core::task::Task;
use shouyin_core::time::HOUR_MS;
use wechat_simulator::Input;
use wechatpay::v3::TransportError;

use crate::check::Violation;
use crate::choice::Fault;
use crate::doors::Receipt;
use crate::hub::{Answer, Commit, ProcessId};
use crate::marks::Mark;
use crate::network::Letter;
use crate::server::LANES;
use crate::work::{self, Done};
use crate::world::{Event, World};

/// More events than this in one instant mean that something runs in circles.
const MOST_IN_AN_INSTANT: u32 = 5_000;
/// A lock inside the product is held for the length of a call to WeChat at most, milliseconds.
const LONGEST_LOCK_MS: i64 = 60_000;
/// After an error of the store the worker waits so long, milliseconds.
const WORKER_RESTS_MS: i64 = 1_000;

/// A broken assertion or row is a bug wherever it shows.
fn store_not_corrupt(error: &StoreError) -> Result<(), Violation> {
    match error {
        StoreError::Conflict(_) | StoreError::Unavailable(_) => Ok(()),
        StoreError::Corrupt(what) => Err(Violation::new("BUG", what.clone())),
    }
}

impl World {
    /// Handles the earliest event, unless it is later than `until_ms`. False if there is none.
    pub(crate) fn deliver(&mut self, until_ms: i64) -> Result<bool, Violation> {
        let now = self.hub.now_ms();
        let wechat = self.setup.wechat.next_due();
        let worker = self.worker_due();
        let other = match (wechat, worker) {
            (Some(wechat), Some((worker, ..))) => Some(wechat.min(worker)),
            (wechat, worker) => wechat.or(worker.map(|(at, ..)| at)),
        };
        let queued = self.hub.lock().pop(other.unwrap_or(i64::MAX).min(until_ms));
        let at = match (&queued, other) {
            (Some((at, _)), _) => *at,
            (None, Some(at)) if at <= until_ms => at,
            (None, _) => return Ok(false),
        };
        self.hub.advance(at);
        self.count_events(at.max(now))?;
        if let Some((_, event)) = queued {
            self.happen(event)?;
        } else if wechat.is_some_and(|wechat| wechat <= at) {
            self.wechat_step(Input::Tick)?;
        } else if let Some((_, server, lane)) = worker {
            self.ask_for_tasks(server, lane);
        }
        self.pump()?;
        Ok(true)
    }

    fn count_events(&mut self, at: i64) -> Result<(), Violation> {
        self.events += 1;
        if self.instant.0 == at {
            self.instant.1 += 1;
        } else {
            self.instant = (at, 0);
        }
        if self.instant.1 > MOST_IN_AN_INSTANT {
            return Err(Violation::new("L5", "the world runs in circles"));
        }
        Ok(())
    }

    /// When the next task of each lane is due.
    pub(crate) fn due_by_lane(&mut self) -> [Option<Timestamp>; LANES.len()] {
        let commits = self.rows.commits();
        if self.due.0 != commits {
            self.due = (commits, LANES.map(|lane| self.rows.next_due(lane)));
        }
        self.due.1
    }

    /// The server that has the earliest work for its worker, in which lane, and when.
    pub(crate) fn worker_due(&mut self) -> Option<(i64, usize, usize)> {
        let now = self.hub.now_ms();
        let mut first: Option<(i64, usize, usize)> = None;
        for (lane, due) in self.due_by_lane().iter().enumerate() {
            let Some(due) = due else { continue };
            for (index, server) in self.servers.iter().enumerate() {
                let busy = server.claiming.get(lane).copied().unwrap_or(true);
                if !server.is_up() || busy {
                    continue;
                }
                let at = due.as_millis().saturating_sub(server.clock.skew_ms());
                let at = at.max(server.rests_until_ms).max(now);
                if first.is_none_or(|(earliest, ..)| at < earliest) {
                    first = Some((at, index, lane));
                }
            }
        }
        first
    }

    fn ask_for_tasks(&mut self, server: usize, lane: usize) {
        if let Some((boot, ports)) = self.ports_of(server) {
            self.set_claiming(server, lane, true);
            self.spawn(boot, work::claim(ports, server, lane));
        }
    }

    fn set_claiming(&mut self, server: usize, lane: usize, is: bool) {
        let slot = self
            .servers
            .get_mut(server)
            .and_then(|server| server.claiming.get_mut(lane));
        if let Some(slot) = slot {
            *slot = is;
        }
    }

    fn happen(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Resume(ticket) => {
                if let Some(process) = self.hub.answer(ticket, Answer::Go) {
                    self.ready.push_back(process);
                }
            }
            Event::Request {
                ticket,
                request,
                fault,
            } => self.arrive(ticket, &request.0, &request.1, fault)?,
            Event::Answer(ticket, response) => {
                if !self.answered(ticket, *response) {
                    self.hub.mark(Mark::LateAnswer);
                }
            }
            Event::GiveUp(ticket) => {
                let gone = TransportError::NoAnswer("no answer within 10 s".to_owned());
                self.answered(ticket, Err(gone));
            }
            Event::Webhook {
                ticket,
                message,
                fault,
            } => self.webhook_arrives(ticket, &message, fault)?,
            Event::WebhookAnswer(ticket, reply) => self.webhook_answered(ticket, reply),
            Event::Tend => self.tend()?,
            Event::Notification(letter) => self.open(*letter),
            Event::NotificationAnswer {
                delivery,
                attempt,
                status,
                body,
            } => {
                self.wechat_step(Input::NotificationAnswered {
                    delivery,
                    attempt,
                    status,
                    body,
                })?;
            }
            Event::Restart(server) => self.restart(server),
            Event::Chores(server) => self.owe_bills(server),
            Event::ConfigureKeys(party) => self.configure_keys(party),
            Event::Step { step, sale } => self.step(step, sale)?,
        }
        Ok(())
    }

    /// A notification reaches our address: a server takes it, or nobody answers.
    fn open(&mut self, letter: Letter) {
        let Some((boot, door)) = self.some_server().and_then(|server| self.door_of(server)) else {
            if let Some((delivery, attempt)) = letter.delivery {
                self.hub
                    .say(format_args!("nobody takes notification {delivery}"));
                self.hub.schedule(
                    1,
                    Event::NotificationAnswer {
                        delivery,
                        attempt,
                        status: None,
                        body: Vec::new(),
                    },
                );
            }
            return;
        };
        let origin = letter.origin;
        let process = self.spawn(boot, work::receive(door, letter));
        if origin.is_hostile() {
            self.hostile.insert(process, origin);
        }
    }

    /// Lets everything run that can go on now.
    pub(crate) fn pump(&mut self) -> Result<(), Violation> {
        loop {
            while let Some(process) = self.ready.pop_front() {
                self.run(process)?;
            }
            // Whoever waits for a lock inside the product is told by nobody: try again after every progress.
            if !self.executor.is_any_blocked() {
                return Ok(());
            }
            let before = self.executor.blocked();
            for process in &before {
                self.run(*process)?;
            }
            if self.ready.is_empty() && self.executor.blocked() == before {
                return self.check_blocked();
            }
        }
    }

    fn check_blocked(&self) -> Result<(), Violation> {
        let longest = self.executor.blocked_since();
        match longest.filter(|since| self.hub.now_ms() - since > LONGEST_LOCK_MS) {
            Some(_) => Err(Violation::new(
                "DEADLOCK",
                "a process waits for something that nothing in this world will bring",
            )),
            None => Ok(()),
        }
    }

    fn run(&mut self, process: ProcessId) -> Result<(), Violation> {
        let (done, left) = self.executor.poll(&self.hub, process);
        for commit in left.commits {
            self.committed(&commit)?;
        }
        for parcel in left.outgoing {
            self.depart(parcel)?;
        }
        if let Some(boot) = left.doomed {
            if let Some(server) = self.servers.iter().position(|server| server.boot == boot) {
                self.kill(server);
            }
            return Ok(());
        }
        match done {
            Some(done) => {
                self.hostile.remove(&process);
                self.finished(done)
            }
            None => Ok(()),
        }
    }

    fn committed(&mut self, commit: &Commit) -> Result<(), Violation> {
        let note = &commit.note;
        let changes_money = note.payment.is_some() || note.events > 0 || note.postings > 0;
        if let Some(origin) = self.hostile.get(&commit.process).filter(|_| changes_money) {
            let detail = format!("a notification ({origin:?}) changed a payment");
            return Err(Violation::new("S7", detail));
        }
        if let Some(id) = &note.payment {
            let now = self.hub.now_ms();
            let last = self.last_change.replace((id.clone(), commit.process, now));
            let at_once = |(other, process, at): (PaymentId, ProcessId, i64)| {
                other == *id && process != commit.process && at == now
            };
            if last.is_some_and(at_once) {
                self.hub.mark(Mark::TwoAtOnce);
            }
        }
        self.checker
            .committed(&self.hub, &self.rows, &self.setup.wechat, note)
    }

    fn finished(&mut self, done: Done) -> Result<(), Violation> {
        match done {
            Done::Call { call, reply } => self.replied(call, *reply),
            Done::Notification { letter, receipt } => {
                self.checker
                    .notification_answered(&self.hub, &self.rows, &letter, &receipt)?;
                let Receipt { status, body, .. } = *receipt;
                let origin = letter.origin;
                self.hub
                    .say(format_args!("notification ({origin:?}) answered {status}"));
                let lost = self
                    .hub
                    .lock()
                    .choice
                    .happens(Fault::NotificationAnswerLost);
                if let (Some((delivery, attempt)), false) = (letter.delivery, lost) {
                    self.hub.schedule(
                        1,
                        Event::NotificationAnswer {
                            delivery,
                            attempt,
                            status: Some(status),
                            body,
                        },
                    );
                }
                Ok(())
            }
            Done::Claimed {
                server,
                lane,
                tasks,
            } => self.claimed(server, lane, tasks),
            Done::Started { result: Ok(()), .. } => Ok(()),
            Done::Started {
                server,
                result: Err(error),
            } => {
                self.hub.schedule(HOUR_MS, Event::Chores(server));
                store_not_corrupt(&error)
            }
            Done::Ran { key, result } => {
                self.running.remove(&*key);
                match result {
                    Ok(()) => Ok(()),
                    Err(error) => store_not_corrupt(&error),
                }
            }
        }
    }

    fn claimed(
        &mut self,
        server: usize,
        lane: usize,
        tasks: Result<Vec<Task>, StoreError>,
    ) -> Result<(), Violation> {
        let rests_until = self.hub.now_ms() + WORKER_RESTS_MS;
        let found = self.ports_of(server);
        self.set_claiming(server, lane, false);
        match (tasks, found) {
            (Ok(tasks), Some((boot, ports))) => {
                for task in tasks {
                    let key = task.key.clone();
                    let process = self.spawn(boot, work::run_task(ports.clone(), task));
                    let former = self.running.insert(key, process);
                    if former.is_some_and(|former| self.executor.is_parked(former)) {
                        self.hub.mark(Mark::LeaseExpired);
                    }
                }
                Ok(())
            }
            (Ok(_), None) => Ok(()),
            (Err(error), _) => {
                if let Some(server) = self.servers.get_mut(server) {
                    server.rests_until_ms = rests_until;
                }
                store_not_corrupt(&error)
            }
        }
    }
}
