//! Marks: rare things, counted where the world sees them happen. The product knows nothing of them. A long search prints
//! them all, so that a branch nobody ever reaches is noticed.

use std::fmt;

macro_rules! marks {
    ($($name:ident: $text:literal),* $(,)?) => {
        /// Something rare that a run may come across.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mark {
            $(#[doc = $text] $name),*
        }

        impl Mark {
            /// All of them.
            pub const ALL: &'static [Mark] = &[$(Mark::$name),*];

            /// What happened, for people.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Mark::$name => $text),*
                }
            }
        }
    };
}

marks! {
    PaidWhileClosing: "a payment was paid while it was being closed",
    PaidLate: "a payment was paid after it was closed",
    SurplusPaid: "a second success on one payment",
    RevisedBeforePay: "a payment was revised before anybody had an order",
    RevisedWithOrder: "a payment was revised while an order was open",
    CloseFirst: "a tap had to wait for a revised order to be closed",
    LateAnswer: "an answer of WeChat's came after its caller had given up",
    LateRequest: "a request arrived after its sender had given up",
    LeaseExpired: "a lease ended while its holder still waited",
    CrashInRecovery: "a process died again within a minute of its start",
    TwoAtOnce: "two processes changed one payment in one instant",
    Conflict: "the store reported a conflict",
    RefundTooEarly: "the notification of a refund overtook the news of its payment",
    RefundAnswerLost: "the answer to a refund call was lost",
    RefundTakenTwice: "a refund was sent again that WeChat had already",
    RefundNotEnough: "a refund waited for money",
    RefundNotEnoughPaid: "a refund that had waited for money succeeded",
    RefundAbnormal: "a refund became abnormal",
    RefundRemedied: "an abnormal refund succeeded in another way",
    RefundClosed: "WeChat closed a refund",
    RefundRejected: "WeChat refused a refund at once",
    RefundRejectedLater: "WeChat refused a refund that was sent more than once",
    RefundTooMuch: "a refund of more than is left was refused here",
    RefundRefused: "a refund was refused here for another reason",
    RefundNoTaken: "a refund_no was used again with other parameters",
    RefundRepeated: "a refund was asked for again under its number",
    RefundSpaced: "a refund waited for the minute after another one",
    RefundByHand: "a refund made in WeChat's console was found",
    RefundExceeds: "refunds by hand and by us together exceeded what was paid",
    RefundLatePolicy: "late money was sent back by policy",
    RefundSurplusPolicy: "surplus was sent back by policy",
    RefundFinalRepeated: "a final refund was reported again",
    WebhookRefused: "a receiver answered 5xx",
    WebhookRedirected: "a receiver answered with a redirect",
    WebhookUnanswered: "a receiver took a webhook and its answer was lost",
    WebhookTwice: "a receiver got the same event again",
    WebhookReceiverGone: "a receiver could not be reached",
    WebhookTwoSecrets: "a webhook was signed with two secrets",
    WebhookGivenUp: "a delivery was given up",
    EndpointDisabled: "an endpoint was disabled because it failed for too long",
    EndpointEnabledAgain: "a disabled endpoint was enabled again",
    EndpointDeleted: "an endpoint was deleted",
    WebhookResent: "an event was sent again on request",
    UnknownKey: "a notification came under a key that was not configured",
    Stale: "a notification was too old",
    Probe: "a signature probe was refused",
    ForgedRefund: "a forged notification of a refund was refused",
    Spliced: "news of a refund that nobody signed was put together by somebody, and had no effect",
    CodePaying: "a till was told that the payer is still paying",
    CodeRefused: "a till was told that a code was refused",
    CodeReversed: "an unpaid charge was taken back",
    CodePaidBack: "a charge was taken back that was paid before that was decided",
    CodePaidTooLate: "a charge was paid while it was being taken back",
    CodeRecall: "a reversal had to be repeated because the payer was typing",
    Moved: "a merchant moved to the other protocol while orders were under way",
    BillSpoiled: "something was to be wrong in a bill",
    BillAsked: "a bill told of money that our books did not have",
    BillBooked: "what a bill had told of was in our books later",
    BillLate: "a line that had been missing came in a later bill",
    BillDiffers: "a difference between a bill and our books was found",
    WechatLied: "WeChat said closed and took money all the same",
}

/// How often each mark was reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<u64>);

impl Marks {
    fn index(mark: Mark) -> usize {
        Mark::ALL
            .iter()
            .position(|known| *known == mark)
            .unwrap_or_default()
    }

    pub(crate) fn add(&mut self, mark: Mark) {
        self.0.resize(Mark::ALL.len(), 0);
        if let Some(count) = self.0.get_mut(Self::index(mark)) {
            *count += 1;
        }
    }

    /// How often this one was reached.
    pub fn count(&self, mark: Mark) -> u64 {
        self.0.get(Self::index(mark)).copied().unwrap_or(0)
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.0.resize(Mark::ALL.len(), 0);
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            *sum += count;
        }
    }

    /// Those that were never reached.
    pub fn never(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL
            .iter()
            .copied()
            .filter(|mark| self.count(*mark) == 0)
    }
}

impl fmt::Display for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mark in Mark::ALL {
            match self.count(*mark) {
                0 => writeln!(f, "  never reached  {}", mark.as_str())?,
                count => writeln!(f, "{count:>15}  {}", mark.as_str())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_add_up_over_runs() {
        let mut sum = Marks::default();
        assert_eq!(sum.never().count(), Mark::ALL.len());
        let mut run = Marks::default();
        run.add(Mark::SurplusPaid);
        run.add(Mark::SurplusPaid);
        sum.merge(&run);
        sum.merge(&run);
        assert_eq!(sum.count(Mark::SurplusPaid), 4);
        assert!(sum.to_string().contains("4  a second success"));
        assert!(!sum.never().any(|mark| mark == Mark::SurplusPaid));
    }
}
