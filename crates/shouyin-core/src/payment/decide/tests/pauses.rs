//! How long anybody waits for the next question: briefly while money may arrive, whatever went wrong before.

use super::*;
use crate::payment::schedule::LONGEST_PAUSE_MS;

/// The number of the attempt that [`ready`] makes.
fn number() -> OutTradeNo {
    ready(&ids()).1
}

/// Held back by a limit.
fn blocked() -> Outcome<Trade> {
    match rejected(RefusalKind::RateLimited) {
        Outcome::Rejected(refusal) => Outcome::Blocked(refusal),
        other @ (Outcome::Succeeded(_) | Outcome::Blocked(_) | Outcome::Unknown(_)) => other,
    }
}

/// How long after `now` the task of this run is due again.
fn pause_ms(changes: &Changes, now: Timestamp) -> i64 {
    let due = changes.tasks.iter().find_map(|change| match change {
        TaskChange::Reschedule { due_at, .. } => Some(due_at.since(now)),
        TaskChange::Put(_)
        | TaskChange::PutIfAbsent(_)
        | TaskChange::Finish { .. }
        | TaskChange::Remove(_)
        | TaskChange::Extend { .. }
        | TaskChange::RemoveAttemptTasks(_)
        | TaskChange::Wake(_) => None,
    });
    due.unwrap_or_else(|| panic!("{changes:?}"))
}

/// The pauses after 20 answers like this one, each to a query or a close that had been tried often.
fn pauses(kind: TaskKind, outcome: Option<&Outcome<Trade>>, now: Timestamp) -> Vec<i64> {
    let ids = ids();
    let (payment, number, _) = ready(&ids);
    let pause = |tries| {
        let run = TaskRun {
            tries,
            ..run_of(kind, &payment, &number)
        };
        let changes = match outcome {
            Some(outcome) => on_query(&payment, &number, outcome, &run, now, &ids),
            None => on_close(&payment, &number, &unknown(), &run, now, &ids).1,
        };
        pause_ms(&changes, now)
    };
    (0..20).map(pause).collect()
}

#[test]
fn an_unpaid_order_is_asked_for_again_ever_later() {
    let open = Outcome::Succeeded(trade(&number(), TradeState::NotPay));
    let early = pauses(TaskKind::QueryAttempt, Some(&open), T0);
    assert!(early.is_sorted(), "{early:?}");
    // As long as somebody may pay it, it is known within two minutes that somebody has.
    assert_eq!(early.last(), Some(&LONGEST_PAUSE_MS));
    // This answer came when nobody could any more: nothing is to be expected.
    let settled = pauses(TaskKind::QueryAttempt, Some(&open), at(3 * HOUR_MS));
    assert_eq!(settled.last(), Some(&HOUR_MS));
}

#[test]
fn a_question_without_an_answer_is_asked_again_soon_while_money_may_arrive() {
    let mut strange = trade(&number(), TradeState::NotPay);
    strange.mchid = "1900009999".into();
    let outcomes = [
        unknown(),
        rejected(RefusalKind::Other),
        rejected(RefusalKind::OrderNotExist),
        blocked(),
        Outcome::Succeeded(strange),
    ];
    let payable = at(0).plus_ms(2 * HOUR_MS);
    for outcome in &outcomes {
        for now in [T0, payable] {
            let pauses = pauses(TaskKind::QueryAttempt, Some(outcome), now);
            let longest = pauses.iter().max().unwrap();
            assert!(*longest <= LONGEST_PAUSE_MS, "{outcome:?}: {pauses:?}");
        }
        // Four hours later whoever has paid waits at most a quarter of an hour more, and not an hour.
        let late = pauses(TaskKind::QueryAttempt, Some(outcome), at(6 * HOUR_MS));
        assert!(late.iter().max().unwrap() <= &(15 * MINUTE_MS), "{late:?}");
    }
    let closes = pauses(TaskKind::CloseAttempt, None, payable);
    assert!(
        closes.iter().max().unwrap() <= &LONGEST_PAUSE_MS,
        "{closes:?}"
    );
    let late = pauses(TaskKind::CloseAttempt, None, at(30 * HOUR_MS));
    assert_eq!(late.iter().max(), Some(&(10 * MINUTE_MS)));
}
