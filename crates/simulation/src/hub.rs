//! What the world and the simulated ports share: the clock, the queue of events, and the calls that wait.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use shouyin_core::id::PaymentId;
use shouyin_core::incident::IncidentKind;
use shouyin_core::ports::DeliveryChange;
use shouyin_core::reconciliation::model::DifferenceState;
use shouyin_core::webhook::model::{Message, Reply};
use wechatpay::v3::{RawResponse, SignedRequest, TransportError};

use crate::choice::{Choice, Lane};
use crate::marks::{Mark, Marks};
use crate::trace::Trace;
use crate::world::Event;

/// Simulated time at the beginning of every run, Unix milliseconds: 2026-01-05 12:03:04 in Beijing.
pub const BEGIN_MS: i64 = 1_767_585_784_000;

/// One life of one server process. What belongs to an earlier life is forgotten.
pub(crate) type Boot = u32;
/// One parked future.
pub(crate) type ProcessId = u64;
/// One call that waits.
pub(crate) type Ticket = u64;

/// What a waiting call gets.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Go on.
    Go,
    /// WeChat's answer, or none.
    Response(Result<RawResponse, TransportError>),
    /// A merchant's answer to a webhook, or none.
    Reply(Reply),
}

/// Something that has just left a server.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) ticket: Ticket,
    pub(crate) boot: Boot,
    pub(crate) parcel: Parcel,
}

/// What leaves a server.
#[derive(Debug)]
pub(crate) enum Parcel {
    /// To WeChat.
    Request(SignedRequest),
    /// To a merchant.
    Webhook(Box<Message>),
}

/// What a decision wanted to change, as seen at the port.
#[derive(Debug, Clone, Default)]
pub(crate) struct CommitNote {
    /// The payment it changed.
    pub(crate) payment: Option<PaymentId>,
    /// How many events it added.
    pub(crate) events: usize,
    /// How many postings it added.
    pub(crate) postings: usize,
    /// Whether it changed webhook endpoints.
    pub(crate) endpoints: bool,
    /// What it did to deliveries.
    pub(crate) deliveries: Vec<DeliveryChange>,
    /// Which incidents it noted.
    pub(crate) incidents: Vec<IncidentKind>,
    /// Where the differences stand that it changed.
    pub(crate) differences: Vec<DifferenceState>,
}

/// A commit that was made.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) note: CommitNote,
    /// The process that made it.
    pub(crate) process: ProcessId,
}

/// What a process left at the ports while it ran.
#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) commits: Vec<Commit>,
    /// The life that ended in a commit.
    pub(crate) doomed: Option<Boot>,
}

/// On which side of a commit a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Nothing was saved.
    Before,
    /// Everything was saved, and nobody was told.
    After,
}

pub(crate) struct Inner {
    pub(crate) choice: Choice,
    pub(crate) trace: Trace,
    pub(crate) queue: BTreeMap<(i64, u64), Event>,
    sequence: u64,
    waiting: BTreeMap<Ticket, (ProcessId, Option<Answer>)>,
    pub(crate) current: (ProcessId, Boot),
    pub(crate) outgoing: Vec<Outgoing>,
    pub(crate) commits: Vec<Commit>,
    pub(crate) marks: Marks,
    /// A commit killed this process; the world buries it as soon as it has control again.
    pub(crate) doomed: Option<Boot>,
    /// Crashes that a test ordered: the number of the commit and the side, in this order.
    pub(crate) armed: VecDeque<(u64, Side)>,
    /// Longest pause before a store call in milliseconds; 0: none, without using up chance.
    pub(crate) store_pause_ms: u32,
    /// How long every store call takes besides, because a story says so, milliseconds.
    pub(crate) store_takes_ms: i64,
}

/// Shared by everything in one run.
pub(crate) struct Hub {
    now_ms: AtomicI64,
    drawn: AtomicU64,
    /// What is drawn for what only some tiers have.
    drawn_aside: AtomicU64,
    is_aside: AtomicBool,
    seed: u64,
    inner: Mutex<Inner>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hub(now {})", self.now_ms())
    }
}

impl Hub {
    pub(crate) fn new(seed: u64, choice: Choice, trace: Trace, store_pause_ms: u32) -> Arc<Self> {
        Arc::new(Self {
            now_ms: AtomicI64::new(BEGIN_MS),
            drawn: AtomicU64::new(0),
            drawn_aside: AtomicU64::new(0),
            is_aside: AtomicBool::new(false),
            seed,
            inner: Mutex::new(Inner {
                choice,
                trace,
                queue: BTreeMap::new(),
                sequence: 0,
                waiting: BTreeMap::new(),
                current: (0, 0),
                outgoing: Vec::new(),
                commits: Vec::new(),
                marks: Marks::default(),
                doomed: None,
                armed: VecDeque::new(),
                store_pause_ms,
                store_takes_ms: 0,
            }),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// Time never goes back.
    pub(crate) fn advance(&self, to_ms: i64) {
        // One thread at a time: there is nobody to race with.
        let to_ms = to_ms.max(self.now_ms());
        self.now_ms.store(to_ms, Ordering::Relaxed);
    }

    /// A number that no other call in this run gets.
    pub(crate) fn unique(&self) -> u64 {
        let (drawn, seed) = if self.is_aside.load(Ordering::Relaxed) {
            (&self.drawn_aside, !self.seed)
        } else {
            (&self.drawn, self.seed)
        };
        let count = drawn.fetch_add(1, Ordering::Relaxed);
        crate::random::mix(seed ^ count.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// For as long as this lives, [`Hub::unique`] counts apart: what only some tiers draw must not change what all draw.
    pub(crate) fn aside(&self) -> Aside<'_> {
        self.is_aside.store(true, Ordering::Relaxed);
        Aside(self)
    }

    pub(crate) fn say(&self, what: fmt::Arguments<'_>) {
        let at = self.now_ms() - BEGIN_MS;
        self.lock().trace.add(at, what);
    }

    /// Something happens `after_ms` milliseconds from now.
    pub(crate) fn schedule(&self, after_ms: i64, event: Event) {
        let at = self.now_ms().saturating_add(after_ms.max(0));
        self.lock().schedule_at(at, event);
    }

    /// Parks the current process for as long as the world likes.
    pub(crate) fn pause(self: &Arc<Self>) -> Wait {
        let now = self.now_ms();
        let mut inner = self.lock();
        let ticket = inner.ticket();
        let longest = inner.store_pause_ms;
        let after = inner.choice.on(Lane::Store).duration_ms(longest) + inner.store_takes_ms;
        inner.schedule_at(now.saturating_add(after), Event::Resume(ticket));
        drop(inner);
        self.wait(ticket)
    }

    /// Gives a request to the network; the current process waits for the answer.
    pub(crate) fn send(self: &Arc<Self>, boot: Boot, request: SignedRequest) -> Wait {
        let mut inner = self.lock();
        let ticket = inner.ticket();
        inner.outgoing.push(Outgoing {
            ticket,
            boot,
            parcel: Parcel::Request(request),
        });
        drop(inner);
        self.wait(ticket)
    }

    /// Gives a webhook to the network; the current process waits for the answer.
    pub(crate) fn deliver(self: &Arc<Self>, boot: Boot, message: Message) -> Wait {
        let mut inner = self.lock();
        let ticket = inner.ticket();
        inner.outgoing.push(Outgoing {
            ticket,
            boot,
            parcel: Parcel::Webhook(Box::new(message)),
        });
        drop(inner);
        self.wait(ticket)
    }

    /// Something rare was seen.
    pub(crate) fn mark(&self, mark: Mark) {
        self.lock().marks.add(mark);
    }

    /// Parks the current process for ever: it is dead and does not know it yet.
    pub(crate) fn never(self: &Arc<Self>) -> Wait {
        let ticket = self.lock().ticket();
        self.wait(ticket)
    }

    fn wait(self: &Arc<Self>, ticket: Ticket) -> Wait {
        Wait {
            hub: Arc::clone(self),
            ticket,
        }
    }

    /// Answers a waiting call; returns who waited, unless nobody does any more.
    pub(crate) fn answer(&self, ticket: Ticket, answer: Answer) -> Option<ProcessId> {
        let mut inner = self.lock();
        let (process, slot) = inner.waiting.get_mut(&ticket)?;
        if slot.is_some() {
            return None;
        }
        *slot = Some(answer);
        Some(*process)
    }

    /// Forgets the calls of dead processes.
    pub(crate) fn forget(&self, is_dead: impl Fn(ProcessId) -> bool) {
        self.lock().waiting.retain(|_, (owner, _)| !is_dead(*owner));
    }
}

/// See [`Hub::aside`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Aside<'a>(&'a Hub);

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.0.is_aside.store(false, Ordering::Relaxed);
    }
}

impl Inner {
    /// A process that ran until it waits: what it left at the ports, and whether it waits for the world (and not for a lock
    /// inside the product).
    pub(crate) fn leave(&mut self, process: ProcessId) -> (Left, bool) {
        self.current = (0, 0);
        let left = Left {
            outgoing: std::mem::take(&mut self.outgoing),
            commits: std::mem::take(&mut self.commits),
            doomed: self.doomed.take(),
        };
        // The youngest tickets are the likeliest.
        let mut waiting = self.waiting.values().rev();
        (left, waiting.any(|(owner, _)| *owner == process))
    }

    fn ticket(&mut self) -> Ticket {
        self.sequence += 1;
        let owner = self.current.0;
        self.waiting.insert(self.sequence, (owner, None));
        self.sequence
    }

    /// Takes the earliest event, unless it is later than this.
    pub(crate) fn pop(&mut self, until_ms: i64) -> Option<(i64, Event)> {
        let first = self.queue.first_entry()?;
        let at = first.key().0;
        (at <= until_ms).then(|| (at, first.remove()))
    }

    pub(crate) fn schedule_at(&mut self, at_ms: i64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at_ms, self.sequence), event);
    }
}

/// A call that waits for the world.
#[derive(Debug)]
pub(crate) struct Wait {
    hub: Arc<Hub>,
    ticket: Ticket,
}

impl Future for Wait {
    type Output = Answer;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Answer> {
        let mut inner = self.hub.lock();
        let answered = inner
            .waiting
            .get_mut(&self.ticket)
            .and_then(|(_, answer)| answer.take());
        match answered {
            Some(answer) => {
                inner.waiting.remove(&self.ticket);
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}
