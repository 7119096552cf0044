//! Proof that the tests test: every planted bug is found within its budget of seeds, by an invariant that fits.

use std::sync::Arc;

use simulation::matrix::exhaust;
use simulation::{Action, Actor, Build, Case, Keep, Part, Product, Seed, Story};
use simulation::{run, run_case, shrink};

use crate::planted::Bug;

const SIZE: usize = 1024;

/// Finds the bug within so many seeds; gives the seed and the invariant that caught it.
fn found(bug: Bug, budget: u64, by: &[&str]) -> (Seed, &'static str) {
    for seed in 0..budget {
        let seed = Seed { seed, size: SIZE };
        if let Some(violation) = run(seed, Arc::new(bug), Keep::Nothing).violation {
            assert!(
                by.contains(&violation.invariant),
                "{bug:?} in {seed}: {violation}"
            );
            return (seed, violation.invariant);
        }
    }
    panic!("{bug:?} was not found in {budget} seeds");
}

#[test]
fn a_close_without_an_answer_taken_as_closed_is_found() {
    found(Bug::CloseTimeoutIsClosed, 200, &["S3"]);
}

#[test]
fn an_order_call_without_an_answer_taken_as_refused_is_found() {
    found(Bug::OrderTimeoutIsRefused, 200, &["S3"]);
}

#[test]
fn an_order_call_repeated_under_a_new_number_is_found() {
    found(Bug::OrderAgainUnderNewNumber, 100, &["S8"]);
}

#[test]
fn an_order_call_repeated_with_other_parameters_is_found() {
    found(Bug::OrderAgainWithNewDeadline, 100, &["S8"]);
}

#[test]
fn a_signature_that_is_not_checked_is_found() {
    found(Bug::AnySignature, 100, &["S7", "S2", "S3", "INCIDENT"]);
}

#[test]
fn a_notification_answered_before_its_commit_is_found() {
    found(Bug::AnsweredBeforeCommit, 100, &["S11", "S4"]);
}

#[test]
fn a_notification_that_nobody_acts_on_is_found_where_queries_are_down() {
    found(Bug::NotificationNotApplied, 300, &["L1", "L2"]);
}

#[test]
fn a_decision_on_what_was_read_before_the_transaction_is_found() {
    found(
        Bug::ReadOutsideTransaction,
        200,
        &["S4", "S6", "S8", "BUG", "L1", "L2"],
    );
}

#[test]
fn an_event_announced_twice_is_found() {
    found(Bug::PaidTwice, 100, &["S6"]);
}

#[test]
fn a_refund_call_without_an_answer_taken_as_refused_is_found() {
    found(Bug::RefundTimeoutIsRefused, 200, &["S1"]);
}

#[test]
fn a_refund_call_repeated_under_a_new_number_is_found() {
    found(Bug::RefundAgainUnderNewNumber, 200, &["S8"]);
}

#[test]
fn a_reserve_that_is_never_released_is_found() {
    found(Bug::ReleaseForgotten, 100, &["S5"]);
}

#[test]
fn a_refund_that_nobody_is_told_of_is_found() {
    found(Bug::RefundNotTold, 100, &["S6"]);
}

#[test]
fn a_webhook_that_is_never_sent_is_found() {
    found(Bug::WebhookNotSent, 50, &["S6", "L3"]);
}

#[test]
fn a_webhook_whose_copies_differ_is_found() {
    found(Bug::WebhookBodyChanges, 50, &["S6"]);
}

#[test]
fn a_payer_in_a_log_line_is_found() {
    found(Bug::PayerInLog, 20, &["S12"]);
}

#[test]
fn questions_that_come_hours_late_are_found() {
    found(Bug::AsksLate, 400, &["L4"]);
}

#[test]
fn a_call_that_never_ends_is_a_deadlock() {
    found(Bug::CallThatNeverEnds, 20, &["DEADLOCK"]);
}

#[test]
fn the_crash_matrix_finds_what_is_answered_before_its_commit() {
    let build: Arc<dyn Build> = Arc::new(Bug::AnsweredBeforeCommit);
    let matrix = exhaust(&Story::named("pay"), &build);
    assert!(!matrix.failures.is_empty());
}

#[test]
fn a_failure_shrinks_to_a_few_dozen_bytes() {
    let (seed, invariant) = found(Bug::AnySignature, 100, &["S7", "S2", "S3", "INCIDENT"]);
    let build: Arc<dyn Build> = Arc::new(Bug::AnySignature);
    let shrunk = shrink(&seed.into(), &build, 300).expect("it failed a moment ago");
    assert_eq!(shrunk.violation.invariant, invariant);
    assert!(shrunk.case.seed.size <= 100, "{}", shrunk.case);
}

/// What is left of a failure: a line to replay it, and nobody who could be spared.
fn left_of(bug: Bug, budget: u64, by: &[&str]) -> (Case, Vec<Part>, &'static str) {
    let (seed, _) = found(bug, budget, by);
    let build: Arc<dyn Build> = Arc::new(bug);
    let shrunk = shrink(&seed.into(), &build, 200).expect("it failed a moment ago");
    let case = Case::parse(&shrunk.case.to_string()).expect("it is read as it is printed");
    let again = run_case(&case, build, Keep::Nothing).violation;
    let again = again.expect("what was printed fails");
    assert_eq!(again.invariant, shrunk.violation.invariant, "{case}");
    let left = case.left();
    assert!(left.len() <= 15, "{case} leaves {left:?}");
    (case, left, again.invariant)
}

/// Without this part it does not fail in this way.
fn needs(bug: Bug, case: &Case, part: Part, invariant: &str) {
    let without = case.without(part);
    let violation = run_case(&without, Arc::new(bug), Keep::Nothing).violation;
    let same = violation.filter(|violation| violation.invariant == invariant);
    assert_eq!(same, None, "{case} does not need {part:?}");
}

#[test]
fn whoever_plays_no_part_in_a_failure_is_left_out() {
    let bug = Bug::CloseTimeoutIsClosed;
    let (case, left, invariant) = left_of(bug, 200, &["S3"]);
    needs(bug, &case, Part::Actor(Actor::Merchant), invariant);
    for part in [
        Part::Actor(Actor::Console),
        Part::Actor(Actor::Endpoints),
        Part::Actor(Actor::Receivers),
        Part::Actor(Actor::Bank),
        Part::Webhooks,
        Part::OtherServers,
    ] {
        assert!(!left.contains(&part), "{case} leaves {part:?}");
    }
}

#[test]
fn whoever_a_failure_needs_is_not_left_out() {
    let bug = Bug::ReleaseForgotten;
    let (case, left, invariant) = left_of(bug, 100, &["S5"]);
    // Money goes back because the merchant asks for it, or somebody in the console.
    let ways = [Action::Refund, Action::RefundByHand].map(Part::Action);
    let refund = ways.into_iter().find(|part| left.contains(part));
    let refund = refund.unwrap_or(Part::Action(Action::Refund));
    for part in [refund, Part::Actor(Actor::Shopper)] {
        assert!(left.contains(&part), "{case}: {left:?}");
        needs(bug, &case, part, invariant);
    }
    assert!(!left.contains(&Part::Actor(Actor::Attacker)), "{case}");
}

/// What merchants ask for, in this order.
fn asked_for(case: &Case) -> Vec<String> {
    let report = run_case(case, Arc::new(Product), Keep::Lines);
    assert_eq!(report.violation, None, "{case}");
    let line = |line: &String| {
        let (_, what) = line.split_once("  merchant asks for payment")?;
        Some(what.to_owned())
    };
    report.trace.lines().iter().filter_map(line).collect()
}

#[test]
fn without_somebody_the_others_do_what_they_did() {
    let mut compared = 0;
    for number in 0..12 {
        let case = Case::from(Seed {
            seed: number,
            size: SIZE,
        });
        let all = asked_for(&case);
        for part in [Actor::Attacker, Actor::Console, Actor::Receivers].map(Part::Actor) {
            if case.left().contains(&part) {
                let without = asked_for(&case.without(part));
                // Whoever is left out leaves their bytes to the others, who do other things with them in the end: what is
                // compared is as far as both tell the same story.
                let same = all.iter().zip(&without).filter(|(a, b)| a == b).count();
                assert_eq!(
                    same,
                    all.len().min(without.len()),
                    "{case} without {part:?}"
                );
                compared += same;
            }
        }
    }
    assert!(compared > 100, "only {compared}");
}

/// The canary: this run must fail, so that silence is never mistaken for health.
#[test]
fn the_canary_dies() {
    let report = run(
        Seed {
            seed: 0,
            size: 4096,
        },
        Arc::new(Bug::OrderAgainWithNewDeadline),
        Keep::Lines,
    );
    let violation = report.violation.expect("this run must fail");
    assert_eq!(violation.invariant, "S8");
    let last = report.trace.lines().last().expect("a trace");
    assert!(last.contains("VIOLATION S8"), "{last}");
}
