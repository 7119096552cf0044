use super::super::*;
use super::T0;
use super::world::{BROKEN, RECEIVED, World};
use crate::event::EventType;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::webhook::model::{EndpointState, Reply};
use crate::webhook::schedule::{DISABLE_AFTER_MS, MIN_TRIES};

#[test]
fn what_is_received_is_delivered_and_the_task_ends() {
    let mut world = World::new();
    for n in 0..3 {
        world.store_event(n);
    }
    world.round(|_| RECEIVED);
    for n in 0..3 {
        assert_eq!(world.delivery(n).state, DeliveryState::Delivered { at: T0 });
        assert_eq!(world.delivery(n).tries, 1);
        assert_eq!(world.sends(n), 1);
    }
    assert_eq!(world.task, None);
    assert_eq!(world.endpoint().failing_since, None);
}

#[test]
fn a_long_queue_is_sent_sixteen_at_a_time_without_a_pause() {
    let mut world = World::new();
    for n in 0..40 {
        world.store_event(n);
    }
    for sent in [16, 32, 40] {
        assert_eq!(world.round(|_| RECEIVED), Some(T0));
        assert_eq!(world.log.len(), sent);
    }
    assert_eq!(world.task, None);
}

#[test]
fn redirects_and_silence_are_failures() {
    let silence = Reply::None {
        reason: "timed out".into(),
    };
    for reply in [
        Reply::Status(301),
        Reply::Status(199),
        Reply::Status(404),
        silence,
    ] {
        let mut world = World::new();
        world.store_event(1);
        world.round(|_| reply.clone());
        assert_eq!(world.due(1), Some(T0.plus_ms(5 * SECOND_MS)), "{reply:?}");
        assert_eq!(world.endpoint().failing_since, Some(T0));
        assert_eq!(world.log[0].reply, reply);
    }
}

#[test]
fn a_delivery_that_always_fails_is_tried_for_more_than_three_days_and_then_failed() {
    let mut world = World::new();
    world.store_event(1);
    let mut times = vec![];
    while let Some(at) = world.round(|_| BROKEN) {
        times.push(at.since(T0));
    }
    assert_eq!(
        times[..6],
        [0, 5_000, 35_000, 155_000, 755_000, 2_555_000],
        "the ladder"
    );
    assert_eq!(times.len(), usize::try_from(MIN_TRIES).unwrap());
    assert!(*times.last().unwrap() > 72 * HOUR_MS);
    assert_eq!(
        world.delivery(1).state,
        DeliveryState::Failed { at: world.now }
    );
    assert_eq!(world.task, None);
}

#[test]
fn a_failing_endpoint_gets_one_call_a_round() {
    let mut world = World::new();
    for n in 0..20 {
        world.store_event(n);
    }
    world.round(|_| BROKEN);
    assert_eq!(world.log.len(), 16);
    for calls in 17..22 {
        world.round(|_| BROKEN);
        assert_eq!(world.log.len(), calls);
    }
    // What was not sent keeps its tries.
    let tries: u32 = (0..20).map(|n| world.delivery(n).tries).sum();
    assert_eq!(tries, 21);
}

#[test]
fn the_pause_between_probes_grows_with_the_outage_to_ten_minutes() {
    let mut world = World::new();
    for n in 0..200 {
        world.store_event(n);
    }
    let (mut before, mut longest) = (T0, 0);
    world.round(|_| BROKEN);
    while world.now < T0.plus_ms(6 * HOUR_MS) {
        world.round(|_| BROKEN);
        let pause = world.now.since(before);
        assert!(pause >= 5 * SECOND_MS);
        assert!(pause <= 10 * MINUTE_MS);
        longest = longest.max(pause);
        before = world.now;
    }
    assert_eq!(longest, 10 * MINUTE_MS);
    assert!(world.log.len() < 16 + 60, "{}", world.log.len());
}

#[test]
fn the_first_success_after_failures_sends_everything_at_once() {
    let mut world = World::new();
    for n in 0..50 {
        world.store_event(n);
    }
    while world.now < T0.plus_ms(72 * HOUR_MS) {
        world.round(|_| BROKEN);
    }
    let back_at = world.task.as_ref().unwrap().due_at;
    while world.task.is_some() {
        world.round(|_| RECEIVED);
        assert_eq!(world.endpoint().failing_since, None);
    }
    assert_eq!(world.now, back_at, "nothing waits any more");
    assert!((0..50).all(|n| world.is_delivered(n)));
}

#[test]
fn what_fails_beside_a_success_keeps_its_delay() {
    let mut world = World::new();
    for n in 0..3 {
        world.store_event(n);
    }
    world.round(|_| BROKEN);
    let at = world
        .round(|event| {
            if event.id == super::event_id(1) {
                BROKEN
            } else {
                RECEIVED
            }
        })
        .unwrap();
    assert!(world.is_delivered(0) && world.is_delivered(2));
    assert_eq!(world.due(1), Some(at.plus_ms(30 * SECOND_MS)));
    assert_eq!(world.endpoint().failing_since, None);
}

#[test]
fn an_event_that_is_always_refused_does_not_stand_in_the_way_of_others() {
    let mut world = World::new();
    // Twenty bad ones, then a good one, while everything was down.
    for n in 0..21 {
        world.store_event(n);
    }
    world.round(|_| BROKEN);
    let good = super::event_id(20);
    while !world.is_delivered(20) {
        world.round(|event| if event.id == good { RECEIVED } else { BROKEN });
    }
    assert!(world.now.since(T0) < 2 * MINUTE_MS, "{:?}", world.now);
}

#[test]
fn a_new_event_is_a_reason_to_look_at_once() {
    let mut world = World::new();
    world.store_event(1);
    for _ in 0..10 {
        world.round(|_| BROKEN);
    }
    world.now = world.now.plus_ms(MINUTE_MS);
    world.store_event(2);
    let now = world.now;
    assert_eq!(world.round(|_| RECEIVED), Some(now));
    assert!(world.is_delivered(2));
    // And the old one, which would have waited for hours, goes right after.
    assert_eq!(world.round(|_| RECEIVED), Some(now));
    assert!(world.is_delivered(1));
}

#[test]
fn five_days_of_failure_disable_the_endpoint_and_say_so() {
    let mut world = World::new();
    let mut n = 0;
    while world.endpoint().state == EndpointState::Enabled {
        if world.now.since(T0) >= i64::from(n) * 6 * HOUR_MS {
            world.store_event(n);
            n += 1;
        }
        world.round(|_| BROKEN);
    }
    let lasted = world.now.since(T0);
    assert!(lasted >= DISABLE_AFTER_MS);
    // At the next try: every six hours for what has failed for days.
    assert!(lasted <= DISABLE_AFTER_MS + 6 * HOUR_MS, "{lasted}");
    let after = EndpointState::Disabled {
        at: world.now,
        by_failure: true,
    };
    assert_eq!(world.endpoint().state, after);
    assert_eq!(world.endpoint().failing_since, Some(T0));
    assert_eq!(world.task, None);

    let [event] = &world.announced[..] else {
        panic!("one event, not {:?}", world.announced)
    };
    assert_eq!(event.event_type, EventType::EndpointDisabled);
    let data: serde_json::Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!(data["disabled_by"], "failure");
    assert_eq!(data["state"], "disabled");
    assert_eq!(data["id"], world.endpoint().id.as_str());
    assert!(!event.data.contains("whsec_"));
    // The others hear of it; it does not.
    let other = Endpoint {
        id: super::endpoint_id(2),
        ..super::endpoint()
    };
    let (deliveries, _) = fan_out(&[world.endpoint().clone(), other.clone()], &world.announced);
    let [DeliveryChange::Put(delivery)] = &deliveries[..] else {
        panic!("one delivery, not {deliveries:?}")
    };
    assert_eq!(delivery.endpoint_id, other.id);
}

#[test]
fn two_failures_weeks_apart_with_nothing_to_send_in_between_disable_nothing() {
    let mut world = World::new();
    world.store_event(1);
    while world.task.is_some() {
        world.round(|_| BROKEN);
    }
    assert_eq!(world.endpoint().failing_since, Some(T0));
    world.now = T0.plus_ms(30 * DAY_MS);
    world.store_event(2);
    world.round(|_| BROKEN);
    assert_eq!(world.endpoint().state, EndpointState::Enabled);
    world.round(|_| RECEIVED);
    assert!(world.is_delivered(2));
    assert_eq!(world.endpoint().failing_since, None);
}

#[test]
fn a_clock_that_was_set_back_disables_and_gives_up_nothing() {
    let mut world = World::new();
    world.store_event(1);
    world.round(|_| BROKEN);
    let run = {
        world.now = world.task.as_ref().unwrap().due_at;
        world.claim()
    };
    let round = world.send(|_| BROKEN);
    world.now = T0.plus_ms(-30 * DAY_MS);
    world.save(&round, &run);
    assert_eq!(world.endpoint().state, EndpointState::Enabled);
    assert_eq!(
        world.due(1),
        Some(world.now.plus_ms(30 * SECOND_MS)),
        "by the new clock"
    );
}
