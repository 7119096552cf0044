//! All chance of a run: so many bytes. When they are used up, every answer is the quiet one and chaos is over.
//!
//! Every turn of an actor has a string of its own, and so has everything else that can go one way or another, made from the
//! seed and its name or number: if somebody is silenced, the others decide as before. How many bytes there are is counted over
//! all of them.

use crate::random::{Stream, mix};
use crate::silence::Actor;

/// What can go wrong. Which of them can in a given run, and how often, is drawn once per run (see [`crate::swarm`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A request to WeChat finds no connection.
    NotSent,
    /// A request to WeChat disappears on its way.
    RequestLost,
    /// A request to WeChat arrives after its sender has given up.
    RequestLate,
    /// WeChat's answer disappears.
    AnswerLost,
    /// WeChat's answer arrives seconds late, perhaps too late.
    AnswerLate,
    /// WeChat answers 500 and does nothing.
    ServerErrorBefore,
    /// WeChat does it and answers 500.
    ServerErrorAfter,
    /// WeChat answers 429 and does nothing.
    RateLimited,
    /// The second half of an answer's body is missing.
    Truncated,
    /// An answer was changed on its way: a query is told that the order is paid, or is not.
    Altered,
    /// An answer carries another signature than WeChat's.
    WrongSignature,
    /// A notification disappears; WeChat tries again.
    NotificationLost,
    /// A notification arrives late, behind later ones.
    NotificationLate,
    /// A notification arrives twice.
    NotificationDoubled,
    /// Our answer to a notification disappears.
    NotificationAnswerLost,
    /// The database refuses a commit: nothing is saved.
    StoreUnavailable,
    /// The process dies just before a commit.
    CrashBeforeCommit,
    /// The process dies just after a commit.
    CrashAfterCommit,
    /// The answer to a shop or a phone disappears.
    ClientAnswerLost,
    /// The clock of a process is wrong when it starts.
    ClockSkew,
    /// WeChat takes a refund and needs days for it.
    RefundSlow,
    /// The payer's bank cannot take a refund.
    RefundAbnormal,
    /// WeChat takes a refund and closes it.
    RefundClosed,
    /// WeChat says, well signed, that an order is closed, and takes money for it all the same.
    WechatLies,
    /// A webhook disappears on its way.
    WebhookLost,
    /// A merchant's receiver answers 500 and forgets.
    WebhookRefused,
    /// A merchant's receiver sends us elsewhere.
    WebhookRedirected,
    /// A merchant's receiver takes a webhook; its answer disappears.
    WebhookUnanswered,
    /// A merchant's receiver takes its time, perhaps too much.
    WebhookSlow,
}

impl Fault {
    /// All of them, in the order of their weights.
    pub const ALL: [Fault; 29] = [
        Fault::NotSent,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::AnswerLost,
        Fault::AnswerLate,
        Fault::ServerErrorBefore,
        Fault::ServerErrorAfter,
        Fault::RateLimited,
        Fault::Truncated,
        Fault::Altered,
        Fault::WrongSignature,
        Fault::NotificationLost,
        Fault::NotificationLate,
        Fault::NotificationDoubled,
        Fault::NotificationAnswerLost,
        Fault::StoreUnavailable,
        Fault::CrashBeforeCommit,
        Fault::CrashAfterCommit,
        Fault::ClientAnswerLost,
        Fault::ClockSkew,
        Fault::RefundSlow,
        Fault::RefundAbnormal,
        Fault::RefundClosed,
        Fault::WechatLies,
        Fault::WebhookLost,
        Fault::WebhookRefused,
        Fault::WebhookRedirected,
        Fault::WebhookUnanswered,
        Fault::WebhookSlow,
    ];

    /// What can happen to one call to WeChat.
    pub const OF_A_CALL: [Fault; 11] = [
        Fault::NotSent,
        Fault::RequestLost,
        Fault::RequestLate,
        Fault::AnswerLost,
        Fault::AnswerLate,
        Fault::ServerErrorBefore,
        Fault::ServerErrorAfter,
        Fault::RateLimited,
        Fault::Truncated,
        Fault::Altered,
        Fault::WrongSignature,
    ];

    /// What can happen to one notification under way.
    pub const OF_A_NOTIFICATION: [Fault; 3] = [
        Fault::NotificationLost,
        Fault::NotificationLate,
        Fault::NotificationDoubled,
    ];

    /// How a refund that WeChat takes can go.
    pub const OF_A_REFUND: [Fault; 3] = [
        Fault::RefundSlow,
        Fault::RefundAbnormal,
        Fault::RefundClosed,
    ];

    /// What can happen to one webhook.
    pub const OF_A_WEBHOOK: [Fault; 5] = [
        Fault::WebhookLost,
        Fault::WebhookRefused,
        Fault::WebhookRedirected,
        Fault::WebhookUnanswered,
        Fault::WebhookSlow,
    ];

    /// What can happen to one commit.
    pub const OF_A_COMMIT: [Fault; 3] = [
        Fault::StoreUnavailable,
        Fault::CrashBeforeCommit,
        Fault::CrashAfterCommit,
    ];

    fn index(self) -> usize {
        Fault::ALL
            .iter()
            .position(|fault| *fault == self)
            .unwrap_or(Fault::ALL.len())
    }
}

/// How often each fault happens, of 256 times it could.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Weights {
    of: [u32; Fault::ALL.len()],
    /// Those that are drawn, and then do not happen.
    muted: [bool; Fault::ALL.len()],
}

impl Weights {
    /// No fault ever.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets one weight, of 256.
    pub fn set(&mut self, fault: Fault, weight: u32) {
        if let Some(slot) = self.of.get_mut(fault.index()) {
            *slot = weight;
        }
    }

    /// From now on this fault never happens; what else is drawn stays the same.
    pub fn mute(&mut self, fault: Fault) {
        if let Some(slot) = self.muted.get_mut(fault.index()) {
            *slot = true;
        }
    }

    /// One weight, of 256; none for what never happens.
    pub fn of(&self, fault: Fault) -> u32 {
        if self.is_muted(fault) {
            0
        } else {
            self.drawn(fault)
        }
    }

    fn drawn(&self, fault: Fault) -> u32 {
        self.of.get(fault.index()).copied().unwrap_or(0)
    }

    fn is_muted(&self, fault: Fault) -> bool {
        self.muted.get(fault.index()).copied().unwrap_or(false)
    }
}

/// Who draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Who acts next, and how much happens until then.
    World,
    /// Whoever's turn it is.
    Turn,
    /// Faults that are somebody's doing, and what belongs to them.
    Of(Actor),
    /// How long ways are.
    Ways,
    /// How long the database takes.
    Store,
    /// Which server a client finds.
    Servers,
}

impl Lane {
    const COUNT: usize = 5 + Actor::ALL.len();

    fn index(self) -> usize {
        match self {
            Lane::World => 0,
            Lane::Ways => 1,
            Lane::Store => 2,
            Lane::Servers => 3,
            Lane::Turn => 4,
            Lane::Of(actor) => 5 + actor.index(),
        }
    }

    fn name(index: usize) -> &'static str {
        match index {
            0 => "world",
            1 => "ways",
            2 => "store",
            3 => "servers",
            4 => "turn",
            other => Actor::ALL
                .get(other - 5)
                .map_or("nobody", |actor| actor.as_str()),
        }
    }
}

/// A string of bytes without an end.
#[derive(Debug, Clone)]
struct Bytes {
    stream: Stream,
    word: u64,
    left: u32,
}

impl Bytes {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            word: 0,
            left: 0,
        }
    }

    fn next(&mut self) -> u32 {
        if self.left == 0 {
            self.word = self.stream.next();
            self.left = 8;
        }
        self.left -= 1;
        let [byte, ..] = self.word.to_le_bytes();
        self.word >>= 8;
        u32::from(byte)
    }
}

/// The strings of bytes, and how many may still be drawn from all of them together.
#[derive(Debug, Clone)]
pub struct Choice {
    seed: u64,
    turns: u64,
    lanes: Vec<Bytes>,
    left: usize,
    weights: Weights,
}

impl Choice {
    /// `size` bytes made from `seed`.
    pub fn from_seed(seed: u64, size: usize, weights: Weights) -> Self {
        let bytes = |index| Bytes::new(Stream::new(seed, Lane::name(index)));
        Self {
            seed,
            turns: 0,
            lanes: (0..Lane::COUNT).map(bytes).collect(),
            left: size,
            weights,
        }
    }

    /// No bytes: everything goes well, in order.
    pub fn none() -> Self {
        Self {
            seed: 0,
            turns: 0,
            lanes: Vec::new(),
            left: 0,
            weights: Weights::none(),
        }
    }

    /// True once all bytes are used. To be asked between events only: what has begun is finished by the quiet answers.
    pub fn is_over(&self) -> bool {
        self.left == 0
    }

    /// From now on nothing is random any more.
    pub fn end(&mut self) {
        self.left = 0;
        self.weights = Weights::none();
    }

    /// The next actor's turn: what it draws does not depend on how much others have drawn.
    pub(crate) fn next_turn(&mut self) {
        self.turns += 1;
        let seed = mix(self.seed ^ self.turns.rotate_left(32));
        if let Some(bytes) = self.lanes.get_mut(Lane::Turn.index()) {
            *bytes = Bytes::new(Stream::new(seed, Lane::name(Lane::Turn.index())));
        }
    }

    /// Draws from this lane.
    pub(crate) fn on(&mut self, lane: Lane) -> Draw<'_> {
        Draw { choice: self, lane }
    }

    fn byte(&mut self, lane: Lane) -> u32 {
        match (self.left.checked_sub(1), self.lanes.get_mut(lane.index())) {
            (Some(left), Some(bytes)) => {
                self.left = left;
                bytes.next()
            }
            _ => 0,
        }
    }

    /// Whether this fault happens now. Costs nothing where its weight is zero.
    pub fn happens(&mut self, fault: Fault) -> bool {
        self.pick(&[fault]).is_some()
    }

    /// At most one of these faults, for the price of one byte.
    pub fn pick(&mut self, faults: &[Fault]) -> Option<Fault> {
        let lane = Lane::Of(Actor::of_fault(*faults.first()?));
        let can_happen = |fault: &Fault| self.weights.drawn(*fault) > 0;
        if self.is_over() || !faults.iter().any(can_happen) {
            return None;
        }
        let mut left = self.byte(lane);
        for fault in faults {
            let weight = self.weights.drawn(*fault);
            if left < weight {
                return Some(*fault).filter(|fault| !self.weights.is_muted(*fault));
            }
            left -= weight;
        }
        None
    }
}

/// The choices of one lane.
#[derive(Debug)]
pub(crate) struct Draw<'a> {
    choice: &'a mut Choice,
    lane: Lane,
}

impl Draw<'_> {
    fn byte(&mut self) -> u32 {
        self.choice.byte(self.lane)
    }

    /// A number from 0 to `max`. Uses as many bytes as `max` needs; 0 when none are left.
    pub(crate) fn upto(&mut self, max: u32) -> u32 {
        match max {
            0 => 0,
            1..=0xff => self.byte() % (max + 1),
            0x100..=0xffff => (self.byte() << 8 | self.byte()) % (max + 1),
            _ => {
                let wide = self.byte() << 24 | self.byte() << 16 | self.byte() << 8 | self.byte();
                max.checked_add(1).map_or(wide, |limit| wide % limit)
            }
        }
    }

    /// An index into a list of `len` things (0 for an empty list).
    pub(crate) fn index(&mut self, len: usize) -> usize {
        let max = u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX);
        usize::try_from(self.upto(max)).unwrap_or(0)
    }

    /// A duration in milliseconds, mostly short, at most `max_ms`: its size is drawn first, then its value.
    pub(crate) fn duration_ms(&mut self, max_ms: u32) -> i64 {
        if max_ms == 0 {
            return 0;
        }
        let bits = u32::BITS - max_ms.leading_zeros();
        let longest = max_ms >> self.upto(bits);
        i64::from(self.upto(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(choice: &mut Choice, lane: Lane, count: u32) -> Vec<u32> {
        (0..count).map(|_| choice.on(lane).upto(300)).collect()
    }

    #[test]
    fn the_same_seed_and_size_give_the_same_choices() {
        let draw = |seed| {
            let mut choice = Choice::from_seed(seed, 64, Weights::none());
            draws(&mut choice, Lane::World, 40)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn nobody_decides_otherwise_because_somebody_else_draws_more_or_less() {
        let choice = || Choice::from_seed(7, 1_024, Weights::none());
        let (mut alone, mut together) = (choice(), choice());
        let expected = draws(&mut alone, Lane::Store, 20);
        draws(&mut together, Lane::Of(Actor::Attacker), 30);
        assert_eq!(draws(&mut together, Lane::Store, 20), expected);
    }

    #[test]
    fn what_is_muted_is_drawn_and_does_not_happen() {
        let mut weights = Weights::none();
        weights.set(Fault::RequestLost, 100);
        weights.set(Fault::AnswerLost, 100);
        let picks = |weights: &Weights| {
            let mut choice = Choice::from_seed(7, 1_024, weights.clone());
            let pick = |_| choice.pick(&Fault::OF_A_CALL);
            (0..200).map(pick).collect::<Vec<_>>()
        };
        let all = picks(&weights);
        assert!(all.contains(&Some(Fault::RequestLost)));
        weights.mute(Fault::RequestLost);
        let without = |pick: &Option<Fault>| pick.filter(|fault| *fault != Fault::RequestLost);
        assert_eq!(picks(&weights), all.iter().map(without).collect::<Vec<_>>());
        assert_eq!(weights.of(Fault::RequestLost), 0);
    }

    #[test]
    fn when_the_bytes_end_all_answers_are_quiet() {
        let mut weights = Weights::none();
        weights.set(Fault::AnswerLost, 256);
        let mut choice = Choice::from_seed(1, 2, weights);
        assert!(choice.happens(Fault::AnswerLost));
        assert!(!choice.happens(Fault::NotSent), "weight zero");
        assert!(!choice.is_over(), "a weight of zero costs nothing");
        choice.on(Lane::Ways).upto(9);
        assert!(choice.is_over());
        assert_eq!(choice.on(Lane::Ways).upto(70_000), 0);
        assert!(!choice.happens(Fault::AnswerLost));
    }

    #[test]
    fn numbers_stay_within_their_limit() {
        let mut choice = Choice::from_seed(3, 4096, Weights::none());
        let mut draw = choice.on(Lane::World);
        for max in [0, 1, 2, 200, 255, 256, 65_535, 65_536, u32::MAX] {
            assert!(draw.upto(max) <= max);
            assert!(draw.duration_ms(max) <= i64::from(max));
        }
        assert_eq!(draw.index(0), 0);
    }
}
