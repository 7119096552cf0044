//! The invariants, judged from both sets of books: the rows of our store and WeChat's own. Written apart from the
//! product's rules and without any of their code: a rule misread twice in the same way would agree with itself.

mod bills;
mod books;
mod codes;
mod events;
mod ledger;
mod liveness;
mod notices;
mod refunds;
mod secrets;
mod sent;
mod states;
mod timely;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use shouyin_core::id::{Mchid, PaymentId};
use shouyin_core::incident::IncidentKind;
use shouyin_core::payment::{AttemptState, Payment, PaymentState};
use shouyin_core::policy::{Policies, Policy};
use shouyin_core::ports::PaymentKey;
use shouyin_core::reconciliation::model::{DifferenceState, Resolution};
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};
use wechat_simulator::Wechat;

use crate::choice::Fault;
use crate::hub::{CommitNote, Hub};
use crate::marks::Mark;
use crate::rows::Rows;
use crate::setup::Setup;
use crate::swarm::Swarm;

pub(crate) use sent::{CallName, What};

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which, for example `S3`.
    pub invariant: &'static str,
    /// What was found where.
    pub detail: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, detail: impl Into<String>) -> Self {
        Self {
            invariant,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Which safety nets the run has.
#[derive(Debug, Clone, Copy, Default)]
struct Nets {
    queries: bool,
    notifications: bool,
    webhooks: bool,
    bills: bool,
}

/// What the checkers remember of a run.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    nets: Nets,
    /// False where WeChat says closed and takes money all the same.
    keeps_its_word: bool,
    policies: Policies,
    /// Every payment as it was after its last commit.
    seen: BTreeMap<PaymentId, Payment>,
    /// What happened to each that its state does not show.
    so_far: BTreeMap<PaymentId, events::SoFar>,
    /// The numbers of all attempts.
    orders: BTreeSet<String>,
    /// To which payment each refund belongs, by its number at WeChat.
    refunds: BTreeMap<String, PaymentId>,
    bills: bills::Seen,
    events: events::Seen,
    ledger: ledger::Seen,
    sent: sent::Seen,
    timely: timely::Seen,
    codes: codes::Seen,
    webhooks: webhooks::Seen,
    openids: Vec<String>,
}

impl Checker {
    pub(crate) fn new(setup: &Setup, swarm: &Swarm) -> Self {
        let policies: Vec<(Mchid, Policy)> = setup
            .parties
            .iter()
            .zip(swarm.policies)
            .map(|(party, policy)| (party.mchid.clone(), policy))
            .collect();
        let openids = setup.people.iter();
        Self {
            nets: Nets {
                queries: swarm.queries,
                notifications: swarm.notifications,
                webhooks: swarm.webhooks,
                bills: swarm.bills,
            },
            keeps_its_word: swarm.weights.of(Fault::WechatLies) == 0 && !swarm.lies_in_story,
            policies: Policies::new(policies),
            openids: openids
                .flat_map(|person| &person.openids)
                .map(|(_, openid)| openid.as_str().to_owned())
                .collect(),
            ..Self::default()
        }
    }

    /// After every commit: C and A checks of what changed.
    pub(crate) fn committed(
        &mut self,
        hub: &Hub,
        rows: &Rows,
        wechat: &Wechat,
        note: &CommitNote,
    ) -> Result<(), Violation> {
        if note.endpoints {
            self.webhooks.endpoints_changed(hub, rows)?;
        }
        if note.events > 0 {
            for event in self.events.read_on(rows)? {
                self.webhooks.happened(event);
            }
        }
        self.webhooks.deliveries_changed(hub, note)?;
        if note.incidents.contains(&IncidentKind::SurplusPaid) {
            hub.mark(Mark::SurplusPaid);
        }
        if note.incidents.contains(&IncidentKind::RefundExceeds) {
            hub.mark(Mark::RefundExceeds);
        }
        for state in &note.differences {
            hub.mark(match state {
                DifferenceState::Asked => Mark::BillAsked,
                DifferenceState::Open => Mark::BillDiffers,
                DifferenceState::Resolved { by, .. } => match by {
                    Resolution::Books => Mark::BillBooked,
                    Resolution::Bill => Mark::BillLate,
                },
            });
        }
        let Some(id) = &note.payment else {
            return Ok(());
        };
        let Some(payment) = rows.payment(PaymentKey::AnyId(id.clone()))? else {
            return Err(Violation::new(
                "STORE",
                format!("{id} was committed and is not there"),
            ));
        };
        let before = self.seen.get(id);
        if let Some(before) = before {
            let codes_failed = codes::failed(before, &payment);
            if codes_failed > 0 {
                self.so_far.entry(id.clone()).or_default().codes_failed += codes_failed;
            }
            if states::is_revised(before, &payment) {
                self.so_far.entry(id.clone()).or_default().revisions += 1;
                hub.mark(if before.attempts.is_empty() {
                    Mark::RevisedBeforePay
                } else {
                    Mark::RevisedWithOrder
                });
            }
            mark(hub, before, &payment);
        }
        states::check(before, &payment)?;
        books::check(&payment, wechat, self.keeps_its_word)?;
        refunds::check(before, &payment, wechat)?;
        self.ledger.committed(rows, &payment)?;
        self.codes.committed(hub, before, &payment, wechat)?;
        let so_far = self.so_far.get(id).copied().unwrap_or_default();
        self.events.check(&payment, so_far)?;
        self.timely.committed(&payment, hub.now_ms());
        for attempt in &payment.attempts {
            let number = attempt.out_trade_no.as_str();
            if !self.orders.contains(number) {
                self.orders.insert(number.to_owned());
            }
        }
        for refund in &payment.refunds {
            let number = refund.out_refund_no.as_str();
            if !self.refunds.contains_key(number) {
                self.refunds.insert(number.to_owned(), id.clone());
            }
        }
        self.seen.insert(id.clone(), payment);
        Ok(())
    }

    /// After WeChat changed an order or its refunds: A checks of the payment it belongs to. False if this merchant has none.
    pub(crate) fn changed_at_wechat(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        mchid: &Mchid,
        number: &str,
    ) -> Result<bool, Violation> {
        match sent::owner(rows, mchid, number)? {
            Some(payment) => {
                books::check(&payment, wechat, self.keeps_its_word)?;
                refunds::check(Some(&payment), &payment, wechat)?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Everything at once, from the rows themselves: at the end, and now and then.
    pub(crate) fn everything(&self, rows: &Rows, wechat: &Wechat) -> Result<(), Violation> {
        for payment in rows.all_payments()? {
            if self.seen.get(&payment.id) != Some(&payment) {
                let detail = format!("{} changed without a commit that says so", payment.id);
                return Err(Violation::new("STORE", detail));
            }
            books::check(&payment, wechat, self.keeps_its_word)?;
            refunds::check(Some(&payment), &payment, wechat)?;
            let so_far = self.so_far.get(&payment.id).copied().unwrap_or_default();
            self.events.check(&payment, so_far)?;
        }
        self.ledger.balances(rows)
    }

    /// Chaos is over: from now on everything becomes known in time.
    pub(crate) fn calm_since(&mut self, now_ms: i64) {
        self.timely.calm_since(now_ms);
    }

    /// The clock of a server is off by so much from now on, in milliseconds.
    pub(crate) fn clock_set(&mut self, skew_ms: i64) {
        self.timely.clock_set(skew_ms);
    }

    /// The payment as it was after its last commit.
    pub(crate) fn last_seen(&self, id: &PaymentId) -> Option<&Payment> {
        self.seen.get(id)
    }

    /// Every payment as it was after its last commit.
    pub(crate) fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.seen.values()
    }
}

/// What was rare in this commit.
fn mark(hub: &Hub, before: &Payment, after: &Payment) {
    match (&before.state, &after.state) {
        (PaymentState::Closing { .. }, PaymentState::Paid(_)) => hub.mark(Mark::PaidWhileClosing),
        (PaymentState::Closed { .. }, PaymentState::Paid(_)) => hub.mark(Mark::PaidLate),
        _ => {}
    }
    let late = |state: &AttemptState| matches!(state, AttemptState::Paid { .. });
    debug_assert!(after.refunds.is_empty() || after.attempts.iter().any(|a| late(&a.state)));
    for refund in &after.refunds {
        let old = before.refund(&refund.out_refund_no);
        mark_refund(hub, old, refund);
    }
}

fn mark_refund(hub: &Hub, before: Option<&Refund>, after: &Refund) {
    let Some(before) = before else {
        match after.origin {
            RefundOrigin::Merchant => {
                if after.sends == 0 {
                    hub.mark(Mark::RefundSpaced);
                }
            }
            RefundOrigin::LatePolicy => hub.mark(Mark::RefundLatePolicy),
            RefundOrigin::SurplusPolicy => hub.mark(Mark::RefundSurplusPolicy),
            RefundOrigin::Console => hub.mark(Mark::RefundByHand),
        }
        return;
    };
    if before.state == after.state {
        return;
    }
    match &after.state {
        RefundState::Abnormal => hub.mark(Mark::RefundAbnormal),
        RefundState::Closed { .. } => hub.mark(Mark::RefundClosed),
        RefundState::Succeeded { .. } if before.remedied_at.is_some() => {
            hub.mark(Mark::RefundRemedied);
        }
        RefundState::Succeeded { .. } if before.needs_action() => {
            hub.mark(Mark::RefundNotEnoughPaid);
        }
        RefundState::Rejected { .. } if after.sends > 1 => hub.mark(Mark::RefundRejectedLater),
        RefundState::Rejected { .. } => hub.mark(Mark::RefundRejected),
        RefundState::Recorded | RefundState::Processing | RefundState::Succeeded { .. } => {
            if before.needs_action() {
                hub.mark(Mark::RefundNotEnoughPaid);
            }
        }
    }
}
