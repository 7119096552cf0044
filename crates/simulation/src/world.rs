//! The world: one thread, one clock, one queue of events, and the servers that live and die in it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::{Mchid, PaymentId};
use shouyin_core::policy::Policies;
use shouyin_core::ports::Ports;
use shouyin_core::task::TaskKey;
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use shouyin_core::webhook::model::{Message, Reply};
use wechat_simulator::{PhoneAnswer, PhoneRefusal};
use wechatpay::v3::{RawResponse, SignedRequest, TransportError};

use crate::actors::{Client, Sale};
use crate::check::{CallName, Checker, Violation};
use crate::choice::{Fault, Lane};
use crate::doors::{Door, FrontDesk, front_desk};
use crate::executor::{Executor, Work};
use crate::hub::{Boot, Hub, ProcessId, Ticket};
use crate::marks::Mark;
use crate::network::{Letter, Origin};
use crate::receiver::Receivers;
use crate::rows::Rows;
use crate::server::{Around, Build, LANES, Server};
use crate::setup::{MCHIDS, Setup};
use crate::story::Step;
use crate::swarm::Swarm;
use crate::work::{self, CallId};

/// When merchants tend to their affairs in calm, milliseconds after its beginning.
const TEND_AT_MS: [i64; 4] = [MINUTE_MS, DAY_MS, 3 * DAY_MS + HOUR_MS, 5 * DAY_MS];

/// Something that happens at its time. What is large is in a box: events are moved about in their queue.
#[derive(Debug)]
pub(crate) enum Event {
    /// A store call may go on.
    Resume(Ticket),
    /// A request arrives at WeChat.
    Request {
        ticket: Ticket,
        request: Box<(SignedRequest, CallName)>,
        fault: Option<Fault>,
    },
    /// An answer of WeChat's, or a broken connection, reaches a server.
    Answer(Ticket, Box<Result<RawResponse, TransportError>>),
    /// A server stops waiting for an answer.
    GiveUp(Ticket),
    /// A webhook arrives at a merchant's receiver.
    Webhook {
        ticket: Ticket,
        message: Box<Message>,
        fault: Option<Fault>,
    },
    /// A receiver's answer, or its absence, reaches a server.
    WebhookAnswer(Ticket, Reply),
    /// In calm, the merchants look after what waits for people.
    Tend,
    /// A notification reaches our address.
    Notification(Box<Letter>),
    /// Our answer to a notification reaches WeChat.
    NotificationAnswer {
        delivery: u64,
        attempt: u32,
        status: Option<u16>,
        body: Vec<u8>,
    },
    /// A server process starts again.
    Restart(usize),
    /// A server's hourly chores, after those at its start failed.
    Chores(usize),
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
    pub(crate) rows: Rows,
    pub(crate) policies: Arc<Policies>,
    pub(crate) receivers: Receivers,
    pub(crate) build: Arc<dyn Build>,
    /// What stands before the servers' doors, if they have doors.
    pub(crate) desk: Option<Arc<FrontDesk>>,
    pub(crate) servers: Vec<Server>,
    pub(crate) checker: Checker,
    pub(crate) sales: Vec<Sale>,
    pub(crate) clients: BTreeMap<CallId, Client>,
    pub(crate) last_call: CallId,
    /// How many addresses of receivers were given out.
    pub(crate) addresses: u64,
    /// Genuine notifications that an attacker has copied.
    pub(crate) overheard: Vec<Letter>,
    /// What the next notification out of WeChat is.
    pub(crate) next_origin: Origin,
    /// What a story lets happen to the next call of a kind (`place`, `query`, `close`).
    pub(crate) mishaps: Vec<(&'static str, Fault)>,
    /// What the phone showed last.
    pub(crate) phone_answer: Option<Result<PhoneAnswer, PhoneRefusal>>,
    /// The payment code that a phone showed last.
    pub(crate) shown_code: Option<String>,
    /// WeChat's console refused what somebody wanted there last.
    pub(crate) refused: bool,
    /// Processes that can go on now.
    pub(crate) ready: VecDeque<ProcessId>,
    pub(crate) executor: Executor,
    boots: Boot,
    /// The lives up to this one began with the world.
    first_lives: Boot,
    /// Who runs which task.
    pub(crate) running: BTreeMap<TaskKey, ProcessId>,
    /// Which payment changed last, by whom and when.
    pub(crate) last_change: Option<(PaymentId, ProcessId, i64)>,
    /// Processes that carry a hostile notification.
    pub(crate) hostile: BTreeMap<ProcessId, Origin>,
    /// When the next task of each lane is due, as of so many commits.
    pub(crate) due: (u64, [Option<Timestamp>; LANES.len()]),
    /// Chaos is over.
    pub(crate) calm: bool,
    /// The instant we are in, and how many events it had so far.
    pub(crate) instant: (i64, u32),
    pub(crate) events: u64,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "World({:?}, {:?})", self.hub, self.executor)
    }
}

impl World {
    pub(crate) fn new(
        hub: Arc<Hub>,
        seed: u64,
        swarm: Swarm,
        build: Arc<dyn Build>,
    ) -> Result<Self, Violation> {
        let broken = |error: String| Violation::new("WORLD", error);
        let setup =
            Setup::new(seed, &swarm, build.signatures()).map_err(|e| broken(e.to_string()))?;
        let policies = setup.parties.iter().zip(swarm.policies);
        let policies = Policies::new(policies.map(|(party, policy)| (party.mchid.clone(), policy)));
        let rows = Rows::new(build.database().map_err(broken)?);
        let desk = front_desk(build.doors(), &hub, &rows, &setup).map_err(broken)?;
        let mut world = Self {
            hub,
            checker: Checker::new(&setup, &swarm),
            setup,
            policies: Arc::new(policies),
            receivers: Receivers::default(),
            rows,
            desk,
            build,
            servers: Vec::new(),
            sales: Vec::new(),
            clients: BTreeMap::new(),
            last_call: 0,
            addresses: 0,
            overheard: Vec::new(),
            next_origin: Origin::Genuine,
            mishaps: Vec::new(),
            phone_answer: None,
            shown_code: None,
            refused: false,
            ready: VecDeque::new(),
            executor: Executor::default(),
            boots: 0,
            first_lives: 0,
            running: BTreeMap::new(),
            last_change: None,
            hostile: BTreeMap::new(),
            due: (u64::MAX, [None; LANES.len()]),
            calm: false,
            instant: (0, 0),
            events: 0,
            swarm,
        };
        for index in 0..world.swarm.servers {
            let server = world.fresh_server();
            world.servers.push(server);
            world.owe_bills(index);
        }
        world.first_lives = world.boots;
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
            self.hub
                .say(format_args!("clock of life {boot} is {skew} ms off"));
            self.checker.clock_set(skew);
        }
        let around = Around {
            hub: &self.hub,
            rows: &self.rows,
            setup: &self.setup,
            policies: &self.policies,
            desk: self.desk.as_ref(),
            build: &*self.build,
        };
        Server::start(around, self.boots, skew)
    }

    /// A server that is up, if any.
    pub(crate) fn some_server(&mut self) -> Option<usize> {
        let up: Vec<usize> = (0..self.servers.len())
            .filter(|index| self.servers.get(*index).is_some_and(Server::is_up))
            .collect();
        let index = self.hub.lock().choice.on(Lane::Servers).index(up.len());
        up.get(index).copied()
    }

    pub(crate) fn ports_of(&self, server: usize) -> Option<(Boot, Ports)> {
        let server = self.servers.get(server)?;
        let (ports, _) = server.ports.as_ref()?;
        Some((server.boot, ports.clone()))
    }

    /// The way into a server that is up.
    pub(crate) fn door_of(&self, server: usize) -> Option<(Boot, Door)> {
        let server = self.servers.get(server)?;
        let (_, door) = server.ports.as_ref()?;
        Some((server.boot, door.clone()))
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
        dead.claiming = [false; LANES.len()];
        if self.hub.now_ms() - dead.started_ms < 60_000 && dead.boot > self.first_lives {
            self.hub.mark(Mark::CrashInRecovery);
        }
        let boot = dead.boot;
        self.executor.kill(&self.hub, boot);
        self.hang_up(boot);
    }

    pub(crate) fn restart(&mut self, server: usize) {
        if self
            .servers
            .get(server)
            .is_some_and(|server| !server.is_up())
        {
            let fresh = self.fresh_server();
            self.hub
                .say(format_args!("server {server} starts, life {}", fresh.boot));
            if let Some(slot) = self.servers.get_mut(server) {
                *slot = fresh;
            }
            self.owe_bills(server);
        }
    }

    /// The world heals: every process up, every clock right, every key configured.
    pub(crate) fn heal(&mut self) -> Result<(), Violation> {
        self.calm = true;
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
            // The server's hourly chores, in case the database was not there when it started.
            self.owe_bills(server);
        }
        self.receivers.heal();
        self.checker.calm_since(self.hub.now_ms());
        // Merchants look after what needs a person at once, and again when slow refunds have come to their end.
        for after_ms in TEND_AT_MS {
            self.hub.schedule(after_ms, Event::Tend);
        }
        self.wechat_heals()
    }

    /// WeChat has changed an order: both books must still agree.
    pub(crate) fn check_order_at_wechat(&self, number: &str) -> Result<(), Violation> {
        for mchid in MCHIDS {
            let Ok(mchid) = Mchid::parse(mchid) else {
                continue;
            };
            let (rows, wechat) = (&self.rows, &self.setup.wechat);
            if self
                .checker
                .changed_at_wechat(rows, wechat, &mchid, number)?
            {
                break;
            }
        }
        Ok(())
    }

    /// A server makes sure that the bills of every merchant are owed, as it does when it starts and every hour.
    pub(crate) fn owe_bills(&mut self, server: usize) {
        let Some((boot, ports)) = self.ports_of(server).filter(|_| self.swarm.bills) else {
            return;
        };
        let merchants = if self.swarm.other_merchants {
            self.setup.parties.len()
        } else {
            1
        };
        let parties = self.setup.parties.iter().take(merchants);
        let mchids: Vec<Mchid> = parties.map(|party| party.mchid.clone()).collect();
        for mchid in mchids {
            self.spawn(boot, work::owe_bills(ports.clone(), server, mchid));
        }
    }

    /// True if nothing is left that will ever happen by itself, and people have nothing to look after. Where no webhook ever arrives, those to come
    /// are left out; and so are the bills of days on which nothing happened, of which there is always a next one.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.unrest().is_none()
    }

    /// What still goes on.
    pub(crate) fn unrest(&mut self) -> Option<String> {
        let is_routine = |event: &Event| matches!(event, Event::Tend);
        if self.executor.len() > 0 {
            return Some("a process".to_owned());
        }
        if !self.hub.lock().queue.values().all(is_routine) {
            return Some("a message".to_owned());
        }
        let [money, webhooks, _] = self.due_by_lane();
        if money.is_some() {
            return Some("a task".to_owned());
        }
        if webhooks.is_some() && self.swarm.webhooks {
            return Some("a webhook".to_owned());
        }
        if self.setup.wechat.next_due().is_some() {
            return Some("something at WeChat".to_owned());
        }
        if self.needs_people() {
            return Some("something for people".to_owned());
        }
        self.owed_bill()
    }

    fn owed_bill(&self) -> Option<String> {
        let (rows, wechat) = (&self.rows, &self.setup.wechat);
        let owed = self.checker.owed_bill(rows, wechat, self.hub.now_ms());
        owed.unwrap_or_else(|unreadable| Some(unreadable.detail))
    }

    /// Futures that wait although nothing can wake them.
    pub(crate) fn stuck(&mut self) -> usize {
        let nothing_comes = self.hub.lock().queue.is_empty();
        if nothing_comes {
            self.executor.len()
        } else {
            0
        }
    }
}
