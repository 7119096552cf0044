//! What a merchant wants done with money that nobody asked for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::id::Mchid;

/// What to do with such money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoneyPolicy {
    /// Keep it and tell the merchant, who decides.
    Keep,
    /// Send it back at once, and tell the merchant.
    Refund,
}

/// One merchant's wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Money for a payment that was closed here already: `payment.paid_late`.
    pub late: MoneyPolicy,
    /// Money beyond what the payment asked for: `payment.surplus_paid`.
    pub surplus: MoneyPolicy,
}

impl Default for Policy {
    /// Late money may still be welcome: kept. Surplus never is: refunded.
    fn default() -> Self {
        Self {
            late: MoneyPolicy::Keep,
            surplus: MoneyPolicy::Refund,
        }
    }
}

/// All merchants' wishes; [`Policy::default`] for those who said nothing.
#[derive(Debug, Clone, Default)]
pub struct Policies(BTreeMap<Mchid, Policy>);

impl Policies {
    /// Those who said something.
    pub fn new(policies: impl IntoIterator<Item = (Mchid, Policy)>) -> Self {
        Self(policies.into_iter().collect())
    }

    /// One merchant's wishes.
    pub fn of(&self, mchid: &Mchid) -> Policy {
        self.0.get(mchid).copied().unwrap_or_default()
    }
}
