//! One merchant, and the one door through which every call for it goes: breaker first, then limits, then WeChat.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shouyin_core::id::{Appid, Mchid};
use shouyin_core::outcome::{Doubt, LOCAL_LIMIT, Outcome, Refusal, RefusalKind};
use shouyin_core::ports::{Clock, NotServed};
use shouyin_core::product::Product;
use tracing::{info, warn};
use wechatpay::text;
use wechatpay::v3;

use crate::breaker::{Breaker, BreakerSettings, BreakerStatus, Change, Heard, Pass};
use crate::limits::{Call, Limits, OverLimit, Recent};
use crate::outcome::{heard, outcome, was_refused};
use crate::protocol::{Protocol, Protocols};

/// One merchant number at WeChat Pay, with everything needed to act for it.
#[derive(Debug)]
pub struct MerchantAccount {
    /// The SDK's clients, which hold the keys.
    pub protocols: Protocols,
    /// The apps it takes payments in.
    pub apps: BTreeMap<Appid, AppKind>,
    /// Whether WeChat granted it payment codes by APIv3. Most merchants have them by the older protocol only
    /// (WeChat Pay APIv3, "codepay": sources disagree on whether it exists for everybody; UNCONFIRMED).
    pub v3_codes: bool,
    /// The shop's site for browsers outside WeChat; the older protocol asks for it.
    pub h5_site: Option<H5Site>,
    /// Where WeChat sends notifications of payments and refunds.
    pub notify_url: text::NotifyUrl,
}

/// What an app is at WeChat. The kinds are not interchangeable: each has its own users and its own cashier
/// (WeChat Pay APIv3, "order", `appid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppKind {
    /// A mini program.
    #[default]
    MiniProgram,
    /// An official account: pages inside WeChat.
    OfficialAccount,
    /// A mobile app of the merchant's own.
    MobileApp,
}

impl AppKind {
    /// The name in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MiniProgram => "mini_program",
            Self::OfficialAccount => "official_account",
            Self::MobileApp => "mobile_app",
        }
    }

    /// The kind that a product needs; `None`: any will do.
    const fn needed_for(product: Product) -> Option<Self> {
        match product {
            Product::MiniProgram => Some(Self::MiniProgram),
            Product::Jsapi => Some(Self::OfficialAccount),
            Product::App => Some(Self::MobileApp),
            Product::Native | Product::H5 | Product::Code => None,
        }
    }
}

/// A shop's site, as it is registered in WeChat's console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct H5Site {
    /// Its address.
    pub url: String,
    /// Its name.
    pub name: String,
}

impl MerchantAccount {
    /// The protocol that new orders of a product go by.
    pub fn protocol(&self, product: Product) -> Protocol {
        let has_v2 = self.protocols.as_v2().is_some();
        match product {
            Product::Code if has_v2 && !self.v3_codes => Protocol::V2,
            Product::MiniProgram
            | Product::Jsapi
            | Product::Native
            | Product::App
            | Product::H5
            | Product::Code => self.protocols.new_orders(),
        }
    }

    /// Whether it takes such payments in this app.
    pub(crate) fn serves(&self, appid: &Appid, product: Product) -> Result<(), NotServed> {
        let kind = self.apps.get(appid).ok_or(NotServed::App)?;
        if let Some(needed) = AppKind::needed_for(product).filter(|needed| needed != kind) {
            return Err(NotServed::Product(format!(
                "product {} needs an app of kind {}, and {appid} is configured as {}",
                product.as_str(),
                needed.as_str(),
                kind.as_str()
            )));
        }
        match (product, self.protocol(product)) {
            (Product::Code, Protocol::V3) if !self.v3_codes => Err(NotServed::Product(
                "payment codes need the merchant's keys of the older protocol, or v3_codes = true if WeChat granted them by APIv3".into(),
            )),
            (Product::H5, Protocol::V2) if self.h5_site.is_none() => Err(NotServed::Product(
                "by the older protocol, payments in browsers need h5_site in the merchant's configuration".into(),
            )),
            _ => Ok(()),
        }
    }
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
