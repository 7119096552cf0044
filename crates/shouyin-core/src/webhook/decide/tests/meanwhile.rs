//! What happens between the sending and the saving.

use super::super::*;
use super::T0;
use super::world::{BROKEN, RECEIVED, World};
use crate::time::HOUR_MS;

fn enabled(yes: bool) -> EndpointPatch {
    EndpointPatch {
        enabled: Some(yes),
        ..EndpointPatch::default()
    }
}

#[test]
fn an_event_stored_while_a_round_is_under_way_is_not_forgotten() {
    let mut world = World::new();
    world.store_event(1);
    let run = world.claim();
    let round = world.send(|_| RECEIVED);
    world.store_event(2);
    world.save(&round, &run);
    assert_eq!(world.task.as_ref().unwrap().due_at, T0);
    world.round(|_| RECEIVED);
    assert!(world.is_delivered(2));
}

#[test]
fn an_event_stored_while_nothing_was_due_is_not_forgotten() {
    let mut world = World::new();
    world.store_event(1);
    world.round(|_| RECEIVED);
    // A task that finds nothing: somebody else was quicker.
    world.patch(EndpointPatch {
        url: Some("https://new.example.com".into()),
        ..EndpointPatch::default()
    });
    let run = world.claim();
    let nothing = world.send(|_| RECEIVED);
    assert_eq!(nothing.sent, []);
    world.store_event(2);
    world.save(&nothing, &run);
    assert_eq!(world.task.as_ref().unwrap().due_at, T0);

    let run = world.claim();
    let round = world.send(|_| RECEIVED);
    world.save(&round, &run);
    assert_eq!(world.task, None);
}

#[test]
fn a_late_result_does_not_overwrite_a_resend() {
    for reply in [RECEIVED, BROKEN] {
        let mut world = World::new();
        world.store_event(1);
        let run = world.claim();
        let round = world.send(|_| reply.clone());
        world.resend(1);
        let resent = world.delivery(1).clone();
        world.save(&round, &run);
        assert_eq!(*world.delivery(1), resent);
        assert_eq!(world.sends(1), 1, "the log has it");
        assert!(world.task.is_some());
    }
}

#[test]
fn of_two_workers_that_sent_the_same_a_success_wins() {
    for (first, second) in [(RECEIVED, BROKEN), (BROKEN, RECEIVED)] {
        let mut world = World::new();
        world.store_event(1);
        let slow = world.claim();
        let slow_round = world.send(|_| second.clone());
        // The lease ends, and another worker takes over.
        world.now = world.now.plus_ms(HOUR_MS);
        let quick = world.claim();
        let quick_round = world.send(|_| first.clone());
        world.save(&quick_round, &quick);
        world.save(&slow_round, &slow);
        assert!(world.is_delivered(1));
        assert_eq!(world.sends(1), 2);
    }
}

#[test]
fn a_failure_known_already_is_not_counted_twice() {
    let mut world = World::new();
    world.store_event(1);
    let slow = world.claim();
    let slow_round = world.send(|_| BROKEN);
    world.now = world.now.plus_ms(HOUR_MS);
    let quick = world.claim();
    let quick_round = world.send(|_| BROKEN);
    world.save(&quick_round, &quick);
    let after = world.delivery(1).clone();
    world.save(&slow_round, &slow);
    assert_eq!(*world.delivery(1), after);
    assert_eq!(after.tries, 1);
}

#[test]
fn an_endpoint_deleted_meanwhile_leaves_nothing() {
    let mut world = World::new();
    world.store_event(1);
    let run = world.claim();
    let round = world.send(|_| BROKEN);
    world.apply(delete(&round.endpoint));
    world.save(&round, &run);
    assert_eq!(world.endpoint, None);
    assert!(world.deliveries.is_empty());
    assert!(world.log.is_empty());
    assert_eq!(world.task, None);
}

#[test]
fn an_endpoint_disabled_meanwhile_keeps_what_was_received_and_stays_disabled() {
    let mut world = World::new();
    world.store_event(1);
    world.store_event(2);
    let run = world.claim();
    let round = world.send(|event| {
        if event.id == super::event_id(1) {
            RECEIVED
        } else {
            BROKEN
        }
    });
    world.patch(enabled(false));
    world.save(&round, &run);
    assert!(world.is_delivered(1));
    assert!(world.due(2).is_some());
    assert_eq!(world.endpoint().state.as_str(), "disabled");
    assert_eq!(world.endpoint().failing_since, None);
    assert_eq!(world.task, None);
    // New events are not kept for it; what was pending goes out once it is enabled.
    world.store_event(3);
    assert_eq!(world.deliveries.len(), 2);
    world.patch(enabled(true));
    world.round(|_| RECEIVED);
    assert!(world.is_delivered(2));
}

#[test]
fn an_endpoint_disabled_and_enabled_meanwhile_goes_on() {
    let mut world = World::new();
    world.store_event(1);
    world.patch(enabled(false));
    let run = world.claim();
    let round = world.send(|_| RECEIVED);
    assert_eq!(round.sent, []);
    world.patch(enabled(true));
    world.save(&round, &run);
    world.round(|_| RECEIVED);
    assert!(world.is_delivered(1));
}

#[test]
fn a_failure_at_the_address_before_says_nothing_about_the_new_one() {
    let mut world = World::new();
    world.store_event(1);
    let run = world.claim();
    let round = world.send(|_| BROKEN);
    world.patch(EndpointPatch {
        url: Some("https://new.example.com".into()),
        ..EndpointPatch::default()
    });
    world.save(&round, &run);
    assert_eq!(world.delivery(1).tries, 0);
    assert_eq!(world.endpoint().failing_since, None);
    assert_eq!(world.round(|_| RECEIVED), Some(T0));
    assert!(world.is_delivered(1));
}

#[test]
fn only_a_task_that_is_due_at_once_is_kept() {
    for (reply, count, is_kept) in [
        (RECEIVED, 17, true),
        // The end of the queue, and a failure.
        (RECEIVED, 16, false),
        (BROKEN, 17, false),
    ] {
        let mut world = World::new();
        for n in 0..count {
            world.store_event(n);
        }
        let run = world.claim();
        let round = world.send(|_| reply.clone());
        let ids: Vec<_> = (0..16).map(super::event_id).collect();
        let mut changes = on_replies(&world.load(&ids), &round, &run, T0, &world.ids);
        assert_eq!(keep_lease(&mut changes, T0), is_kept);
        assert_eq!(changes.tasks.is_empty(), is_kept);
        if is_kept {
            // The holder dies here: the rest is sent when the lease ends.
            world.apply(changes);
            world.round(|_| RECEIVED);
            assert!(world.is_delivered(16));
        }
    }
}
