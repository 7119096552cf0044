//! The life of a day: when its bill is asked for, and when it is done.

use super::task;
use crate::event::{Event, EventType};
use crate::id::{EventId, Mchid};
use crate::incident::{Incident, IncidentKind};
use crate::payment::decide::TaskRun;
use crate::ports::{Changes, Ids};
use crate::reconciliation::model::{DayState, Difference, DifferenceState, Reconciliation, Tally};
use crate::reconciliation::schedule::{
    alarm, believed_empty, bill_delay_ms, first_due, is_too_old, look_delay_ms,
};
use crate::reconciliation::view::ReconciliationView;
use crate::task::{Task, TaskChange};
use crate::time::{BillDate, MINUTE_MS, Timestamp};

/// How long whoever fetches and compares a bill has before others may take it over, in milliseconds: a file can be large. Comparing twice at once does
/// no harm, it is only wasted.
pub const BILL_LEASE_MS: i64 = 15 * MINUTE_MS;

fn waiting(mchid: &Mchid, date: BillDate) -> Reconciliation {
    Reconciliation {
        mchid: mchid.clone(),
        date,
        state: DayState::Waiting,
        bill: None,
        matched: Tally::default(),
        tries: 0,
        trouble: None,
        fetched_at: None,
        completed_at: None,
    }
}

/// A day is owed: its row and its task, together, so that neither is without the other.
pub fn owe(mchid: &Mchid, date: BillDate) -> Changes {
    Changes {
        reconciliations: vec![waiting(mchid, date)],
        tasks: vec![TaskChange::PutIfAbsent(task(mchid, date, first_due(date)))],
        ..Changes::default()
    }
}

/// What a claimed day needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Begun {
    /// Its bill is to be had.
    Fetch(Box<Reconciliation>),
    /// The answers to what was asked are to be looked for.
    Look(Box<Reconciliation>),
    /// Nothing.
    #[default]
    Done,
}

/// A worker has claimed a day. Whatever becomes of it, the next day is owed from now on: a day without a bill must not hold up those after it.
pub fn begin(
    stored: Option<Reconciliation>,
    mchid: &Mchid,
    date: BillDate,
    next_is_owed: bool,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> (Begun, Changes) {
    let mut changes = if next_is_owed {
        Changes::default()
    } else {
        owe(mchid, date.next())
    };
    let mut day = stored.unwrap_or_else(|| waiting(mchid, date));
    if day.state.is_over() {
        changes.tasks.push(run.finish());
        return (Begun::Done, changes);
    }
    if day.state == DayState::Waiting && is_too_old(date, now) {
        day.state = DayState::Unavailable;
        let incident = no_bill_incident(&day, "WeChat keeps bills for three months", now);
        changes.incidents.push(incident);
        changes.tasks.push(run.finish());
        complete(&mut day, &[], now, ids, &mut changes);
        changes.reconciliations.push(day);
        return (Begun::Done, changes);
    }
    changes.tasks.push(TaskChange::Extend {
        key: run.key.clone(),
        lease: run.lease,
        until: now.plus_ms(BILL_LEASE_MS),
    });
    let begun = if day.state == DayState::Checking {
        Begun::Look(Box::new(day))
    } else {
        Begun::Fetch(Box::new(day))
    };
    (begun, changes)
}

/// Why there is no bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoBill {
    /// WeChat has not made it yet.
    NotReady,
    /// WeChat says that there is none.
    None,
    /// No answer, or a file that is not the one that was announced, does not add up, or cannot be understood.
    Unusable(String),
}

impl NoBill {
    fn reason(&self) -> String {
        match self {
            Self::NotReady => "WeChat has not made the bill yet".to_owned(),
            Self::None => "WeChat says that there is no bill".to_owned(),
            Self::Unusable(why) => why.clone(),
        }
    }
}

/// There was no bill to be had. `must_have_some`: our books have payments or refunds of this day, or a bill of it was read before.
///
/// "None" is what WeChat also says when it has not begun, so it is only believed long after, and never against our own books. Everything else is
/// asked for again, for ever; a person is told at noon of the second day.
pub fn no_bill(
    day: &Reconciliation,
    why: &NoBill,
    must_have_some: bool,
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut day = day.clone();
    let mut changes = Changes::default();
    if *why == NoBill::None && !must_have_some && now >= believed_empty(day.date) {
        day.state = DayState::Empty;
        day.trouble = None;
        changes.tasks.push(run.finish());
        complete(&mut day, &[], now, ids, &mut changes);
    } else {
        day.tries = day.tries.saturating_add(1);
        let reason = why.reason();
        if now >= alarm(day.date) {
            changes.incidents.push(no_bill_incident(&day, &reason, now));
        }
        let mut due_at = now.plus_ms(bill_delay_ms(day.date, day.tries, now));
        if *why == NoBill::None && !must_have_some {
            // A merchant who sold nothing has none every day: asking again is of use when it may be believed.
            due_at = due_at.max(believed_empty(day.date));
        }
        changes.tasks.push(run.put_off_to(due_at));
        day.trouble = Some(reason);
    }
    changes.reconciliations.push(day);
    changes
}

fn no_bill_incident(day: &Reconciliation, reason: &str, now: Timestamp) -> Incident {
    Incident {
        mchid: day.mchid.clone(),
        kind: IncidentKind::NoBill,
        out_trade_no: None,
        out_refund_no: None,
        bill_date: Some(day.date),
        payment_id: None,
        at: now,
        detail: format!("no bill of {} to compare with: {reason}", day.date),
    }
}

/// All lines were compared, or looked at once more. `differences` are those of this day, as they are now.
pub fn finish(
    day: &Reconciliation,
    differences: &[Difference],
    run: &TaskRun,
    now: Timestamp,
    ids: &dyn Ids,
) -> Changes {
    let mut day = day.clone();
    let mut changes = Changes::default();
    let is_asking = differences
        .iter()
        .any(|difference| difference.state == DifferenceState::Asked);
    let looks = if day.state == DayState::Checking {
        day.tries.saturating_add(1)
    } else {
        0
    };
    day.trouble = None;
    match look_delay_ms(looks).filter(|_| is_asking) {
        Some(delay) => {
            day.state = DayState::Checking;
            day.tries = looks;
            changes.tasks.push(run.put_off_to(now.plus_ms(delay)));
        }
        None => {
            day.state = DayState::Completed;
            day.tries = 0;
            changes.tasks.push(run.finish());
            complete(&mut day, differences, now, ids, &mut changes);
        }
    }
    changes.reconciliations.push(day);
    changes
}

/// True if this look is the last one before a person has to look.
pub fn is_last_look(day: &Reconciliation) -> bool {
    look_delay_ms(day.tries.saturating_add(1)).is_none()
}

fn complete(
    day: &mut Reconciliation,
    differences: &[Difference],
    now: Timestamp,
    ids: &dyn Ids,
    changes: &mut Changes,
) {
    day.completed_at = Some(now);
    changes.events.push(Event {
        id: EventId::fresh(ids, now),
        mchid: day.mchid.clone(),
        event_type: EventType::ReconciliationCompleted,
        payment_id: None,
        refund_id: None,
        at: now,
        data: ReconciliationView::new(day, differences).to_json(),
    });
}

/// A person wants a day compared again, from its bill on.
pub fn run_again(
    stored: Option<Reconciliation>,
    mchid: &Mchid,
    date: BillDate,
    now: Timestamp,
) -> (Reconciliation, Changes) {
    let day = Reconciliation {
        state: DayState::Waiting,
        tries: 0,
        ..stored.unwrap_or_else(|| waiting(mchid, date))
    };
    let due: Task = task(mchid, date, now);
    let changes = Changes {
        reconciliations: vec![day.clone()],
        tasks: vec![TaskChange::Wake(due)],
        ..Changes::default()
    };
    (day, changes)
}
