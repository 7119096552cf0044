use std::collections::BTreeMap;

use fen::Fen;

use super::*;
use crate::id::PaymentId;
use crate::ledger::{Posting, PostingKind};
use crate::payment::Payment;
use crate::payment::decide::TaskRun;
use crate::payment::model::AttemptState;
use crate::ports::RefundStatus;
use crate::reconciliation::model::{Bill, DayState, Reconciliation, Resolution, Tally};
use crate::reconciliation::schedule::{alarm, believed_empty, first_due};
use crate::refund::decide::tests::world::{Counter, T0, fact, ids, paid, wanted};
use crate::refund::model::{Refund, RefundState};
use crate::task::{Lease, TaskChange};
use crate::time::{DAY_MS, MINUTE_MS};

const TRANSACTION: &str = "4200000001";

fn day() -> BillDate {
    BillDate::of(T0)
}

fn now() -> Timestamp {
    first_due(day())
}

fn row(kind: RowKind) -> BillRow {
    BillRow {
        mchid: "1900000001".into(),
        out_trade_no: "order-1".into(),
        transaction_id: TRANSACTION.into(),
        kind,
        fee: 600,
    }
}

fn paid_row(total: i64) -> BillRow {
    row(RowKind::Paid {
        total: Fen::new(total),
    })
}

fn refund_row(number: &str, amount: i64) -> BillRow {
    row(RowKind::Refunded {
        out_refund_no: number.into(),
        refund_id: format!("50{number:.20}"),
        amount: Fen::new(amount),
    })
}

/// The payment whose order WeChat never told to be paid.
fn unpaid(state: AttemptState) -> Payment {
    let mut payment = paid();
    payment.attempts[0].state = state;
    payment
}

/// The paid payment with one refund in this state.
fn refunded(state: RefundState) -> (Payment, String) {
    let payment = paid();
    let (asked, changes) =
        crate::refund::decide::request(&payment, &wanted(&payment, "r-1", 30), T0, &ids()).unwrap();
    let mut payment = changes.payment.unwrap();
    let number = asked.refund.out_refund_no.to_string();
    payment.refunds[0].state = state;
    (payment, number)
}

fn verdict(row: &BillRow, payment: Option<&Payment>) -> String {
    match judge(row, &paid().mchid, payment) {
        Verdict::Matched => "matched".into(),
        Verdict::NoMoney => "no money".into(),
        Verdict::Ask { kind, about } => format!(
            "{}: ask {}",
            kind.as_str(),
            match about {
                Question::Order(_) => "order",
                Question::Refund(_) => "refund",
            }
        ),
        Verdict::Differs { kind, .. } => kind.as_str().into(),
    }
}

#[test]
fn every_line_of_a_payment_is_judged() {
    let closed = unpaid(AttemptState::Closed);
    let open = unpaid(AttemptState::Open);
    let foreign = BillRow {
        mchid: "1900000002".into(),
        ..paid_row(100)
    };
    let other_number = BillRow {
        transaction_id: "4200000002".into(),
        ..paid_row(100)
    };
    let odd_number = BillRow {
        out_trade_no: "no number of ours!".into(),
        ..paid_row(100)
    };
    let new_state = row(RowKind::Other("NEW".into()));
    let cases = [
        (&paid_row(100), Some(&paid()), "matched"),
        (&paid_row(100), Some(&open), "not_paid_here: ask order"),
        (&paid_row(100), Some(&closed), "not_paid_here: ask order"),
        (&paid_row(101), Some(&paid()), "amount_differs"),
        (&paid_row(101), Some(&closed), "amount_differs"),
        (&other_number, Some(&paid()), "number_differs"),
        (&paid_row(100), None, "unknown_order"),
        (&odd_number, None, "unknown_order"),
        (&foreign, Some(&paid()), "foreign_merchant"),
        (&row(RowKind::Revoked), Some(&closed), "no money"),
        (&new_state, Some(&paid()), "unknown_state"),
    ];
    for (row, payment, expected) in cases {
        assert_eq!(verdict(row, payment), expected, "{row:?}");
    }
}

#[test]
fn every_line_of_a_refund_is_judged() {
    let at = T0;
    let states = [
        (RefundState::Recorded, "refund_not_here: ask refund"),
        (RefundState::Processing, "matched"),
        (RefundState::Abnormal, "matched"),
        (RefundState::Succeeded { at }, "matched"),
        (RefundState::Closed { at }, "matched"),
        (
            RefundState::Rejected { code: "NO".into() },
            "refund_not_here: ask refund",
        ),
    ];
    for (state, expected) in states {
        let (payment, number) = refunded(state.clone());
        assert_eq!(
            verdict(&refund_row(&number, 30), Some(&payment)),
            expected,
            "{state:?}"
        );
        assert_eq!(
            verdict(&refund_row(&number, 31), Some(&payment)),
            "amount_differs"
        );
    }
    let by_hand = refund_row("console-1", 30);
    assert_eq!(
        verdict(&by_hand, Some(&paid())),
        "refund_not_here: ask refund"
    );
    // The payment comes first: without it a refund is not believed.
    let closed = unpaid(AttemptState::Closed);
    assert_eq!(
        verdict(&by_hand, Some(&closed)),
        "refund_not_here: ask order"
    );
    assert_eq!(verdict(&by_hand, None), "unknown_order");
}

/// One merchant's books and bills, as a store keeps them.
struct Desk {
    payments: BTreeMap<OutTradeNo, Payment>,
    differences: Vec<Difference>,
    events: Vec<Event>,
    incidents: Vec<Incident>,
    woken: Vec<TaskKind>,
    lines: usize,
    ids: Counter,
}

impl Desk {
    fn new(payment: Payment) -> Self {
        let number = payment.attempts[0].out_trade_no.clone();
        Self {
            payments: BTreeMap::from([(number, payment)]),
            differences: vec![],
            events: vec![],
            incidents: vec![],
            woken: vec![],
            lines: 0,
            ids: ids(),
        }
    }

    fn apply(&mut self, changes: Changes) {
        assert!(changes.payment.is_none() && changes.postings.is_empty());
        for new in changes.differences {
            let same = |old: &&mut Difference| old.date == new.date && old.key() == new.key();
            match self.differences.iter_mut().find(same) {
                Some(old) => *old = new,
                None => self.differences.push(new),
            }
        }
        self.events.extend(changes.events);
        self.incidents.extend(changes.incidents);
        self.lines += changes.bill_lines.len();
        self.woken = changes
            .tasks
            .iter()
            .map(|task| match task {
                TaskChange::Wake(task) => task.key.kind,
                other @ (TaskChange::Put(_)
                | TaskChange::PutIfAbsent(_)
                | TaskChange::Reschedule { .. }
                | TaskChange::Extend { .. }
                | TaskChange::Finish { .. }
                | TaskChange::Remove(_)
                | TaskChange::RemoveAttemptTasks(_)) => panic!("{other:?}"),
            })
            .collect();
    }

    fn compare(&mut self, date: BillDate, rows: Vec<BillRow>) -> Tally {
        let rows = doubled(Bill { rows });
        let known: Vec<Difference> = self.of(date).cloned().collect();
        let unresolved = self.differences.iter().filter(|d| !d.state.is_resolved());
        let missing: Vec<Difference> = unresolved.cloned().collect();
        let mchid = paid().mchid;
        let page = Page {
            mchid: &mchid,
            date,
            rows: &rows,
            payments: &self.payments,
            known: &known,
            missing: &missing,
        };
        let (matched, changes) = compare(&page, now(), &self.ids);
        self.apply(changes);
        matched
    }

    fn look(&mut self, is_last: bool) -> Tally {
        let (matched, changes) = look(&self.differences, &self.payments, is_last, now(), &self.ids);
        self.apply(changes);
        matched
    }

    fn missing(&mut self, posting: &Posting) {
        let known: Vec<Difference> = self.of(day()).cloned().collect();
        let postings = std::slice::from_ref(posting);
        let changes = missing(&paid().mchid, day(), postings, &known, now(), &self.ids);
        self.apply(changes);
    }

    fn of(&self, date: BillDate) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |d| d.date == date)
    }

    fn states(&self) -> Vec<(&str, &str)> {
        let states = self.differences.iter();
        states
            .map(|d| (d.kind.as_str(), d.state.as_str()))
            .collect()
    }

    fn told(&self) -> (usize, usize) {
        (self.events.len(), self.incidents.len())
    }
}

fn posting(out_refund_no: Option<&str>) -> Posting {
    let payment = paid();
    Posting {
        mchid: payment.mchid,
        kind: if out_refund_no.is_some() {
            PostingKind::Refunded
        } else {
            PostingKind::Paid
        },
        payment_id: payment.id,
        out_trade_no: payment.attempts[0].out_trade_no.clone(),
        out_refund_no: out_refund_no.map(|number| OutRefundNo::parse(number).unwrap()),
        amount: Fen::new(100),
        at: T0,
    }
}

#[test]
fn what_agrees_is_counted_and_leaves_nothing() {
    let (payment, number) = refunded(RefundState::Processing);
    let mut desk = Desk::new(payment);
    let rows = vec![
        paid_row(100),
        refund_row(&number, 30),
        row(RowKind::Revoked),
    ];
    let matched = desk.compare(day(), rows);
    assert_eq!((matched.payments, matched.paid.get()), (1, 100));
    assert_eq!((matched.refunds, matched.refunded.get()), (1, 30));
    assert_eq!((matched.revoked, matched.fees), (1, 1800));
    assert_eq!(
        (desk.states(), desk.told(), desk.lines),
        (vec![], (0, 0), 2)
    );
}

#[test]
fn a_file_is_not_believed_but_asked_about_and_the_books_catch_up() {
    let mut desk = Desk::new(unpaid(AttemptState::Closed));
    let rows = vec![paid_row(100), refund_row("console-1", 30)];
    let matched = desk.compare(day(), rows.clone());
    assert_eq!(matched, Tally::default());
    assert_eq!(
        desk.states(),
        [("not_paid_here", "asked"), ("refund_not_here", "asked")]
    );
    // Both by asking for the order: the refund of an unpaid order would not be understood.
    assert_eq!(desk.woken, [TaskKind::QueryAttempt, TaskKind::QueryAttempt]);
    assert_eq!(desk.told(), (0, 0));
    // WeChat confirms the payment; now the refund can be asked for.
    desk.payments.values_mut().for_each(|known| *known = paid());
    let matched = desk.look(false);
    assert_eq!(matched.paid.get(), 100);
    assert_eq!(
        desk.states(),
        [("not_paid_here", "resolved"), ("refund_not_here", "asked")]
    );
    assert_eq!(desk.woken, [TaskKind::QueryRefund]);
    // The same bill again changes nothing and tells nobody.
    desk.compare(day(), rows);
    assert_eq!(desk.states()[1], ("refund_not_here", "asked"));
    // It never comes: a person is told, once.
    desk.look(true);
    assert_eq!(desk.states()[1], ("refund_not_here", "open"));
    assert_eq!(desk.told(), (1, 1));
    desk.look(true);
    assert_eq!(desk.told(), (1, 1));
    // And days later WeChat does answer.
    let payment = paid();
    let number = OutRefundNo::parse("console-1").unwrap();
    let told = fact(&payment, &number, 30, RefundStatus::Success);
    let told = crate::refund::decide::on_fact(&payment, &told, now(), &ids()).unwrap();
    let after = told.payment.unwrap();
    desk.payments
        .values_mut()
        .for_each(|known| *known = after.clone());
    desk.look(false);
    assert_eq!(desk.states()[1], ("refund_not_here", "resolved"));
}

#[test]
fn what_contradicts_is_told_once_however_often_the_bill_is_read() {
    let mut desk = Desk::new(paid());
    let unknown = BillRow {
        out_trade_no: "order-2".into(),
        ..paid_row(500)
    };
    let foreign = BillRow {
        mchid: "1900000002".into(),
        out_trade_no: "order-3".into(),
        ..paid_row(500)
    };
    let rows = vec![paid_row(101), unknown, foreign, paid_row(101)];
    for _ in 0..3 {
        desk.compare(day(), rows.clone());
        assert_eq!(
            desk.states(),
            [
                ("amount_differs", "open"),
                ("unknown_order", "open"),
                ("foreign_merchant", "open"),
                ("doubled_line", "open"),
            ]
        );
        assert_eq!(desk.told(), (4, 4));
    }
    let amounts = &desk.differences[0];
    assert_eq!(
        (amounts.in_books, amounts.in_bill),
        (Some(Fen::new(100)), Some(Fen::new(101)))
    );
    // A newer copy of the bill is right.
    desk.compare(day(), vec![paid_row(100)]);
    assert_eq!(desk.states()[0], ("amount_differs", "resolved"));
}

#[test]
fn a_late_line_resolves_what_was_missing() {
    let (payment, number) = refunded(RefundState::Succeeded { at: T0 });
    let mut desk = Desk::new(payment);
    desk.missing(&posting(None));
    desk.missing(&posting(Some(&number)));
    desk.missing(&posting(None));
    assert_eq!(
        desk.states(),
        [("missing_in_bill", "open"), ("missing_in_bill", "open")]
    );
    assert_eq!(desk.told(), (2, 2));
    desk.compare(day().next(), vec![refund_row(&number, 30)]);
    assert_eq!(
        desk.states(),
        [("missing_in_bill", "open"), ("missing_in_bill", "resolved")]
    );
    assert!(matches!(
        desk.differences[1].state,
        DifferenceState::Resolved {
            by: Resolution::Bill,
            ..
        }
    ));
    desk.compare(day().next(), vec![paid_row(100)]);
    assert_eq!(desk.states()[0], ("missing_in_bill", "resolved"));
}

#[test]
fn a_merchant_with_another_program_is_not_flooded() {
    let mut desk = Desk::new(paid());
    let rows = (0..250).map(|n| BillRow {
        out_trade_no: format!("other-{n}"),
        ..paid_row(500)
    });
    desk.compare(day(), rows.collect());
    assert_eq!(desk.differences.len(), 250);
    assert_eq!(desk.told(), (MAX_TOLD, MAX_TOLD));
}

fn run() -> TaskRun {
    TaskRun {
        key: task(&paid().mchid, day(), now()).key,
        lease: Lease(7),
        tries: 0,
    }
}

fn stored(changes: &Changes) -> &Reconciliation {
    changes.reconciliations.last().unwrap()
}

fn fresh() -> Reconciliation {
    owe(&paid().mchid, day()).reconciliations.remove(0)
}

fn put_off_to(changes: &Changes) -> Option<Timestamp> {
    changes.tasks.iter().find_map(|task| match task {
        TaskChange::Reschedule { due_at, .. } => Some(*due_at),
        TaskChange::Put(_)
        | TaskChange::PutIfAbsent(_)
        | TaskChange::Extend { .. }
        | TaskChange::Finish { .. }
        | TaskChange::Remove(_)
        | TaskChange::RemoveAttemptTasks(_)
        | TaskChange::Wake(_) => None,
    })
}

#[test]
fn a_day_owes_the_next_one_whatever_becomes_of_it() {
    let begin = |next_is_owed, now| {
        begin(
            Some(fresh()),
            &paid().mchid,
            day(),
            next_is_owed,
            &run(),
            now,
            &ids(),
        )
    };
    let (begun, changes) = begin(false, now());
    assert!(matches!(begun, Begun::Fetch(_)));
    assert_eq!(stored(&changes).date, day().next());
    let TaskChange::PutIfAbsent(next) = &changes.tasks[0] else {
        panic!("{changes:?}")
    };
    assert_eq!(next.due_at, first_due(day().next()));
    assert!(begin(true, now()).1.reconciliations.is_empty());
    // After three months of darkness there is nothing to have any more.
    let (begun, changes) = begin(true, now().plus_ms(100 * DAY_MS));
    assert_eq!(begun, Begun::Done);
    assert_eq!(stored(&changes).state, DayState::Unavailable);
    assert_eq!(changes.incidents[0].kind, IncidentKind::NoBill);
}

#[test]
fn a_bill_that_is_not_to_be_had_is_asked_for_again_for_ever() {
    let unusable = NoBill::Unusable("wrong digest".into());
    for why in [&NoBill::NotReady, &NoBill::None, &unusable] {
        let mut day = fresh();
        let mut now = now();
        let mut alarms = 0;
        while now < alarm(day.date).plus_ms(7 * DAY_MS) {
            let changes = no_bill(&day, why, true, &run(), now, &ids());
            assert!(changes.events.is_empty());
            assert_eq!(changes.incidents.is_empty(), now < alarm(day.date));
            alarms += changes.incidents.len();
            day = stored(&changes).clone();
            assert_eq!(day.state, DayState::Waiting);
            assert!(day.trouble.is_some());
            let due_at = put_off_to(&changes).unwrap();
            assert!(due_at > now);
            now = due_at;
        }
        assert!((20..40).contains(&alarms), "{alarms}");
    }
}

#[test]
fn no_bill_is_believed_late_and_never_against_our_own_books() {
    let none = |must_have_some, now| {
        let changes = no_bill(&fresh(), &NoBill::None, must_have_some, &run(), now, &ids());
        (stored(&changes).state, changes.events.len())
    };
    let late = believed_empty(day());
    assert_eq!(none(false, late.plus_ms(-1)), (DayState::Waiting, 0));
    assert_eq!(none(false, late), (DayState::Empty, 1));
    assert_eq!(none(true, late), (DayState::Waiting, 0));
    let changes = no_bill(&fresh(), &NoBill::NotReady, false, &run(), late, &ids());
    assert_eq!(stored(&changes).state, DayState::Waiting);
}

#[test]
fn what_asking_brought_and_is_not_the_same_is_another_difference() {
    let (refunded, number) = refunded(RefundState::Succeeded { at: T0 });
    let mut desk = Desk::new(paid());
    desk.compare(day(), vec![refund_row(&number, 31)]);
    assert_eq!(desk.states(), [("refund_not_here", "asked")]);
    // WeChat says 30, the bill said 31.
    desk.payments
        .values_mut()
        .for_each(|known| *known = refunded.clone());
    for _ in 0..2 {
        desk.look(false);
        assert_eq!(
            desk.states(),
            [("refund_not_here", "resolved"), ("amount_differs", "open")]
        );
        assert_eq!(desk.told(), (1, 1));
    }
    assert_eq!(desk.differences[1].in_books, Some(Fen::new(30)));
    assert_eq!(desk.differences[1].in_bill, Some(Fen::new(31)));
}

#[test]
fn an_empty_day_costs_two_questions() {
    let noon = first_due(day());
    let next = |why: &NoBill, must_have_some| {
        let changes = no_bill(&fresh(), why, must_have_some, &run(), noon, &ids());
        match changes.tasks.as_slice() {
            [TaskChange::Reschedule { due_at, .. }] => due_at.since(noon),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        noon.plus_ms(next(&NoBill::None, false)),
        believed_empty(day())
    );
    assert_eq!(next(&NoBill::None, true), 10 * MINUTE_MS);
    assert_eq!(next(&NoBill::NotReady, false), 10 * MINUTE_MS);
}

#[test]
fn a_day_is_completed_when_nothing_is_asked_any_more() {
    let mut desk = Desk::new(unpaid(AttemptState::Closed));
    desk.compare(day(), vec![paid_row(100)]);
    let mut today = Reconciliation {
        bill: Some(Tally::default()),
        ..fresh()
    };
    let mut looks = 0;
    loop {
        let changes = finish(&today, &desk.differences, &run(), now(), &ids());
        today = stored(&changes).clone();
        if today.state == DayState::Completed {
            assert_eq!(
                changes.events[0].event_type,
                EventType::ReconciliationCompleted
            );
            break;
        }
        assert!(put_off_to(&changes).is_some() && changes.events.is_empty());
        looks += 1;
        desk.look(is_last_look(&today));
    }
    assert_eq!(looks, 6);
    assert_eq!(desk.states(), [("not_paid_here", "open")]);
    assert_eq!(desk.told(), (1, 1));
    // A person who knows more has it compared again.
    let (again, changes) = run_again(Some(today), &paid().mchid, day(), now());
    assert_eq!((again.state, again.tries), (DayState::Waiting, 0));
    assert!(matches!(changes.tasks[0], TaskChange::Wake(_)));
}

#[test]
fn a_refund_believed_rejected_is_asked_for_and_taken() {
    let (payment, number) = refunded(RefundState::Rejected { code: "NO".into() });
    let mut desk = Desk::new(payment.clone());
    desk.compare(day(), vec![paid_row(100), refund_row(&number, 30)]);
    assert_eq!(desk.woken, [TaskKind::QueryRefund]);
    let number = OutRefundNo::parse(number).unwrap();
    let told = fact(&payment, &number, 30, RefundStatus::Success);
    let asked = TaskRun {
        key: crate::refund::decide::query_task(&payment, &number, now()).key,
        ..run()
    };
    let outcome = crate::outcome::Outcome::Succeeded(told);
    let changes =
        crate::refund::decide::on_query(&payment, &number, &outcome, &asked, now(), &ids());
    let after: Refund = changes.payment.unwrap().refunds.remove(0);
    assert!(matches!(after.state, RefundState::Succeeded { .. }));
}

#[test]
fn ids_of_other_payments_do_not_leak_into_a_difference() {
    let mut desk = Desk::new(paid());
    desk.compare(day(), vec![paid_row(101)]);
    let known: &Option<PaymentId> = &desk.differences[0].payment_id;
    assert_eq!(
        known.as_ref(),
        Some(&desk.payments.values().next().unwrap().id)
    );
    let data = &desk.events[0].data;
    assert!(
        data.contains("\"bill_fen\":101") && data.contains("\"books_fen\":100"),
        "{data}"
    );
    assert!(!data.contains("oAlice"));
}
