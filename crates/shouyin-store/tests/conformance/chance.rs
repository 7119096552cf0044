//! Requests at random: of every sort, legal and not.

use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::event::{Event, EventType};
use shouyin_core::id::Mchid;
use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::ledger::{Posting, PostingKind};
use shouyin_core::payment::{Attempt, AttemptState, CloseReason, Payment, PaymentState};
use shouyin_core::ports::{Changes, DeliveryChange, EndpointChange, Load, Loaded, PaymentKey};
use shouyin_core::reconciliation::model::{
    DayState, Difference, DifferenceKind, DifferenceState, Reconciliation,
};
use shouyin_core::refund::{Refund, RefundState};
use shouyin_core::task::{Lease, Task, TaskChange, TaskKind};
use shouyin_core::webhook::model::{
    Delivery, DeliveryAttempt, DeliveryState, Endpoint, EndpointState, Reply,
};

use crate::reconciliation::{day, difference, line, reconciliation};
use crate::sample::*;

/// Numbers of events: few enough that some are met again.
const EVENTS: u32 = 400;

/// Chance that repeats itself (xorshift64*).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        u32::try_from(high % u64::from(end)).unwrap()
    }

    pub(crate) fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let n = self.below(u32::try_from(from.len()).unwrap());
        from[usize::try_from(n).unwrap()].clone()
    }

    pub(crate) fn time(&mut self) -> Timestamp {
        at(i64::from(self.below(100)))
    }

    fn mchid(&mut self) -> Mchid {
        if self.one_in(4) {
            other_mchid()
        } else {
            mchid()
        }
    }

    /// A few of what `make` makes, none most of the time.
    fn some<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        if self.one_in(2) {
            return Vec::new();
        }
        (0..self.below(4)).map(|_| make(self)).collect()
    }
}

fn attempt_state(chance: &mut Chance) -> AttemptState {
    let transaction_id = transaction_id();
    chance.pick(&[
        AttemptState::Open,
        AttemptState::Closed,
        AttemptState::Paid {
            transaction_id: transaction_id.clone(),
        },
        AttemptState::Paid { transaction_id },
    ])
}

fn payment_state(chance: &mut Chance) -> PaymentState {
    let reason = CloseReason::Expired;
    chance.pick(&[
        PaymentState::Open,
        PaymentState::Closing { reason },
        PaymentState::Closed { reason, at: at(1) },
        paid_payment(1).state,
    ])
}

fn refund_state(chance: &mut Chance) -> RefundState {
    chance.pick(&[
        RefundState::Recorded,
        RefundState::Processing,
        RefundState::Succeeded { at: at(4) },
        RefundState::Rejected { code: "NO".into() },
    ])
}

fn changed_payment(chance: &mut Chance, loaded: Option<Payment>) -> Payment {
    let mut payment = loaded.unwrap_or_else(|| Payment {
        mchid: chance.mchid(),
        order_no: order_no(chance.below(4)),
        ..payment(chance.below(8))
    });
    for _ in 0..=chance.below(3) {
        match chance.below(12) {
            0 => payment.amount = Fen::new(i64::from(chance.below(9))),
            1 => payment.attach = None,
            2 => payment.state = payment_state(chance),
            3 => payment.payer = Some(openid()),
            4 if chance.one_in(4) => payment.created_at = chance.time(),
            5 if chance.one_in(4) => drop(payment.attempts.pop()),
            6 if chance.one_in(4) => drop(payment.refunds.pop()),
            7 => {
                let state = attempt_state(chance);
                if let Some(attempt) = payment.attempts.first_mut() {
                    attempt.state = state;
                }
            }
            8 => {
                let state = refund_state(chance);
                if let Some(refund) = payment.refunds.last_mut() {
                    refund.state = state;
                }
            }
            9 | 10 if !payment.attempts.is_empty() || chance.one_in(9) => {
                // Of a paid attempt, if there is one.
                let is_paid = |attempt: &&Attempt| attempt.state.as_str() == "paid";
                let paid = payment.attempts.iter().find(is_paid).cloned();
                payment.refunds.push(Refund {
                    out_trade_no: paid.map_or(number(1), |attempt| attempt.out_trade_no),
                    state: refund_state(chance),
                    ..refund(chance.below(200), 1)
                });
            }
            _ => payment.attempts.push(Attempt {
                state: attempt_state(chance),
                ..attempt(chance.below(100))
            }),
        }
    }
    payment
}

fn new_event(chance: &mut Chance) -> Event {
    Event {
        event_type: chance.pick(&EventType::ALL),
        ..event(chance.below(EVENTS), chance.mchid())
    }
}

fn new_endpoint(chance: &mut Chance) -> Endpoint {
    let n = chance.below(5);
    let state = if chance.one_in(4) {
        EndpointState::Disabled {
            at: chance.time(),
            by_failure: chance.one_in(2),
        }
    } else {
        EndpointState::Enabled
    };
    Endpoint {
        // Nearly always the same merchant's.
        mchid: if n == 0 || chance.one_in(40) {
            other_mchid()
        } else {
            mchid()
        },
        event_types: chance.some(|chance| chance.pick(&EventType::ALL)),
        state,
        ..endpoint(n)
    }
}

fn delivery_change(chance: &mut Chance) -> DeliveryChange {
    if chance.one_in(4) {
        return DeliveryChange::Hurry {
            endpoint_id: endpoint_id(chance.below(5)),
            due_at: chance.time(),
        };
    }
    let time = chance.time();
    DeliveryChange::Put(Delivery {
        state: chance.pick(&[
            DeliveryState::Pending { due_at: time },
            DeliveryState::Delivered { at: time },
            DeliveryState::Failed { at: time },
        ]),
        tries: chance.below(9),
        ..delivery(1 + chance.below(4), chance.below(EVENTS))
    })
}

fn task_change(chance: &mut Chance) -> TaskChange {
    let kind = chance.pick(&TaskKind::ALL);
    let n = chance.below(4);
    let lease = Lease(u64::from(chance.below(3)));
    let owed = Task {
        tries: chance.below(5),
        lease: chance.one_in(4).then_some(lease),
        ..task(kind, n, chance.time())
    };
    match chance.below(10) {
        0..3 => TaskChange::Put(owed),
        3 => TaskChange::PutIfAbsent(owed),
        4..7 => TaskChange::Wake(owed),
        7 => TaskChange::Reschedule {
            key: owed.key,
            lease,
            due_at: chance.time(),
            tries: chance.below(5),
        },
        8 if chance.one_in(2) => TaskChange::Extend {
            key: owed.key,
            lease,
            until: chance.time(),
        },
        8 => TaskChange::Finish {
            key: owed.key,
            lease,
        },
        _ => chance.pick(&[
            TaskChange::Remove(owed.key),
            TaskChange::RemoveAttemptTasks(payment_id(n)),
        ]),
    }
}

/// What a decision might say, given what it was shown.
pub(crate) fn changes(mut chance: Chance, loaded: Loaded) -> Changes {
    let chance = &mut chance;
    let sent = loaded.deliveries;
    Changes {
        payment: chance
            .one_in(2)
            .then(|| changed_payment(chance, loaded.payment)),
        postings: chance.some(|chance| Posting {
            mchid: chance.mchid(),
            ..posting(chance.pick(&PostingKind::ALL), chance.below(100))
        }),
        events: chance.some(new_event),
        tasks: chance.some(task_change),
        notification: chance.one_in(4).then(|| notification(1)),
        incidents: chance.some(|chance| {
            let n = chance.below(4);
            Incident {
                out_refund_no: chance.one_in(2).then(|| refund_number(n)),
                ..incident(n, chance.pick(&IncidentKind::ALL))
            }
        }),
        idempotency: chance
            .one_in(6)
            .then(|| idempotency(&format!("{}", chance.below(40)), mchid())),
        endpoints: chance.some(|chance| match chance.below(8) {
            0 => EndpointChange::Delete(endpoint_id(chance.below(5))),
            _ => EndpointChange::Put(new_endpoint(chance)),
        }),
        deliveries: if chance.one_in(2) {
            chance.some(delivery_change)
        } else {
            Vec::new()
        },
        delivery_attempts: chance.some(|chance| {
            let status = u16::try_from(chance.below(600)).unwrap();
            let line = log_line(chance.below(5), chance.below(EVENTS), Reply::Status(status));
            match sent.first() {
                Some(sent) => DeliveryAttempt {
                    endpoint_id: sent.endpoint_id.clone(),
                    event_id: sent.event_id.clone(),
                    ..line
                },
                None => line,
            }
        }),
        reconciliations: chance.some(|chance| {
            let state = chance.pick(&DayState::ALL);
            Reconciliation {
                mchid: chance.mchid(),
                ..reconciliation(chance.below(5), state)
            }
        }),
        bill_lines: chance.some(|chance| {
            let refund = chance.one_in(2);
            line(chance.below(100), refund)
        }),
        differences: chance.some(|chance| {
            let kind = chance.pick(&DifferenceKind::ALL);
            Difference {
                mchid: chance.mchid(),
                out_refund_no: chance.one_in(2).then(|| "R-1".to_owned()),
                state: chance.pick(&[DifferenceState::Asked, DifferenceState::Open]),
                ..difference(chance.below(5), kind)
            }
        }),
    }
}

/// What a decision might want to see.
pub(crate) fn load_something(chance: &mut Chance) -> Load {
    let n = chance.below(8);
    let whose = chance.mchid();
    Load {
        payment: chance.pick(&[
            Some(PaymentKey::AnyId(payment_id(n))),
            Some(PaymentKey::AnyId(payment_id(n))),
            Some(PaymentKey::Id(whose.clone(), payment_id(n))),
            Some(PaymentKey::OrderNo(whose.clone(), order_no(n % 4))),
            Some(PaymentKey::OutTradeNo(whose.clone(), number(n))),
            Some(PaymentKey::Refund(whose.clone(), refund_id(n))),
            None,
        ]),
        idempotency: Some((whose.clone(), idempotency_key(&n.to_string()))),
        endpoints: Some(whose),
        deliveries: Some((
            endpoint_id(chance.below(5)),
            (0..40).map(|_| event_id(chance.below(EVENTS))).collect(),
        )),
        reconciliation: Some((chance.mchid(), day(chance.below(5)))),
    }
}
