//! A crash at every commit and at every pair of commits, for every story. Exhaustive, so it needs no luck.

use std::sync::Arc;

use simulation::matrix::{exhaust, tell};
use simulation::{Build, Keep, Product, Story};

fn survives(name: &str, at_least_runs: u64) {
    let build: Arc<dyn Build> = Arc::new(Product);
    let variants = Story::named(name);
    assert!(!variants.is_empty(), "no story {name}");
    let found = exhaust(&variants, &build);
    assert!(
        found.runs >= at_least_runs,
        "{name}: only {} runs",
        found.runs
    );
    if let Some((variant, crashes, report)) = found.failures.first() {
        let (told, _) = tell(&variants[*variant], crashes, build, Keep::Lines);
        panic!(
            "{} of {} runs of {name} fail, first variant {variant} with crashes {crashes:?}: {:?}\n{}",
            found.failures.len(),
            found.runs,
            report.violation,
            told.trace.lines().join("\n")
        );
    }
}

#[test]
fn paying_survives_every_crash() {
    survives("pay", 100);
}

#[test]
fn expiry_survives_every_crash() {
    survives("expire", 100);
}

#[test]
fn closing_while_the_buyer_pays_survives_every_crash() {
    survives("close-while-paying", 500);
}

#[test]
fn closing_while_the_order_is_on_its_way_survives_every_crash() {
    survives("close-while-ordering", 400);
}

#[test]
fn a_notification_that_races_a_query_survives_every_crash() {
    survives("notification-races-query", 500);
}

#[test]
fn an_order_that_is_late_while_the_clock_is_stepped_survives_every_crash() {
    survives("clock-steps-while-ordering", 100);
}

#[test]
fn a_refused_close_survives_every_crash() {
    survives("refused-close", 100);
}

#[test]
fn a_refund_survives_every_crash() {
    survives("refund", 500);
}

#[test]
fn two_refunds_that_race_survive_every_crash() {
    survives("racing-refunds", 400);
}

#[test]
fn a_refund_made_by_hand_survives_every_crash() {
    survives("refund-by-hand", 150);
}

#[test]
fn a_refund_that_waits_for_money_survives_every_crash() {
    survives("refund-without-money", 200);
}

#[test]
fn an_abnormal_refund_survives_every_crash() {
    survives("abnormal-refund", 200);
}

#[test]
fn a_revised_payment_survives_every_crash() {
    survives("revise", 500);
}

#[test]
fn money_beyond_what_is_asked_for_survives_every_crash() {
    survives("surplus", 500);
}

#[test]
fn late_money_that_goes_back_survives_every_crash() {
    survives("late-payment", 100);
}

#[test]
fn paying_in_the_older_protocol_survives_every_crash() {
    survives("pay-v2", 100);
}

#[test]
fn a_refund_in_the_older_protocol_survives_every_crash() {
    survives("refund-v2", 300);
}

#[test]
fn an_order_that_is_refused_while_its_payment_closes_survives_every_crash() {
    survives("refused-while-closing", 100);
}

#[test]
fn moving_to_the_other_protocol_survives_every_crash() {
    survives("move", 500);
}

#[test]
fn a_bill_that_tells_of_a_refund_survives_every_crash() {
    survives("bill", 500);
}

#[test]
fn a_bill_that_two_servers_fetch_survives_every_crash() {
    survives("bill-fetched-twice", 500);
}

#[test]
fn a_bill_that_is_denied_after_it_was_read_survives_every_crash() {
    survives("bill-denied", 100);
}

#[test]
fn webhooks_survive_every_crash() {
    survives("webhook", 500);
}

#[test]
fn a_scanned_qr_code_survives_every_crash() {
    survives("native", 200);
}

#[test]
fn two_payers_of_one_qr_code_survive_every_crash() {
    survives("two-payers", 500);
}

#[test]
fn a_payment_code_that_is_paid_survives_every_crash() {
    survives("code-paid", 200);
}

#[test]
fn a_payment_code_that_is_taken_back_survives_every_crash() {
    survives("code-reversed", 1_500);
}

#[test]
fn a_charge_whose_amount_is_revised_survives_every_crash() {
    survives("revised-while-charging", 500);
}

#[test]
fn an_answer_that_a_reversal_overtakes_survives_every_crash() {
    survives("overtaken-success", 300);
}

#[test]
fn a_refund_by_hand_while_a_charge_is_taken_back_survives_every_crash() {
    survives("refund-while-reversing", 500);
}

#[test]
fn a_story_is_the_same_every_time() {
    let story = Story::pay();
    let hash = || {
        tell(&story, &[], Arc::new(Product), Keep::Fingerprint)
            .0
            .trace
            .hash()
    };
    assert_eq!(hash(), hash());
}
