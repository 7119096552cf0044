use super::super::*;
use super::world::{BROKEN, RECEIVED, World};
use super::{T0, endpoint, event_id};
use crate::event::EventType;
use crate::time::DAY_MS;
use crate::webhook::model::{Delivery, DeliveryState, EndpointState};

fn wanted(n: u32) -> Wanted {
    Wanted {
        event_id: event_id(n),
        event_type: EventType::PaymentCreated,
    }
}

fn delivery(n: u32, state: DeliveryState) -> Delivery {
    Delivery {
        endpoint_id: endpoint().id,
        mchid: endpoint().mchid,
        event_id: event_id(n),
        event_type: EventType::PaymentCreated,
        state,
        tries: 7,
        requested_at: T0,
    }
}

#[test]
fn events_that_were_never_meant_for_it_are_sent_too() {
    let picky = Endpoint {
        event_types: vec![EventType::PaymentPaid],
        ..endpoint()
    };
    let (resent, changes) = resend(&picky, &[], &[wanted(1)], false, T0).unwrap();
    assert_eq!(resent[0].state, DeliveryState::Pending { due_at: T0 });
    assert_eq!((resent[0].tries, resent[0].requested_at), (0, T0));
    assert_eq!(changes.tasks.len(), 1);
}

#[test]
fn a_resend_starts_the_ladder_again_and_is_later_than_the_request_before() {
    let now = T0.plus_ms(DAY_MS);
    for state in [
        DeliveryState::Delivered { at: T0 },
        DeliveryState::Failed { at: T0 },
        DeliveryState::Pending { due_at: T0 },
    ] {
        let known = [delivery(1, state)];
        let (resent, _) = resend(&endpoint(), &known, &[wanted(1)], false, now).unwrap();
        assert_eq!(
            resent,
            [Delivery {
                state: DeliveryState::Pending { due_at: now },
                tries: 0,
                requested_at: now,
                ..known[0].clone()
            }]
        );
        // In the same millisecond it is still another request.
        let (resent, _) = resend(&endpoint(), &known, &[wanted(1)], false, T0).unwrap();
        assert_eq!(resent[0].requested_at, T0.plus_ms(1));
    }
}

#[test]
fn only_what_failed_if_that_is_wanted() {
    let known = [
        delivery(1, DeliveryState::Delivered { at: T0 }),
        delivery(2, DeliveryState::Failed { at: T0 }),
        delivery(3, DeliveryState::Pending { due_at: T0 }),
    ];
    let all = [wanted(1), wanted(2), wanted(3), wanted(4)];
    let (resent, _) = resend(&endpoint(), &known, &all, true, T0).unwrap();
    assert_eq!(resent.len(), 1);
    assert_eq!(resent[0].event_id, event_id(2));
    let (resent, changes) = resend(&endpoint(), &known[..1], &all[..1], true, T0).unwrap();
    assert!(resent.is_empty() && changes.is_empty());
}

#[test]
fn nothing_is_resent_to_a_disabled_endpoint() {
    let off = Endpoint {
        state: EndpointState::Disabled {
            at: T0,
            by_failure: true,
        },
        ..endpoint()
    };
    assert_eq!(
        resend(&off, &[], &[wanted(1)], false, T0),
        Err(ResendError::Disabled)
    );
}

#[test]
fn what_was_given_up_arrives_after_a_resend() {
    let mut world = World::new();
    world.store_event(1);
    while world.task.is_some() {
        world.round(|_| BROKEN);
    }
    assert_eq!(world.delivery(1).state.as_str(), "failed");
    world.resend(1);
    let now = world.now;
    assert_eq!(world.round(|_| RECEIVED), Some(now));
    assert!(world.is_delivered(1));
    assert_eq!(world.delivery(1).tries, 1);
}
