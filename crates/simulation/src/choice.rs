//! All chance of a run: one finite string of bytes. When it ends, every answer is the quiet one and chaos is over.

use crate::random::Stream;

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
pub struct Weights([u32; Fault::ALL.len()]);

impl Weights {
    /// No fault ever.
    pub fn none() -> Self {
        Self::default()
    }

    /// Sets one weight, of 256.
    pub fn set(&mut self, fault: Fault, weight: u32) {
        if let Some(slot) = self.0.get_mut(fault.index()) {
            *slot = weight;
        }
    }

    /// One weight, of 256.
    pub fn of(&self, fault: Fault) -> u32 {
        self.0.get(fault.index()).copied().unwrap_or(0)
    }
}

/// The string of bytes and the place reached in it.
#[derive(Debug, Clone)]
pub struct Choice {
    bytes: Vec<u8>,
    at: usize,
    weights: Weights,
}

impl Choice {
    /// `size` bytes made from `seed`.
    pub fn from_seed(seed: u64, size: usize, weights: Weights) -> Self {
        let mut stream = Stream::new(seed, "chaos");
        let mut bytes = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend_from_slice(&stream.next().to_le_bytes());
        }
        bytes.truncate(size);
        Self {
            bytes,
            at: 0,
            weights,
        }
    }

    /// No bytes: everything goes well, in order.
    pub fn none() -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            weights: Weights::none(),
        }
    }

    /// True once all bytes are used. To be asked between events only: what has begun is finished by the quiet answers.
    pub fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// From now on nothing is random any more.
    pub fn end(&mut self) {
        self.at = self.bytes.len();
        self.weights = Weights::none();
    }

    fn byte(&mut self) -> u32 {
        match self.bytes.get(self.at) {
            Some(byte) => {
                self.at += 1;
                u32::from(*byte)
            }
            None => 0,
        }
    }

    /// A number from 0 to `max`. Uses as many bytes as `max` needs; 0 when none are left.
    pub fn upto(&mut self, max: u32) -> u32 {
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
    pub fn index(&mut self, len: usize) -> usize {
        let max = u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX);
        usize::try_from(self.upto(max)).unwrap_or(0)
    }

    /// A duration in milliseconds, mostly short, at most `max_ms`: its size is drawn first, then its value.
    pub fn duration_ms(&mut self, max_ms: u32) -> i64 {
        if max_ms == 0 {
            return 0;
        }
        let bits = u32::BITS - max_ms.leading_zeros();
        let longest = max_ms >> self.upto(bits);
        i64::from(self.upto(longest))
    }

    /// Whether this fault happens now. Costs nothing where its weight is zero.
    pub fn happens(&mut self, fault: Fault) -> bool {
        self.pick(&[fault]).is_some()
    }

    /// At most one of these faults, for the price of one byte.
    pub fn pick(&mut self, faults: &[Fault]) -> Option<Fault> {
        if self.is_over() || faults.iter().all(|fault| self.weights.of(*fault) == 0) {
            return None;
        }
        let mut left = self.byte();
        for fault in faults {
            let weight = self.weights.of(*fault);
            if left < weight {
                return Some(*fault);
            }
            left -= weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_size_give_the_same_choices() {
        let draw = |seed| {
            let mut choice = Choice::from_seed(seed, 64, Weights::none());
            (0..40).map(|_| choice.upto(300)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn when_the_bytes_end_all_answers_are_quiet() {
        let mut weights = Weights::none();
        weights.set(Fault::AnswerLost, 256);
        let mut choice = Choice::from_seed(1, 2, weights);
        assert!(choice.happens(Fault::AnswerLost));
        assert!(!choice.happens(Fault::NotSent), "weight zero");
        assert!(!choice.is_over(), "a weight of zero costs nothing");
        choice.upto(9);
        assert!(choice.is_over());
        assert_eq!(choice.upto(70_000), 0);
        assert!(!choice.happens(Fault::AnswerLost));
    }

    #[test]
    fn numbers_stay_within_their_limit() {
        let mut choice = Choice::from_seed(3, 4096, Weights::none());
        for max in [0, 1, 2, 200, 255, 256, 65_535, 65_536, u32::MAX] {
            assert!(choice.upto(max) <= max);
            assert!(choice.duration_ms(max) <= i64::from(max));
        }
        assert_eq!(choice.index(0), 0);
    }
}
