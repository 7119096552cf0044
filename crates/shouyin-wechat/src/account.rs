//! One merchant, and the one door through which every call for it goes: breaker first, then limits, then WeChat.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shouyin_core::id::{Appid, Mchid};
use shouyin_core::outcome::{Doubt, LOCAL_LIMIT, Outcome, Refusal, RefusalKind};
use shouyin_core::ports::Clock;
use tracing::{info, warn};
use wechatpay::text;
use wechatpay::v3;

use crate::breaker::{Breaker, BreakerSettings, BreakerStatus, Change, Heard, Pass};
use crate::limits::{Call, Limits, OverLimit, Recent};
use crate::outcome::{heard, outcome, was_refused};
use crate::protocol::Protocols;

/// One merchant number at WeChat Pay, with everything needed to act for it.
#[derive(Debug)]
pub struct MerchantAccount {
    /// The SDK's clients, which hold the keys.
    pub protocols: Protocols,
    /// The apps it takes payments in.
    pub appids: BTreeSet<Appid>,
    /// Where WeChat sends notifications of payments and refunds.
    pub notify_url: text::NotifyUrl,
}

/// A merchant account and what was said for it lately.
#[derive(Debug)]
pub(crate) struct Account {
    mchid: Mchid,
    pub(crate) merchant: Arc<MerchantAccount>,
    manners: Mutex<Manners>,
}

/// Everything that decides whether a call is made now. Of one merchant: what one does never holds another back.
#[derive(Debug)]
struct Manners {
    breaker: Breaker,
    recent: Recent,
}

impl Account {
    pub(crate) fn new(mchid: Mchid, merchant: MerchantAccount) -> Self {
        Self {
            mchid,
            merchant: Arc::new(merchant),
            manners: Mutex::new(Manners {
                breaker: Breaker::new(BreakerSettings::default()),
                recent: Recent::new(Limits::default()),
            }),
        }
    }

    pub(crate) fn set_limits(&self, limits: Limits) {
        self.manners().recent = Recent::new(limits);
    }

    pub(crate) fn set_breaker(&self, settings: BreakerSettings) {
        self.manners().breaker = Breaker::new(settings);
    }

    pub(crate) fn status(&self) -> BreakerStatus {
        self.manners().breaker.status()
    }

    /// Makes a call, if it may be made now. `sent` does nothing before it is awaited.
    pub(crate) async fn send<W, T>(
        &self,
        clock: Option<&dyn Clock>,
        call: Call,
        sent: impl Future<Output = v3::Outcome<W>>,
        read: impl FnOnce(W) -> Result<T, String>,
    ) -> Outcome<T> {
        let Some(clock) = clock else {
            return outcome(sent.await, read);
        };
        let ticket = match self.enter(clock, call) {
            Ok(ticket) => ticket,
            Err(refused) => return refused.into(),
        };
        let answer = sent.await;
        ticket.leave(heard(&answer), was_refused(&answer));
        outcome(answer, read)
    }

    fn enter<'a>(&'a self, clock: &'a dyn Clock, call: Call) -> Result<Ticket<'a>, NotNow> {
        let now = clock.now();
        let mut manners = self.manners();
        let pass = manners
            .breaker
            .admit(now)
            .map_err(|held| NotNow::HeldBack(held.to_string()))?;
        if let Err(over) = manners.recent.take(call, now.as_millis()) {
            manners.breaker.withdraw(pass);
            return Err(NotNow::OverLimit(over));
        }
        Ok(Ticket {
            account: self,
            clock,
            call,
            pass: Some(pass),
        })
    }

    // Every change of them is complete in itself, so a panic elsewhere does not make them unusable.
    fn manners(&self) -> MutexGuard<'_, Manners> {
        self.manners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a call was not made.
enum NotNow {
    HeldBack(String),
    OverLimit(OverLimit),
}

impl<T> From<NotNow> for Outcome<T> {
    fn from(why: NotNow) -> Self {
        match why {
            NotNow::HeldBack(reason) => Outcome::Unknown(Doubt {
                reason,
                code: None,
                request_id: None,
                not_sent: true,
            }),
            NotNow::OverLimit(over) => Outcome::Blocked(Refusal {
                kind: RefusalKind::RateLimited,
                code: LOCAL_LIMIT.into(),
                message: over.to_string(),
                request_id: None,
                // Ours, so there is no signature to check: it proves that nothing was sent.
                verified: true,
            }),
        }
    }
}

/// A call on its way. A caller may go away in the middle of it: then nothing is learnt, and nothing stays taken.
struct Ticket<'a> {
    account: &'a Account,
    clock: &'a dyn Clock,
    call: Call,
    pass: Option<Pass>,
}

impl Ticket<'_> {
    fn leave(mut self, heard: Heard, refused: bool) {
        let now = self.clock.now();
        let Some(pass) = self.pass.take() else { return };
        let change = {
            let mut manners = self.account.manners();
            if refused {
                manners.recent.refused(self.call, now.as_millis());
            }
            manners.breaker.report(pass, heard, now)
        };
        let mchid = self.account.mchid.as_str();
        match change {
            None => {}
            Some(Change::Opened) => warn!(
                mchid,
                "WeChat does not answer; calls for this merchant are held back"
            ),
            Some(Change::Closed) => info!(mchid, "WeChat answers again"),
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(pass) = self.pass.take() {
            self.account.manners().breaker.withdraw(pass);
        }
    }
}
