//! Who may be left out of a run: actors, single actions, faults and safety nets. Nobody else decides otherwise because of it,
//! so a run without somebody shows whether they matter. Written behind a seed: `4711:42!attacker,operator`.

use std::collections::BTreeSet;
use std::fmt;

use crate::actors::Action;
use crate::choice::Fault;
use crate::products::mini_program;
use crate::run::Seed;
use crate::speaks::Speaks;
use crate::swarm::Swarm;

/// Who does things, or lets them happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// Shoppers and their phones.
    Shopper,
    /// The merchants' backends.
    Merchant,
    /// What the merchants do about their endpoints.
    Endpoints,
    /// The merchants' receivers.
    Receivers,
    /// People in WeChat's console.
    Console,
    /// Forges, replays and alters.
    Attacker,
    /// Sets clocks and keys.
    Operator,
    /// Kills processes.
    Reaper,
    /// The way to WeChat.
    Network,
    /// The way of WeChat's notifications.
    Post,
    /// The way back to shops and phones.
    Lines,
    /// The database.
    Database,
    /// How refunds end.
    Bank,
    /// A WeChat that breaks its word.
    Liar,
    /// Lets long times pass.
    Time,
    /// Makes mistakes in WeChat's bills.
    Clerk,
    /// The till, and whoever shows a payment code there.
    Till,
}

impl Actor {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Shopper,
        Self::Merchant,
        Self::Endpoints,
        Self::Receivers,
        Self::Console,
        Self::Attacker,
        Self::Operator,
        Self::Reaper,
        Self::Network,
        Self::Post,
        Self::Lines,
        Self::Database,
        Self::Bank,
        Self::Liar,
        Self::Time,
        Self::Clerk,
        Self::Till,
    ];

    /// The name in seeds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shopper => "shopper",
            Self::Merchant => "merchant",
            Self::Endpoints => "endpoints",
            Self::Receivers => "receivers",
            Self::Console => "console",
            Self::Attacker => "attacker",
            Self::Operator => "operator",
            Self::Reaper => "reaper",
            Self::Network => "network",
            Self::Post => "post",
            Self::Lines => "lines",
            Self::Database => "database",
            Self::Bank => "bank",
            Self::Liar => "liar",
            Self::Time => "time",
            Self::Clerk => "clerk",
            Self::Till => "till",
        }
    }

    pub(crate) fn index(self) -> usize {
        let found = Self::ALL.iter().position(|actor| *actor == self);
        found.unwrap_or(Self::ALL.len())
    }

    /// Whose doing an action is.
    pub(crate) const fn of_action(action: Action) -> Self {
        match action {
            Action::Tap | Action::AtTheCashier | Action::Confirm => Self::Shopper,
            Action::Create
            | Action::CreateAgain
            | Action::Close
            | Action::Revise
            | Action::Refund
            | Action::SyncRefund
            | Action::Remedy => Self::Merchant,
            Action::ChangeEndpoint | Action::Resend => Self::Endpoints,
            Action::LoseReceiver => Self::Receivers,
            Action::RefundByHand | Action::SetBalance => Self::Console,
            Action::Forge | Action::Replay => Self::Attacker,
            Action::RotateKey | Action::StepClock | Action::Move => Self::Operator,
            Action::Crash => Self::Reaper,
            Action::Jump => Self::Time,
            Action::SpoilBill => Self::Clerk,
            Action::Scan | Action::TypePassword => Self::Till,
        }
    }

    /// Whose doing a fault is.
    pub(crate) const fn of_fault(fault: Fault) -> Self {
        match fault {
            Fault::NotSent
            | Fault::RequestLost
            | Fault::RequestLate
            | Fault::AnswerLost
            | Fault::AnswerLate
            | Fault::ServerErrorBefore
            | Fault::ServerErrorAfter
            | Fault::RateLimited
            | Fault::Truncated => Self::Network,
            Fault::Altered | Fault::WrongSignature => Self::Attacker,
            Fault::NotificationLost
            | Fault::NotificationLate
            | Fault::NotificationDoubled
            | Fault::NotificationAnswerLost => Self::Post,
            Fault::StoreUnavailable => Self::Database,
            Fault::CrashBeforeCommit | Fault::CrashAfterCommit => Self::Reaper,
            Fault::ClientAnswerLost => Self::Lines,
            Fault::ClockSkew => Self::Operator,
            Fault::RefundSlow | Fault::RefundAbnormal | Fault::RefundClosed => Self::Bank,
            Fault::WechatLies => Self::Liar,
            Fault::WebhookLost
            | Fault::WebhookRefused
            | Fault::WebhookRedirected
            | Fault::WebhookUnanswered
            | Fault::WebhookSlow => Self::Receivers,
        }
    }
}

/// Something that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything an actor does.
    Actor(Actor),
    /// Everybody but the first merchant.
    OtherMerchants,
    /// Everybody's phone but the first one.
    OtherPhones,
    /// The second server.
    OtherServers,
    /// The safety net of asking WeChat.
    Queries,
    /// The safety net of being told by WeChat.
    Notifications,
    /// The safety net of telling merchants.
    Webhooks,
    /// The safety net of comparing with WeChat's bills.
    Bills,
    /// The endpoints that are there from the beginning.
    FirstEndpoints,
    /// The older protocol: everybody speaks APIv3.
    V2,
    /// Every way to pay but mini programs.
    OtherProducts,
    /// The time that ways take.
    Ways,
    /// The time that the database takes.
    Pauses,
    /// One action.
    Action(Action),
    /// One fault.
    Fault(Fault),
}

impl Part {
    /// All of them, the largest first.
    pub fn all() -> Vec<Self> {
        let actors = Actor::ALL.into_iter().map(Self::Actor);
        let others = [
            Self::OtherMerchants,
            Self::OtherPhones,
            Self::OtherServers,
            Self::Webhooks,
            Self::Notifications,
            Self::Queries,
            Self::Bills,
            Self::FirstEndpoints,
            Self::V2,
            Self::OtherProducts,
            Self::Ways,
            Self::Pauses,
        ];
        let actions = Action::ALL.into_iter().map(Self::Action);
        let faults = Fault::ALL.into_iter().map(Self::Fault);
        actors.chain(others).chain(actions).chain(faults).collect()
    }

    /// The name in seeds.
    pub fn name(self) -> String {
        let fixed = match self {
            Self::Actor(actor) => actor.as_str(),
            Self::OtherMerchants => "other-merchants",
            Self::OtherPhones => "other-phones",
            Self::OtherServers => "other-servers",
            Self::Queries => "queries",
            Self::Notifications => "notifications",
            Self::Webhooks => "webhooks",
            Self::Bills => "bills",
            Self::FirstEndpoints => "first-endpoints",
            Self::V2 => "v2",
            Self::OtherProducts => "other-products",
            Self::Ways => "ways",
            Self::Pauses => "pauses",
            Self::Action(action) => return kebab(&format!("{action:?}")),
            Self::Fault(fault) => return kebab(&format!("{fault:?}")),
        };
        fixed.to_owned()
    }

    /// Whether it plays a part in this swarm, as far as can be told before the run.
    fn is_in(self, swarm: &Swarm) -> bool {
        match self {
            Self::Actor(actor) => {
                let mut actions = Action::ALL.into_iter();
                let mut faults = Fault::ALL.into_iter();
                actions.any(|it| Actor::of_action(it) == actor && swarm.does(it))
                    || faults.any(|it| Actor::of_fault(it) == actor && swarm.weights.of(it) > 0)
            }
            Self::OtherMerchants => swarm.other_merchants,
            Self::OtherPhones => swarm.other_phones,
            Self::OtherServers => swarm.servers > 1,
            Self::Queries => swarm.queries,
            Self::Notifications => swarm.notifications,
            Self::Webhooks => swarm.webhooks,
            Self::Bills => swarm.bills,
            Self::FirstEndpoints => swarm.endpoints > 0,
            Self::V2 => swarm.speaks != [Speaks::V3; 2],
            Self::OtherProducts => swarm.products.iter().any(|it| *it != mini_program()),
            Self::Ways => swarm.network_ms > 0,
            Self::Pauses => swarm.store_pause_ms > 0,
            Self::Action(action) => swarm.does(action),
            Self::Fault(fault) => swarm.weights.of(fault) > 0,
        }
    }

    fn leave_out(self, swarm: &mut Swarm) {
        match self {
            Self::Actor(actor) => {
                for action in Action::ALL {
                    if Actor::of_action(action) == actor {
                        swarm.mute(action);
                    }
                }
                for fault in Fault::ALL {
                    if Actor::of_fault(fault) == actor {
                        swarm.weights.mute(fault);
                    }
                }
            }
            Self::OtherMerchants => swarm.other_merchants = false,
            Self::OtherPhones => swarm.other_phones = false,
            Self::OtherServers => swarm.servers = 1,
            Self::Queries => swarm.queries = false,
            Self::Notifications => swarm.notifications = false,
            Self::Webhooks => swarm.webhooks = false,
            Self::Bills => swarm.bills = false,
            Self::FirstEndpoints => swarm.endpoints = 0,
            Self::V2 => swarm.speaks = [Speaks::V3; 2],
            Self::OtherProducts => swarm.products = [mini_program(), mini_program()],
            Self::Ways => swarm.network_ms = 0,
            Self::Pauses => swarm.store_pause_ms = 0,
            Self::Action(action) => swarm.mute(action),
            Self::Fault(fault) => swarm.weights.mute(fault),
        }
    }
}

/// `AtTheCashier` as `at-the-cashier`.
fn kebab(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// A seed, and who is left out of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    /// The seed.
    pub seed: Seed,
    pub(crate) silent: BTreeSet<Part>,
}

impl From<Seed> for Case {
    fn from(seed: Seed) -> Self {
        Self {
            seed,
            silent: BTreeSet::new(),
        }
    }
}

impl Case {
    /// Reads `SEED:SIZE` or `SEED:SIZE!NAME,NAME`.
    pub fn parse(text: &str) -> Option<Self> {
        let (seed, names) = text.split_once('!').unwrap_or((text, ""));
        let all = Part::all();
        let find = |name: &str| all.iter().copied().find(|part| part.name() == name);
        let names = names.split(',').filter(|name| !name.is_empty());
        Some(Self {
            seed: Seed::parse(seed)?,
            silent: names.map(find).collect::<Option<_>>()?,
        })
    }

    /// Who is left out.
    pub fn silent(&self) -> impl Iterator<Item = Part> {
        self.silent.iter().copied()
    }

    /// The same with one more left out.
    #[must_use]
    pub fn without(&self, part: Part) -> Self {
        let mut fewer = self.clone();
        fewer.silent.insert(part);
        fewer
    }

    /// The same people left out of another seed. Who has no part in that anyway is not named.
    #[must_use]
    pub(crate) fn with_seed(&self, seed: Seed) -> Self {
        let mut other = Self::from(seed);
        for part in self.silent() {
            if part.is_in(&other.swarm()) {
                other.silent.insert(part);
            }
        }
        other
    }

    /// Who is left.
    pub fn left(&self) -> Vec<Part> {
        let swarm = self.swarm();
        let parts = Part::all().into_iter();
        parts.filter(|part| part.is_in(&swarm)).collect()
    }

    pub(crate) fn swarm(&self) -> Swarm {
        let mut swarm = Swarm::from_seed(self.seed.seed);
        for part in self.silent() {
            part.leave_out(&mut swarm);
        }
        swarm
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seed.fmt(f)?;
        let names: Vec<String> = self.silent().map(Part::name).collect();
        if names.is_empty() {
            Ok(())
        } else {
            write!(f, "!{}", names.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_printed() {
        for text in [
            "4711:42",
            "4711:42!attacker,operator",
            "1:1!queries,at-the-cashier,request-lost",
        ] {
            let case = Case::parse(text).unwrap();
            assert_eq!(Case::parse(&case.to_string()), Some(case), "{text}");
        }
        for text in ["4711", "4711:42!nobody", "!attacker", "4711:!attacker"] {
            assert_eq!(Case::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_part_has_a_name_of_its_own() {
        let all = Part::all();
        let names: BTreeSet<String> = all.iter().map(|part| part.name()).collect();
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn whoever_is_left_out_is_not_left() {
        let seed = Seed { seed: 7, size: 64 };
        let case = Case::from(seed);
        for part in case.left() {
            let without = case.without(part);
            assert!(!without.left().contains(&part), "{part:?}");
        }
        let nobody = case
            .left()
            .into_iter()
            .fold(case, |case, part| case.without(part));
        assert_eq!(nobody.left(), []);
    }
}
