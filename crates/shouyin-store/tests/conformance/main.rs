//! One suite of stories for every store. A new database joins with one line at the end of this file.

#![expect(
    clippy::unwrap_used,
    reason = "in a story an unexpected error is a failure of the story"
)]

mod access;
mod agreement;
mod block_on;
mod chance;
mod delivery;
mod endpoint;
mod event;
mod evidence;
mod fan_out;
mod ledger;
mod lock;
mod memory;
mod payment;
mod reconciliation;
mod refund;
mod sample;
mod sqlite;
mod sqlite_rows;
mod task;
mod unique;

use std::sync::Arc;

use shouyin_core::ports::Store;
use shouyin_store::{MemoryStore, SqliteStore};

use crate::block_on::block_on;

/// What a story may need besides the store itself: kept until the story ends.
type Keep = Box<dyn std::any::Any>;

fn in_memory() -> (Arc<dyn Store>, Keep) {
    (Arc::new(MemoryStore::new()), Box::new(()))
}

fn sqlite_file() -> (Arc<dyn Store>, Keep) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path().join("shouyin.db")).unwrap();
    (Arc::new(store), Box::new(directory))
}

fn sqlite_in_memory() -> (Arc<dyn Store>, Keep) {
    let store = SqliteStore::open_in_memory().unwrap();
    (Arc::new(store), Box::new(()))
}

fn sqlite_single_threaded() -> (Arc<dyn Store>, Keep) {
    let store = SqliteStore::single_threaded_in_memory().unwrap();
    (Arc::new(store), Box::new(()))
}

macro_rules! stories {
    ($constructor:ident: $($file:ident :: $story:ident),* $(,)?) => {$(
        #[test]
        fn $story() {
            let (store, keep) = super::$constructor();
            super::block_on(super::$file::$story(store));
            drop(keep);
        }
    )*};
}

macro_rules! every_story_on {
    ($module:ident, $constructor:ident) => {
        mod $module {
            stories! { $constructor:
                payment::a_payment_is_found_by_every_key,
                payment::a_payment_is_not_found_for_another_merchant,
                payment::every_state_is_read_as_it_was_saved,
                payment::every_product_is_read_as_it_was_saved,
                payment::every_change_of_state_is_saved,
                payment::a_changed_payment_is_saved_with_its_attempts,
                payment::what_a_payment_asks_for_can_be_revised,
                payment::what_never_changes_is_not_changed,
                payment::nobody_is_asked_to_pay_nothing,
                payment::the_newest_payment_of_an_order_no_is_the_one_stored_last,
                payment::lists_are_paged_newest_first,
                payment::a_cursor_of_nobody_leads_nowhere,
                payment::lists_are_filtered_by_order_no_and_state,
                refund::a_payment_is_found_by_its_refund,
                refund::every_state_of_a_refund_is_read_as_it_was_saved,
                refund::a_refund_is_changed_with_its_payment,
                refund::what_was_asked_back_never_changes,
                refund::nothing_goes_back_that_did_not_come,
                refund::racing_refunds_never_exceed_what_was_paid,
                refund::a_refund_number_exists_once,
                refund::lists_of_refunds_are_paged_newest_first,
                refund::lists_of_refunds_are_filtered,
                ledger::postings_are_kept_in_their_order,
                ledger::an_order_is_paid_once_and_a_refund_goes_back_once,
                ledger::a_balance_is_the_sum_of_postings,
                ledger::a_posting_that_makes_no_sense_is_refused,
                endpoint::an_endpoint_is_read_as_it_was_saved,
                endpoint::endpoints_are_listed_oldest_first,
                endpoint::an_endpoint_stays_with_its_merchant,
                endpoint::deleting_an_endpoint_removes_all_that_is_its_own,
                fan_out::an_event_is_on_its_way_to_everybody_who_wants_it,
                fan_out::an_event_that_is_not_saved_is_not_delivered,
                fan_out::a_delivery_wakes_its_endpoint,
                fan_out::a_worker_that_looks_before_it_rests_misses_no_delivery,
                fan_out::endpoints_are_taken_as_the_same_change_leaves_them,
                fan_out::what_a_decision_says_about_a_delivery_comes_last,
                fan_out::events_of_two_merchants_stay_apart,
                delivery::every_state_of_a_delivery_is_kept,
                delivery::deliveries_are_sent_in_the_order_of_events,
                delivery::a_decision_sees_what_it_asked_for_and_when_the_rest_is_due,
                delivery::pending_deliveries_are_hurried,
                delivery::a_delivery_has_a_log,
                delivery::lists_of_deliveries_are_paged_newest_event_first,
                delivery::deliveries_are_between_one_merchants_event_and_endpoint,
                lock::decisions_on_one_payment_are_serialised,
                lock::decisions_on_many_payments_are_all_saved,
                lock::a_change_of_everything_is_saved_completely,
                lock::a_change_that_is_refused_at_its_end_leaves_nothing,
                lock::a_panicking_decision_leaves_nothing,
                lock::a_request_fails_alone,
                lock::a_decision_runs_once,
                lock::what_is_answered_can_be_read,
                unique::a_payment_id_exists_once,
                unique::an_order_no_has_one_current_payment,
                unique::a_closed_payment_frees_its_order_no,
                unique::late_money_is_kept_beside_a_newer_payment,
                unique::an_out_trade_no_exists_once_for_a_merchant,
                unique::an_event_id_exists_once,
                unique::an_idempotency_key_has_one_answer_for_a_merchant,
                event::events_are_paged_in_the_order_of_commits,
                event::every_type_of_event_is_kept,
                event::a_reader_who_keeps_up_misses_no_event,
                task::a_due_task_is_claimed_with_its_lease,
                task::tasks_are_claimed_in_the_order_of_due_time_and_key,
                task::a_lease_ends_and_another_worker_takes_over,
                task::whoever_lost_the_lease_cannot_disturb_its_successor,
                task::a_task_without_lease_is_not_finished_by_anybody,
                task::a_task_is_put_off_by_its_holder,
                task::putting_replaces_and_putting_if_absent_does_not,
                task::tasks_are_removed_whoever_holds_them,
                task::changes_of_tasks_are_applied_in_order,
                task::tasks_about_refunds_outlive_those_about_attempts,
                task::a_task_is_woken_unless_somebody_holds_it,
                task::each_lane_has_its_own_tasks,
                task::a_task_that_makes_no_sense_is_refused,
                task::nothing_is_due_when_nothing_is_owed,
                task::two_workers_never_hold_the_same_task,
                reconciliation::every_state_of_a_day_is_kept,
                reconciliation::days_are_paged_newest_first,
                reconciliation::every_difference_is_kept_once,
                reconciliation::money_without_a_line_in_any_bill_is_found,
                reconciliation::a_days_task_is_kept_and_its_lease_extended,
                evidence::an_incident_is_kept_once,
                evidence::every_kind_of_incident_is_kept,
                evidence::every_notification_is_kept_as_it_came,
                access::a_session_is_found_by_its_token,
                access::the_newest_session_of_a_login_code_is_found,
                access::sessions_that_ended_are_deleted,
                access::an_api_key_speaks_for_one_merchant,
                access::a_healthy_store_says_so,
            }
        }
    };
}

every_story_on!(on_memory, in_memory);
every_story_on!(on_sqlite_file, sqlite_file);
every_story_on!(on_sqlite_in_memory, sqlite_in_memory);
every_story_on!(on_sqlite_single_threaded, sqlite_single_threaded);
