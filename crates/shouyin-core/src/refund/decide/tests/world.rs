//! Whatever arrives in whatever order: the books stay right. The tasks are kept as a store keeps them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use fen::Fen;
use proptest::prelude::*;

use super::super::*;
use crate::id::{
    Appid, Mchid, Openid, OrderNo, OutTradeNo, PaymentId, RefundNo, TransactionId, WechatRefundId,
};
use crate::outcome::{Doubt, Outcome, Refusal, RefusalKind};
use crate::payment::model::{Attempt, AttemptState, Paid, Payment, PaymentState};
use crate::ports::{Changes, RefundFact, RefundStatus};
use crate::refund::model::RefundState;
use crate::task::{Lease, Task, TaskChange, TaskKey};
use crate::time::HOUR_MS;

pub(crate) struct Counter(AtomicU64);
impl Ids for Counter {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) | 1 << 127
    }
}

pub(crate) fn ids() -> Counter {
    Counter(AtomicU64::new(1))
}

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_767_585_784_000);

pub(super) fn at(ms: i64) -> Timestamp {
    T0.plus_ms(ms)
}

pub(super) const TOTAL: i64 = 100;

/// A payment of one yuan, paid.
pub(crate) fn paid() -> Payment {
    let out_trade_no = OutTradeNo::parse("order-1").unwrap();
    let transaction_id = TransactionId::parse("4200000001").unwrap();
    let attempt = Attempt {
        out_trade_no: out_trade_no.clone(),
        route: crate::id::Route::parse("v3").unwrap(),
        payer: Some(Openid::parse("oAlice").unwrap()),
        scene: None,
        amount: Fen::new(TOTAL),
        description: "Latte".into(),
        attach: None,
        expires_at: at(HOUR_MS),
        state: AttemptState::Paid {
            transaction_id: transaction_id.clone(),
        },
        prepay: None,
        created_at: T0,
        last_sent_at: T0,
        sends: 1,
        asked_at: None,
        reversing_since: None,
    };
    Payment {
        id: PaymentId::fresh(&ids(), T0),
        mchid: Mchid::parse("1900000001").unwrap(),
        appid: Appid::parse("wx1111222233334444").unwrap(),
        product: crate::product::Product::MiniProgram,
        scene: None,
        order_no: OrderNo::parse("coffee-1").unwrap(),
        amount: Fen::new(TOTAL),
        description: "Latte".into(),
        attach: None,
        created_at: T0,
        expires_at: at(HOUR_MS),
        payer: Some(Openid::parse("oAlice").unwrap()),
        state: PaymentState::Paid(Paid {
            at: T0,
            transaction_id,
            out_trade_no,
            payer_total: None,
            late: false,
        }),
        attempts: vec![attempt],
        refunds: vec![],
    }
}

pub(crate) fn wanted(payment: &Payment, refund_no: &str, amount: i64) -> NewRefund {
    NewRefund {
        mchid: payment.mchid.clone(),
        payment_id: payment.id.clone(),
        refund_no: RefundNo::parse(refund_no).unwrap(),
        amount: Some(Fen::new(amount)),
        reason: None,
        out_trade_no: None,
    }
}

pub(crate) fn fact(
    payment: &Payment,
    number: &OutRefundNo,
    amount: i64,
    status: RefundStatus,
) -> RefundFact {
    let succeeded = status == RefundStatus::Success;
    RefundFact {
        mchid: None,
        out_trade_no: payment.attempts[0].out_trade_no.clone(),
        transaction_id: TransactionId::parse("4200000001").unwrap(),
        out_refund_no: number.clone(),
        refund_id: WechatRefundId::parse(format!("50{:.20}", number.as_str())).unwrap(),
        status,
        amount: Fen::new(amount),
        total: Fen::new(TOTAL),
        currency: Some("CNY".into()),
        success_at: succeeded.then_some(at(5_000)),
        received_account: None,
    }
}

pub(super) fn refused<T>(kind: RefusalKind, verified: bool) -> Outcome<T> {
    Outcome::Rejected(Refusal {
        kind,
        code: "CODE".into(),
        message: "..".into(),
        request_id: None,
        verified,
    })
}

pub(super) fn unknown<T>() -> Outcome<T> {
    Outcome::Unknown(Doubt {
        reason: "no answer".into(),
        code: None,
        request_id: None,
        not_sent: false,
    })
}

/// The payment, its tasks, its ledger.
pub(super) struct World {
    pub(super) payment: Payment,
    pub(super) tasks: BTreeMap<TaskKey, Task>,
    pub(super) postings: Vec<Posting>,
    pub(super) events: Vec<Event>,
    pub(super) now: Timestamp,
    pub(super) ids: Counter,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            payment: paid(),
            tasks: BTreeMap::new(),
            postings: vec![],
            events: vec![],
            now: T0,
            ids: ids(),
        }
    }

    /// As a store applies them.
    pub(super) fn apply(&mut self, changes: Changes) {
        if let Some(payment) = changes.payment {
            self.payment = payment;
        }
        self.postings.extend(changes.postings);
        self.events.extend(changes.events);
        for change in changes.tasks {
            match change {
                TaskChange::Put(task) => {
                    self.tasks.insert(task.key.clone(), task);
                }
                TaskChange::PutIfAbsent(task) | TaskChange::Wake(task) => {
                    self.tasks.entry(task.key.clone()).or_insert(task);
                }
                TaskChange::Reschedule {
                    key,
                    lease,
                    due_at,
                    tries,
                } => {
                    if let Some(task) = self.tasks.get_mut(&key)
                        && task.lease == Some(lease)
                    {
                        (task.due_at, task.tries, task.lease) = (due_at, tries, None);
                    }
                }
                TaskChange::Extend { key, lease, until } => {
                    if let Some(task) = self.tasks.get_mut(&key)
                        && task.lease == Some(lease)
                    {
                        task.due_at = until;
                    }
                }
                TaskChange::Finish { key, lease } => {
                    if self
                        .tasks
                        .get(&key)
                        .is_some_and(|task| task.lease == Some(lease))
                    {
                        self.tasks.remove(&key);
                    }
                }
                TaskChange::Remove(key) => {
                    self.tasks.remove(&key);
                }
                TaskChange::RemoveAttemptTasks(_) => {}
            }
        }
    }

    /// The first due task, leased.
    pub(super) fn claim(&mut self) -> Option<TaskRun> {
        let task = self.tasks.values_mut().min_by_key(|task| task.due_at)?;
        self.now = self.now.max(task.due_at);
        let ids: &dyn Ids = &self.ids;
        let lease = ids.lease();
        task.lease = Some(lease);
        task.due_at = self.now.plus_ms(LEASE_MS);
        Some(TaskRun {
            key: task.key.clone(),
            lease,
            tries: task.tries,
        })
    }

    fn balance(&self) -> (i64, i64) {
        let sum = |kind: PostingKind| -> i64 {
            let all = self.postings.iter().filter(|posting| posting.kind == kind);
            all.map(|posting| posting.amount.get()).sum()
        };
        (
            sum(PostingKind::Refunded),
            sum(PostingKind::Reserve) - sum(PostingKind::Release),
        )
    }
}

#[derive(Debug, Clone)]
enum Input {
    Request(u8, i64),
    /// The worker runs the first task; WeChat answers so.
    Work(u8),
    /// A notification about one of the refunds.
    Notice(u8, u8),
    /// The worker takes the first task and dies.
    Crash,
    Wait(i64),
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        (0..6u8, 1..=TOTAL).prop_map(|(n, amount)| Input::Request(n, amount)),
        (0..11u8).prop_map(Input::Work),
        (0..6u8, 0..5u8).prop_map(|(n, status)| Input::Notice(n, status)),
        Just(Input::Crash),
        (0..HOUR_MS).prop_map(Input::Wait),
    ]
}

fn status(choice: u8) -> RefundStatus {
    match choice {
        0 => RefundStatus::Processing,
        1 => RefundStatus::Success,
        2 => RefundStatus::Closed,
        3 => RefundStatus::Abnormal,
        _ => RefundStatus::Other("NEW".into()),
    }
}

fn answer(choice: u8, fact: impl Fn(RefundStatus) -> RefundFact) -> Outcome<RefundFact> {
    match choice {
        0..=4 => Outcome::Succeeded(fact(status(choice))),
        5 => unknown(),
        6 => refused(RefusalKind::NotEnough, true),
        7 => refused(RefusalKind::OrderNotExist, true),
        8 => refused(RefusalKind::Other, true),
        9 => refused(RefusalKind::Other, false),
        _ => refused(RefusalKind::RateLimited, true),
    }
}

fn step(world: &mut World, input: &Input) {
    match input {
        Input::Wait(ms) => world.now = world.now.plus_ms(*ms),
        Input::Request(n, amount) => {
            let new = wanted(&world.payment, &format!("r{n}"), *amount);
            if let Ok((_, changes)) = request(&world.payment, &new, world.now, &world.ids) {
                world.apply(changes);
            }
        }
        Input::Crash => {
            world.claim();
        }
        Input::Notice(n, choice) => {
            let Some(refund) = world.payment.refunds.get(usize::from(*n)) else {
                return;
            };
            let told = fact(
                &world.payment,
                &refund.out_refund_no,
                refund.amount.get(),
                status(*choice),
            );
            if let Ok(changes) = on_fact(&world.payment, &told, world.now, &world.ids) {
                world.apply(changes);
            }
        }
        Input::Work(choice) => work(world, *choice),
    }
}

fn work(world: &mut World, choice: u8) {
    let Some(run) = world.claim() else { return };
    let Subject::Refund(_, number) = run.key.subject.clone() else {
        panic!("{run:?}")
    };
    let amount = world
        .payment
        .refund(&number)
        .map_or(1, |refund| refund.amount.get());
    let payment = world.payment.clone();
    let outcome = answer(choice, |status| fact(&payment, &number, amount, status));
    if run.key.kind == TaskKind::QueryRefund {
        let changes = on_query(
            &world.payment,
            &number,
            &outcome,
            &run,
            world.now,
            &world.ids,
        );
        world.apply(changes);
        return;
    }
    let (order, changes) = begin_send(&world.payment, &number, &run, world.now);
    world.apply(changes);
    if order.is_some() {
        let changes = on_sent(
            &world.payment,
            &number,
            &outcome,
            &run,
            world.now,
            &world.ids,
        );
        world.apply(changes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_books_stay_right(inputs in prop::collection::vec(any_input(), 1..60)) {
        let mut world = World::new();
        for input in &inputs {
            let before = world.payment.clone();
            step(&mut world, input);
            let after = &world.payment;
            // Never more than was paid.
            let (refunded, refunding) = after.refunded();
            prop_assert!(refunded.get() + refunding.get() <= TOTAL || revived(&world.events), "{input:?}");
            // The ledger says the same.
            prop_assert_eq!(world.balance(), (refunded.get(), refunding.get()), "{:?}", input);
            for refund in &after.refunds {
                let old = before.refund(&refund.out_refund_no).map(|old| &old.state);
                // Final states stay; only a rejection that WeChat itself contradicts does not.
                if let Some(old @ (RefundState::Succeeded { .. } | RefundState::Closed { .. })) = old {
                    prop_assert_eq!(old, &refund.state);
                }
                // Whatever may still take money is owed a look, for ever.
                if refund.state.is_unresolved() {
                    let subject = Subject::Refund(after.id.clone(), refund.out_refund_no.clone());
                    prop_assert!(
                        world.tasks.keys().any(|key| key.subject == subject),
                        "{refund:?} is owed nothing after {input:?}"
                    );
                }
            }
        }
        // One event for each fact.
        for refund in &world.payment.refunds {
            for event_type in [EventType::RefundCreated, EventType::RefundSucceeded, EventType::RefundClosed] {
                let told = world.events.iter().filter(|event| {
                    event.event_type == event_type && event.refund_id.as_ref() == Some(&refund.id)
                });
                prop_assert!(told.count() <= 1);
            }
        }
    }

    /// Once WeChat answers honestly, every refund ends.
    #[test]
    fn every_refund_ends(inputs in prop::collection::vec(any_input(), 1..40)) {
        let mut world = World::new();
        for input in &inputs {
            step(&mut world, input);
        }
        for _ in 0..200 {
            if world.tasks.is_empty() {
                break;
            }
            work(&mut world, 1);
        }
        for refund in &world.payment.refunds {
            prop_assert!(!refund.state.is_unresolved(), "{refund:?}");
        }
        prop_assert!(world.tasks.is_empty(), "{:?}", world.tasks);
    }
}

/// WeChat took a refund that it had refused in a signed answer: its facts count, whatever the sum is then.
fn revived(events: &[Event]) -> bool {
    events
        .iter()
        .any(|event| event.event_type == EventType::RefundRejected)
}

#[test]
fn a_lease_that_is_lost_changes_nothing() {
    let mut world = World::new();
    let new = wanted(&world.payment, "r1", 40);
    let (_, changes) = request(&world.payment, &new, T0, &world.ids).unwrap();
    world.apply(changes);
    let key = world.tasks.keys().next().unwrap().clone();
    let stale = TaskRun {
        key,
        lease: Lease(1),
        tries: 0,
    };
    let before = world.tasks.clone();
    world.apply(Changes::tasks(vec![stale.finish()]));
    assert_eq!(world.tasks, before);
}
