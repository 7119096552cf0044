//! What must have come right once the world is calm: L1 and L2, and S10 over everything that was paid.

use std::collections::BTreeMap;

use shouyin_core::id::{Mchid, OrderNo};
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::payment::{AttemptState, PaymentState};
use shouyin_store::MemoryStore;
use wechat_simulator::{DeliveryState, Wechat};

use super::{Checker, Violation, sent};

/// Which safety nets the run had.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nets {
    pub(crate) queries: bool,
    pub(crate) notifications: bool,
}

impl Checker {
    /// After calm.
    pub(crate) fn settled(
        &self,
        rows: &MemoryStore,
        wechat: &Wechat,
        nets: Nets,
    ) -> Result<(), Violation> {
        self.everything(rows, wechat)?;
        no_payment_lost(rows, wechat, nets)?;
        paid_once(rows)?;
        nothing_contradicts(rows)?;
        // Without queries nothing can be proven closed.
        if nets.queries {
            all_final(rows)?;
        }
        Ok(())
    }
}

/// L1: WeChat says paid, so we say paid.
fn no_payment_lost(rows: &MemoryStore, wechat: &Wechat, nets: Nets) -> Result<(), Violation> {
    for order in wechat.orders().filter(|order| order.payment().is_some()) {
        let number = order.out_trade_no.as_str();
        let known = Mchid::parse(order.mchid.as_str()).ok().and_then(|mchid| {
            let payment = sent::owner(rows, &mchid, number)?;
            let attempt = payment
                .attempts
                .iter()
                .find(|attempt| attempt.out_trade_no.as_str() == number)?;
            let paid = matches!(attempt.state, AttemptState::Paid { .. })
                && matches!(payment.state, PaymentState::Paid(_));
            Some(paid)
        });
        if known == Some(true) {
            continue;
        }
        // Where WeChat was the only one who could tell, and has given up telling, nobody could know.
        let told = wechat
            .deliveries()
            .filter(|delivery| delivery.genuine && delivery.out_trade_no == number)
            .all(|delivery| delivery.state == DeliveryState::GaveUp);
        if !nets.queries && told {
            continue;
        }
        let nets = format!(
            "queries {}, notifications {}",
            nets.queries, nets.notifications
        );
        let detail = format!("{number} is paid at WeChat and not here ({nets})");
        return Err(Violation::new("L1", detail));
    }
    Ok(())
}

/// L2: every payment reaches a final state.
fn all_final(rows: &MemoryStore) -> Result<(), Violation> {
    for payment in rows.all_payments() {
        let is_final = match &payment.state {
            PaymentState::Paid(_) | PaymentState::Closed { .. } => true,
            PaymentState::Open | PaymentState::Closing { .. } => false,
        };
        let settled = payment.attempts.iter().all(|attempt| match attempt.state {
            AttemptState::Paid { .. } | AttemptState::Closed | AttemptState::Rejected { .. } => {
                true
            }
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

/// S7, the other side: WeChat never contradicts itself here, so only a notification of another merchant may have been
/// noted as an incident.
fn nothing_contradicts(rows: &MemoryStore) -> Result<(), Violation> {
    let honest = |incident: &Incident| incident.kind != IncidentKind::UnknownOrder;
    match rows.all_incidents().into_iter().find(honest) {
        Some(incident) => {
            let (kind, number) = (incident.kind.as_str(), incident.out_trade_no);
            let detail = format!("{kind} was noted for {number}: {}", incident.detail);
            Err(Violation::new("INCIDENT", detail))
        }
        None => Ok(()),
    }
}

/// S10: of one merchant order, one payment succeeds.
fn paid_once(rows: &MemoryStore) -> Result<(), Violation> {
    let mut paid: BTreeMap<(Mchid, OrderNo), u32> = BTreeMap::new();
    for payment in rows.all_payments() {
        for attempt in &payment.attempts {
            if matches!(attempt.state, AttemptState::Paid { .. }) {
                let count = paid
                    .entry((payment.mchid.clone(), payment.order_no.clone()))
                    .or_default();
                *count += 1;
                if *count > 1 {
                    let detail = format!("order {} was paid {count} times", payment.order_no);
                    return Err(Violation::new("S10", detail));
                }
            }
        }
    }
    Ok(())
}
