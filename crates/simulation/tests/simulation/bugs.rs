//! Proof that the tests test: every planted bug is found within its budget of seeds, by an invariant that fits.

use std::sync::Arc;

use simulation::matrix::exhaust;
use simulation::{Build, Seed, Story, run, shrink};

use crate::planted::Bug;

const SIZE: usize = 1024;

/// Finds the bug within so many seeds; gives the seed and the invariant that caught it.
fn found(bug: Bug, budget: u64, by: &[&str]) -> (Seed, &'static str) {
    for seed in 0..budget {
        let seed = Seed { seed, size: SIZE };
        if let Some(violation) = run(seed, Arc::new(bug), false).violation {
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
    found(Bug::AnySignature, 100, &["S7", "S2", "S3"]);
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
    let (seed, invariant) = found(Bug::AnySignature, 100, &["S7", "S2", "S3"]);
    let build: Arc<dyn Build> = Arc::new(Bug::AnySignature);
    let shrunk = shrink(seed, &build, 300).expect("it failed a moment ago");
    assert_eq!(shrunk.violation.invariant, invariant);
    assert!(shrunk.seed.size <= 100, "{}", shrunk.seed);
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
        true,
    );
    let violation = report.violation.expect("this run must fail");
    assert_eq!(violation.invariant, "S8");
    let last = report.trace.lines().last().expect("a trace");
    assert!(last.contains("VIOLATION S8"), "{last}");
}
