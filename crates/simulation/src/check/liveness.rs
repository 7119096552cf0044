//! What must have come right once the world is calm: L1 to L4, S10 and S12.

use std::collections::BTreeMap;

use shouyin_core::id::Mchid;
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::payment::{AttemptState, Payment, PaymentState};
use shouyin_core::policy::MoneyPolicy;
use shouyin_core::refund::{Refund, RefundOrigin, RefundState};
use wechat_simulator::{Protocol, RefundState as WechatState, Wechat};

use super::timely::gave_up;
use super::{Checker, Violation, sent};
use crate::rows::Rows;

impl Checker {
    /// After calm.
    pub(crate) fn settled(
        &self,
        rows: &Rows,
        wechat: &Wechat,
        log: &str,
        keys: &[String],
    ) -> Result<(), Violation> {
        self.everything(rows, wechat)?;
        self.no_payment_lost(rows, wechat)?;
        // What WeChat said to be closed is not asked about any more.
        self.timely
            .check(wechat, self.nets.queries && self.keeps_its_word)?;
        self.refunds_settled(rows, wechat)?;
        self.taken_back(wechat)?;
        if self.nets.queries {
            self.charges_end_in_time(wechat)?;
        }
        for payment in self.payments() {
            self.surplus_went_back(payment)?;
        }
        self.nothing_contradicts(rows)?;
        self.bills_agree(rows, wechat)?;
        // Without queries nothing can be proven closed.
        if self.nets.queries {
            self.all_final()?;
        }
        if self.nets.webhooks {
            self.all_delivered()?;
        }
        self.no_secret_told(rows, log, keys)
    }

    /// L1: WeChat says paid, so we say paid.
    fn no_payment_lost(&self, rows: &Rows, wechat: &Wechat) -> Result<(), Violation> {
        for order in wechat.orders().filter(|order| order.payment().is_some()) {
            let number = order.out_trade_no.as_str();
            let Ok(mchid) = Mchid::parse(order.mchid.as_str()) else {
                continue;
            };
            let payment = sent::owner(rows, &mchid, number)?;
            let attempt = payment.as_ref().and_then(|payment| {
                let mut attempts = payment.attempts.iter();
                attempts.find(|attempt| attempt.out_trade_no.as_str() == number)
            });
            if attempt.is_some_and(|it| matches!(it.state, AttemptState::Paid { .. })) {
                continue;
            }
            // Where WeChat was the only one who could tell, and has given up telling, nobody could know. A WeChat that
            // said closed is not asked any more, unless its own bill says otherwise.
            let asked = self.nets.queries && self.keeps_its_word;
            let told = self.nets.notifications && !gave_up(wechat, &mchid, number, None);
            if !asked && !told && !self.bill_told(rows, wechat, &mchid, number, None)? {
                continue;
            }
            let detail = format!("{number} is paid at WeChat and not here ({:?})", self.nets);
            return Err(Violation::new("L1", detail));
        }
        Ok(())
    }

    /// L2: every payment reaches a final state.
    fn all_final(&self) -> Result<(), Violation> {
        for payment in self.payments() {
            let is_final = match &payment.state {
                PaymentState::Paid(_) | PaymentState::Closed { .. } => true,
                PaymentState::Open | PaymentState::Closing { .. } => false,
            };
            let settled = payment.attempts.iter().all(|attempt| match attempt.state {
                AttemptState::Paid { .. }
                | AttemptState::Closed
                | AttemptState::Rejected { .. } => true,
                AttemptState::Recorded | AttemptState::Open => false,
            });
            if !is_final || !settled {
                let states: Vec<&str> = payment.attempts.iter().map(|a| a.state.as_str()).collect();
                let detail = format!(
                    "{} stays {} with attempts {states:?}",
                    payment.id,
                    payment.state.as_str()
                );
                return Err(Violation::new("L2", detail));
            }
        }
        Ok(())
    }

    /// L1 and L2 for refunds: what WeChat has, we have; what was asked for is final, or waits for a person and said so.
    fn refunds_settled(&self, rows: &Rows, wechat: &Wechat) -> Result<(), Violation> {
        for there in wechat.refunds() {
            let (number, order) = (&there.out_refund_no, &there.out_trade_no);
            let Ok(mchid) = Mchid::parse(there.mchid.as_str()) else {
                continue;
            };
            let payment = sent::owner(rows, &mchid, order)?;
            let here = payment.as_ref().and_then(|payment| {
                let mut refunds = payment.refunds.iter();
                refunds.find(|refund| refund.out_refund_no.as_str() == number)
            });
            // A refund made by hand is told by its notification, or the bill; one of ours is asked about.
            let by_hand = here.is_none_or(|refund| refund.origin == RefundOrigin::Console);
            // The older protocol's news of refunds is only a reason to ask.
            let is_hint = there.protocol != Protocol::V3;
            // So is any of an order that nobody here knows to be paid.
            let is_paid_here = payment.as_ref().is_some_and(|payment| {
                let mut attempts = payment.attempts.iter();
                attempts.any(|attempt| {
                    attempt.out_trade_no.as_str() == order
                        && matches!(attempt.state, AttemptState::Paid { .. })
                })
            });
            let told = self.nets.notifications
                && !gave_up(wechat, &mchid, order, Some(number))
                && (self.nets.queries || is_paid_here && !is_hint);
            let could_know = if by_hand {
                told || here.is_some() && self.nets.queries
            } else {
                told || self.nets.queries
            };
            if !could_know && !self.bill_told(rows, wechat, &mchid, order, Some(number))? {
                continue;
            }
            let agrees = match (here.map(|refund| &refund.state), there.state) {
                (Some(RefundState::Succeeded { .. }), WechatState::Success { .. })
                | (Some(RefundState::Abnormal), WechatState::Abnormal)
                | (
                    Some(RefundState::Closed { .. } | RefundState::Rejected { .. }),
                    WechatState::Closed,
                ) => true,
                // An abnormal one is processed again, in another way.
                (
                    Some(RefundState::Processing | RefundState::Abnormal),
                    WechatState::Processing,
                ) => !self.nets.queries,
                (None, WechatState::Processing) => true,
                (Some(_) | None, _) => false,
            };
            if !agrees {
                let state = here.map_or("unknown", |refund| refund.state.as_str());
                let detail = format!(
                    "refund {number} is {} at WeChat and {state} here",
                    there.status()
                );
                return Err(Violation::new("L2", detail));
            }
        }
        if !self.nets.queries {
            return Ok(());
        }
        let open = self
            .payments()
            .flat_map(|payment| &payment.refunds)
            .find(|refund| {
                matches!(
                    refund.state,
                    RefundState::Recorded | RefundState::Processing
                )
            });
        match open {
            None => Ok(()),
            Some(refund) => {
                let (number, state) = (&refund.out_refund_no, refund.state.as_str());
                Err(Violation::new(
                    "L2",
                    format!("refund {number} stays {state}"),
                ))
            }
        }
    }

    /// S7, the other side: WeChat contradicts itself only where it breaks its word, so only a notification of another merchant
    /// may have been noted as an incident, and what is no contradiction but worth a look.
    fn nothing_contradicts(&self, rows: &Rows) -> Result<(), Violation> {
        let honest = |incident: &Incident| match incident.kind {
            IncidentKind::UnknownOrder
            | IncidentKind::SurplusPaid
            | IncidentKind::RefundExceeds => false,
            IncidentKind::AmountMismatch
            | IncidentKind::OwnerMismatch
            | IncidentKind::PayerMismatch
            | IncidentKind::ProductMismatch
            | IncidentKind::IncompleteSuccess
            | IncidentKind::TransactionMismatch
            | IncidentKind::OrderVanished
            | IncidentKind::RefundMismatch
            | IncidentKind::RefundContradiction
            | IncidentKind::RefundVanished
            | IncidentKind::MissingInBill
            | IncidentKind::BillDiffers
            | IncidentKind::NoBill => true,
        };
        // What bills led to is compared with the bills themselves.
        let of_payments = |incident: &Incident| incident.bill_date.is_none() && honest(incident);
        match rows.all_incidents()?.into_iter().find(of_payments) {
            Some(incident) => {
                let (kind, number) = (incident.kind.as_str(), incident.out_trade_no);
                let detail = format!("{kind} was noted for {number:?}: {}", incident.detail);
                Err(Violation::new("INCIDENT", detail))
            }
            None => Ok(()),
        }
    }

    /// S10: of one payment one success counts; whatever else came in went back, or was kept because the merchant wants it so. The
    /// same for money that came late.
    fn surplus_went_back(&self, payment: &Payment) -> Result<(), Violation> {
        let policy = self.policies.of(&payment.mchid);
        let counted = match &payment.state {
            PaymentState::Paid(paid) => Some(paid),
            PaymentState::Open | PaymentState::Closing { .. } | PaymentState::Closed { .. } => None,
        };
        let by_attempt: BTreeMap<_, Vec<&Refund>> =
            payment
                .refunds
                .iter()
                .fold(BTreeMap::new(), |mut map, refund| {
                    map.entry(&refund.out_trade_no)
                        .or_insert_with(Vec::new)
                        .push(refund);
                    map
                });
        for attempt in &payment.attempts {
            if !matches!(attempt.state, AttemptState::Paid { .. }) {
                continue;
            }
            let number = &attempt.out_trade_no;
            let (wish, origin) = match counted {
                Some(paid) if paid.out_trade_no == *number && paid.late => {
                    (policy.late, RefundOrigin::LatePolicy)
                }
                Some(paid) if paid.out_trade_no == *number => continue,
                Some(_) | None => (policy.surplus, RefundOrigin::SurplusPolicy),
            };
            let sent_back = by_attempt
                .get(number)
                .is_some_and(|refunds| refunds.iter().any(|refund| refund.origin == origin));
            if sent_back != (wish == MoneyPolicy::Refund) {
                let detail = format!(
                    "{}: {number} brought money that nobody asked for; sent back: {sent_back}, wished: {wish:?}",
                    payment.id
                );
                return Err(Violation::new("S10", detail));
            }
        }
        Ok(())
    }
}
