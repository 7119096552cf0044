//! The world: one thread, one clock, one queue of events. It hands each event to whom it belongs, lets that code run
//! until it waits, and has the invariants checked.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::Mchid;
use shouyin_core::payment::service::ServiceError;
use shouyin_core::ports::{Ports, Store, StoreError};
use shouyin_store::MemoryStore;
use wechat_simulator::{Input, PhoneAnswer, PhoneRefusal};
use wechatpay::v3::{RawResponse, SignedRequest, TransportError};

use crate::actors::{Client, Sale};
use crate::check::{Checker, Violation, ready};
use crate::choice::Fault;
use crate::executor::{Executor, Work};
use crate::hub::{Answer, Boot, Hub, ProcessId, Ticket};
use crate::network::{Letter, Origin};
use crate::server::{self, Build, CallId, Done, Server};
use crate::setup::{MCHIDS, Setup};
use crate::story::Step;
use crate::swarm::Swarm;

/// More events than this in one instant mean that something runs in circles.
const MOST_IN_AN_INSTANT: u32 = 5_000;
/// After an error of the store the worker waits so long, milliseconds.
const WORKER_RESTS_MS: i64 = 1_000;

/// Something that happens at its time.
#[derive(Debug)]
pub(crate) enum Event {
    /// A store call may go on.
    Resume(Ticket),
    /// A request arrives at WeChat.
    Request {
        ticket: Ticket,
        request: SignedRequest,
        fault: Option<Fault>,
    },
    /// An answer of WeChat's, or a broken connection, reaches a server.
    Answer(Ticket, Result<RawResponse, TransportError>),
    /// A server stops waiting for an answer.
    GiveUp(Ticket),
    /// A notification reaches our address.
    Notification(Letter),
    /// Our answer to a notification reaches WeChat.
    NotificationAnswer {
        delivery: u64,
        attempt: u32,
        status: Option<u16>,
    },
    /// A server process starts again.
    Restart(usize),
    /// The operator configures the keys that WeChat announced for a merchant.
    ConfigureKeys(usize),
    /// Somebody in a story does what comes next.
    Step { step: Step, sale: usize },
}

/// Everything in one run.
pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) swarm: Swarm,
    pub(crate) setup: Setup,
    pub(crate) rows: MemoryStore,
    pub(crate) build: Arc<dyn Build>,
    pub(crate) servers: Vec<Server>,
    pub(crate) checker: Checker,
    pub(crate) sales: Vec<Sale>,
    pub(crate) clients: BTreeMap<CallId, Client>,
    pub(crate) last_call: CallId,
    /// Genuine notifications that an attacker has copied.
    pub(crate) overheard: Vec<Letter>,
    /// What the next notification out of WeChat is.
    pub(crate) next_origin: Origin,
    /// What the phone showed last.
    pub(crate) phone_answer: Option<Result<PhoneAnswer, PhoneRefusal>>,
    /// Processes that can go on now.
    pub(crate) ready: VecDeque<ProcessId>,
    executor: Executor,
    boots: Boot,
    /// Processes that carry a hostile notification.
    hostile: BTreeMap<ProcessId, Origin>,
    /// When the next task is due, as of so many commits.
    due: (u64, Option<Timestamp>),
    instant: (i64, u32),
    events: u64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({:?}, {:?})", self.hub, self.executor)
    }
}

/// What an error of the product's means: a broken assertion or row is a bug wherever it shows.
pub(crate) fn not_corrupt(error: &ServiceError) -> Result<(), Violation> {
    match error {
        ServiceError::Store(error) => store_not_corrupt(error),
        ServiceError::NotConfigured(error) => Err(Violation::new("BUG", error.to_string())),
    }
}

fn store_not_corrupt(error: &StoreError) -> Result<(), Violation> {
    match error {
        StoreError::Conflict(_) | StoreError::Unavailable(_) => Ok(()),
        StoreError::Corrupt(what) => Err(Violation::new("BUG", what.clone())),
    }
}

impl World {
    pub(crate) fn new(
        hub: Arc<Hub>,
        seed: u64,
        swarm: Swarm,
        build: Arc<dyn Build>,
    ) -> Result<Self, Violation> {
        let setup = Setup::new(seed, &swarm).map_err(|e| Violation::new("WORLD", e.to_string()))?;
        let mut world = Self {
            hub,
            setup,
            rows: MemoryStore::new(),
            build,
            servers: Vec::new(),
            checker: Checker::default(),
            sales: Vec::new(),
            clients: BTreeMap::new(),
            last_call: 0,
            overheard: Vec::new(),
            next_origin: Origin::Genuine,
            phone_answer: None,
            ready: VecDeque::new(),
            executor: Executor::default(),
            boots: 0,
            hostile: BTreeMap::new(),
            due: (u64::MAX, None),
            instant: (0, 0),
            events: 0,
            swarm,
        };
        for _ in 0..world.swarm.servers {
            let server = world.fresh_server();
            world.servers.push(server);
        }
        Ok(world)
    }

    /// How many events were handled.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    fn fresh_server(&mut self) -> Server {
        self.boots += 1;
        let skew = self.drawn_skew_ms();
        if skew != 0 {
            let boot = self.boots;
            self.hub.say(format_args!("clock of life {boot} is {skew} ms off"));
        }
        Server::start(&self.hub, &self.rows, &self.setup, &*self.build, self.boots, skew)
    }

    /// A server that is up, if any.
    pub(crate) fn some_server(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.servers.len())
            .filter(|index| self.servers.get(*index).is_some_and(Server::is_up))
            .collect();
        let index = self.hub.lock().choice.index(up.len());
        up.get(index).copied()
    }

    pub(crate) fn ports_of(&self, server: usize) -> Option<(Boot, Ports)> {
        let server = self.servers.get(server)?;
        Some((server.boot, server.ports.clone()?))
    }

    /// Starts work; it runs when the current event is over.
    pub(crate) fn spawn(&mut self, boot: Boot, work: Work) -> ProcessId {
        let process = self.executor.spawn(boot, work);
        self.ready.push_back(process);
        process
    }

    /// A process dies and with it everything it had in memory.
    pub(crate) fn bury(&mut self, server: usize) {
        let Some(dead) = self.servers.get_mut(server) else {
            return;
        };
        dead.ports = None;
        dead.claiming = false;
        let boot = dead.boot;
        self.executor.kill(&self.hub, boot);
        self.hang_up(boot);
    }

    fn restart(&mut self, server: usize) {
        if self.servers.get(server).is_some_and(|server| !server.is_up()) {
            let fresh = self.fresh_server();
            self.hub.say(format_args!("server {server} starts, life {}", fresh.boot));
            if let Some(slot) = self.servers.get_mut(server) {
                *slot = fresh;
            }
        }
    }

    /// The world heals: every process up, every clock right, every key configured.
    pub(crate) fn heal(&mut self) {
        {
            let mut inner = self.hub.lock();
            inner.choice.end();
            inner.store_pause_ms = 0;
        }
        self.hub.say(format_args!("calm"));
        self.swarm.network_ms = 0;
        for party in 0..self.setup.parties.len() {
            self.configure_keys(party);
        }
        for server in 0..self.servers.len() {
            self.restart(server);
            if let Some(server) = self.servers.get(server) {
                server.clock.set_skew(0);
            }
        }
    }

    /// Handles the earliest event, unless it is later than `until_ms`. False if there is none.
    pub(crate) fn deliver(&mut self, until_ms: i64) -> Result<bool, Violation> {
        let now = self.hub.now_ms();
        let queued = self.hub.lock().queue.first_key_value().map(|((at, _), _)| *at);
        let wechat = self.setup.wechat.next_due();
        let worker = self.worker_due();
        let at = [queued, wechat, worker.map(|(at, _)| at)]
            .into_iter()
            .flatten()
            .min();
        let Some(at) = at.filter(|at| *at <= until_ms) else {
            return Ok(false);
        };
        self.hub.advance(at);
        self.count_events(at.max(now))?;
        if queued.is_some_and(|queued| queued <= at) {
            let event = self.hub.lock().queue.pop_first();
            if let Some((_, event)) = event {
                self.happen(event)?;
            }
        } else if wechat.is_some_and(|wechat| wechat <= at) {
            self.wechat_step(Input::Tick)?;
        } else if let Some((_, server)) = worker {
            self.ask_for_tasks(server);
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

    /// The server that has the earliest work for its worker, and when.
    fn worker_due(&mut self) -> Option<(i64, usize)> {
        let commits = self.rows.commits();
        if self.due.0 != commits {
            let due = ready(self.rows.next_due()).and_then(Result::ok).flatten();
            self.due = (commits, due);
        }
        let due = self.due.1?;
        let now = self.hub.now_ms();
        self.servers
            .iter()
            .enumerate()
            .filter(|(_, server)| server.is_up() && !server.claiming)
            .map(|(index, server)| {
                let at = due.as_millis().saturating_sub(server.clock.skew_ms());
                (at.max(server.rests_until_ms).max(now), index)
            })
            .min()
    }

    fn ask_for_tasks(&mut self, server: usize) {
        if let Some((boot, ports)) = self.ports_of(server) {
            if let Some(server) = self.servers.get_mut(server) {
                server.claiming = true;
            }
            self.spawn(boot, server::claim(ports, server));
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
            } => self.arrive(ticket, &request, fault)?,
            Event::Answer(ticket, response) => self.answered(ticket, response),
            Event::GiveUp(ticket) => {
                let gone = TransportError::NoAnswer("no answer within 10 s".to_owned());
                self.answered(ticket, Err(gone));
            }
            Event::Notification(letter) => self.open(letter),
            Event::NotificationAnswer {
                delivery,
                attempt,
                status,
            } => {
                self.wechat_step(Input::NotificationAnswered {
                    delivery,
                    attempt,
                    status,
                })?;
            }
            Event::Restart(server) => self.restart(server),
            Event::ConfigureKeys(party) => self.configure_keys(party),
            Event::Step { step, sale } => self.step(step, sale)?,
        }
        Ok(())
    }

    /// A notification reaches our address: a server takes it, or nobody answers.
    fn open(&mut self, letter: Letter) {
        let Some((boot, ports)) = self.some_server().and_then(|server| self.ports_of(server)) else {
            if let Some((delivery, attempt)) = letter.delivery {
                self.hub.say(format_args!("nobody takes notification {delivery}"));
                self.hub.schedule(
                    1,
                    Event::NotificationAnswer {
                        delivery,
                        attempt,
                        status: None,
                    },
                );
            }
            return;
        };
        let origin = letter.origin;
        let process = self.spawn(boot, server::receive(ports, letter));
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
            let before = self.executor.blocked();
            for process in &before {
                self.run(*process)?;
            }
            if self.ready.is_empty() && self.executor.blocked() == before {
                return Ok(());
            }
        }
    }

    fn run(&mut self, process: ProcessId) -> Result<(), Violation> {
        let done = self.executor.poll(&self.hub, process);
        let (outgoing, commits, doomed) = {
            let mut inner = self.hub.lock();
            let outgoing = std::mem::take(&mut inner.outgoing);
            (outgoing, std::mem::take(&mut inner.commits), inner.doomed.take())
        };
        for commit in commits {
            let changes_money = commit.note.payment.is_some() || commit.note.events > 0;
            if let Some(origin) = self.hostile.get(&commit.process).filter(|_| changes_money) {
                let detail = format!("a notification ({origin:?}) changed a payment");
                return Err(Violation::new("S7", detail));
            }
            self.checker
                .committed(&self.rows, &self.setup.wechat, &commit.note)?;
        }
        for request in outgoing {
            self.depart(request)?;
        }
        if let Some(boot) = doomed {
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

    fn finished(&mut self, done: Done) -> Result<(), Violation> {
        match done {
            Done::Call { call, reply } => self.replied(call, reply),
            Done::Notification {
                letter,
                status,
                result,
            } => {
                self.checker
                    .notification_answered(&self.rows, &letter, status, &result)?;
                let origin = letter.origin;
                self.hub
                    .say(format_args!("notification ({origin:?}) answered {status}"));
                let lost = self.hub.lock().choice.happens(Fault::NotificationAnswerLost);
                if let (Some((delivery, attempt)), false) = (letter.delivery, lost) {
                    self.hub.schedule(
                        1,
                        Event::NotificationAnswer {
                            delivery,
                            attempt,
                            status: Some(status),
                        },
                    );
                }
                Ok(())
            }
            Done::Claimed { server, tasks } => self.claimed(server, tasks),
            Done::Ran { result } => match result {
                Ok(()) => Ok(()),
                Err(error) => store_not_corrupt(&error),
            },
        }
    }

    fn claimed(
        &mut self,
        server: usize,
        tasks: Result<Vec<shouyin_core::task::Task>, StoreError>,
    ) -> Result<(), Violation> {
        let rests_until = self.hub.now_ms() + WORKER_RESTS_MS;
        let found = self.ports_of(server);
        if let Some(server) = self.servers.get_mut(server) {
            server.claiming = false;
        }
        match (tasks, found) {
            (Ok(tasks), Some((boot, ports))) => {
                for task in tasks {
                    self.spawn(boot, server::run_task(ports.clone(), task));
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

    /// WeChat has changed an order: both books must still agree.
    pub(crate) fn check_order_at_wechat(&self, number: &str) -> Result<(), Violation> {
        for mchid in MCHIDS {
            let Ok(mchid) = Mchid::parse(mchid) else {
                continue;
            };
            self.checker
                .changed_at_wechat(&self.rows, &self.setup.wechat, &mchid, number)?;
        }
        Ok(())
    }

    /// True if nothing is left that will ever happen by itself.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.executor.len() == 0
            && self.hub.lock().queue.is_empty()
            && self.worker_due().is_none()
            && self.setup.wechat.next_due().is_none()
    }

    /// Futures that wait although nothing can wake them.
    pub(crate) fn stuck(&mut self) -> usize {
        let nothing_comes = self.hub.lock().queue.is_empty();
        if nothing_comes { self.executor.len() } else { 0 }
    }
}
