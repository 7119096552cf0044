//! Whatever the receiver answers, and whatever happens meanwhile, nothing is lost.

use proptest::prelude::*;

use super::super::*;
use super::world::{BROKEN, RECEIVED, World, due};
use super::{T0, event_id};
use crate::payment::decide::TaskRun;
use crate::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use crate::webhook::model::{DeliveryState, EndpointState};
use crate::webhook::schedule::GIVE_UP_AFTER_MS;

/// What may happen between two steps.
#[derive(Debug, Clone)]
enum Step {
    /// An event is stored.
    Store,
    /// Time goes by.
    Wait(i64),
    /// A worker takes the task, if it is due, and sends; each delivery is answered by the next bit.
    Send(u16),
    /// A worker that has sent tells the store: the first, or the last of those that have not yet.
    Save {
        is_last: bool,
    },
    /// A worker that has sent dies before it tells anybody.
    Die,
    /// The merchant wants an event again.
    Resend(u32),
    /// The merchant switches the endpoint on or off, or moves it.
    Enable(bool),
    Move,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Store),
        3 => prop_oneof![1..10_000_i64, MINUTE_MS..HOUR_MS, HOUR_MS..DAY_MS].prop_map(Step::Wait),
        6 => prop_oneof![Just(0), Just(u16::MAX), any::<u16>()].prop_map(Step::Send),
        6 => any::<bool>().prop_map(|is_last| Step::Save { is_last }),
        1 => Just(Step::Die),
        1 => (0..40_u32).prop_map(Step::Resend),
        1 => any::<bool>().prop_map(Step::Enable),
        1 => Just(Step::Move),
    ]
}

#[derive(Default)]
struct History {
    stored: u32,
    moves: u32,
    in_flight: Vec<(Round, TaskRun)>,
}

fn act(world: &mut World, history: &mut History, step: Step) {
    let is_enabled = world.endpoint().state == EndpointState::Enabled;
    match step {
        Step::Store if is_enabled => {
            world.store_event(history.stored);
            history.stored += 1;
        }
        Step::Wait(ms) => world.now = world.now.plus_ms(ms),
        Step::Send(answers) => {
            if world
                .task
                .as_ref()
                .is_some_and(|task| task.due_at <= world.now)
            {
                let run = world.claim();
                let mut bit = 0;
                let round = world.send(|_| {
                    bit += 1;
                    if answers.rotate_right(bit) & 1 == 1 {
                        RECEIVED
                    } else {
                        BROKEN
                    }
                });
                history.in_flight.push((round, run));
            }
        }
        Step::Save { is_last } => {
            let taken = match history.in_flight.len() {
                0 => None,
                _ if !is_last => Some(history.in_flight.remove(0)),
                _ => history.in_flight.pop(),
            };
            if let Some((round, run)) = taken {
                world.save(&round, &run);
            }
        }
        Step::Die => drop(history.in_flight.pop()),
        Step::Resend(n) if is_enabled && n < history.stored => world.resend(n),
        Step::Enable(enabled) => world.patch(EndpointPatch {
            enabled: Some(enabled),
            ..EndpointPatch::default()
        }),
        Step::Move => {
            history.moves += 1;
            world.patch(EndpointPatch {
                url: Some(format!("https://{}.example.com", history.moves)),
                ..EndpointPatch::default()
            });
        }
        Step::Store | Step::Resend(_) => {}
    }
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Chaos, then calm: once the receiver works and stays, every event that was ever stored has been received.
    #[test]
    fn nothing_is_lost(steps in prop::collection::vec(step(), 1..120)) {
        let mut world = World::new();
        let mut history = History::default();
        for step in steps {
            act(&mut world, &mut history, step);
        }
        for (round, run) in std::mem::take(&mut history.in_flight) {
            world.save(&round, &run);
        }
        world.patch(EndpointPatch { enabled: Some(true), ..EndpointPatch::default() });
        let calm_at = world.now;
        for _ in 0..1_000 {
            if world.round(|_| RECEIVED).is_none() {
                break;
            }
        }
        prop_assert!(world.task.is_none(), "the task ends");
        // A lease that nobody gave back, or a wait of the ladder.
        prop_assert!(world.now.since(calm_at) <= 6 * HOUR_MS + MINUTE_MS);
        prop_assert_eq!(world.deliveries.len(), usize::try_from(history.stored).unwrap());
        for n in 0..history.stored {
            let is_received = world
                .log
                .iter()
                .any(|line| line.event_id == event_id(n) && line.reply.is_received());
            match world.delivery(n).state {
                DeliveryState::Delivered { .. } => prop_assert!(is_received, "delivered without a 2xx"),
                // Only after three days of trying.
                DeliveryState::Failed { at } => {
                    prop_assert!(at.since(world.delivery(n).requested_at) > GIVE_UP_AFTER_MS);
                }
                DeliveryState::Pending { .. } => prop_assert!(false, "pending for ever"),
            }
        }
    }

    /// Whatever single answers come in which order, every delivery ends, and none is given up within three days.
    #[test]
    fn every_delivery_ends(
        answers in prop::collection::vec(prop::bool::weighted(0.03), 1..200),
        count in 1..40_u32,
    ) {
        let mut world = World::new();
        for n in 0..count {
            world.store_event(n);
        }
        let mut answers = answers.into_iter().cycle();
        for _ in 0..20_000 {
            let before = world.deliveries.clone();
            if world.round(|_| if answers.next().unwrap() { RECEIVED } else { BROKEN }).is_none() {
                break;
            }
            for (id, delivery) in &world.deliveries {
                match (due(&before[id]), delivery.state) {
                    (None, state) => prop_assert_eq!(state, before[id].state, "an end is final"),
                    (Some(_), DeliveryState::Failed { at }) => {
                        prop_assert!(at.since(delivery.requested_at) > GIVE_UP_AFTER_MS);
                    }
                    (Some(_), DeliveryState::Pending { .. } | DeliveryState::Delivered { .. }) => {}
                }
                prop_assert!(delivery.tries >= before[id].tries);
            }
        }
        prop_assert!(world.task.is_none());
        let is_enabled = world.endpoint().state == EndpointState::Enabled;
        for delivery in world.deliveries.values() {
            prop_assert!(!is_enabled || due(delivery).is_none());
        }
        // Every answer is in the log.
        let tries: u32 = world.deliveries.values().map(|delivery| delivery.tries).sum();
        prop_assert_eq!(usize::try_from(tries).unwrap(), world.log.len());
    }

    /// The waits between the tries of one delivery never shrink.
    #[test]
    fn waits_never_shrink(tries in 1..40_u32, age_ms in 0..DAY_MS) {
        use crate::webhook::schedule::{next_try, retry_delay_ms};
        prop_assert!(retry_delay_ms(tries) <= retry_delay_ms(tries + 1));
        let now = T0.plus_ms(age_ms);
        prop_assert_eq!(next_try(tries, T0, now), Some(now.plus_ms(retry_delay_ms(tries))));
    }
}
