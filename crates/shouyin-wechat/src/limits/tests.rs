use proptest::prelude::*;

use super::*;

const CALLS: [Call; 6] = [
    Call::Prepay,
    Call::Charge,
    Call::Query,
    Call::Close,
    Call::Refund,
    Call::RefundQuery,
];

fn limits(each: u32) -> Limits {
    Limits {
        prepay_per_second: each,
        charge_per_second: each,
        query_per_second: each,
        close_per_second: each,
        refund_per_second: each,
        failing_refunds_per_second: each,
        refund_query_per_second: each,
    }
}

#[test]
fn the_published_numbers_are_the_defaults() {
    let limits = Limits::default();
    assert_eq!(limits.prepay_per_second, 500);
    assert_eq!(limits.refund_per_second, 150);
    assert_eq!(limits.failing_refunds_per_second, 6);
    assert_eq!(limits.refund_query_per_second, 300);
}

#[test]
fn a_kind_of_call_uses_up_its_own_limit_only() {
    for used_up in CALLS {
        let mut recent = Recent::new(limits(3));
        for _ in 0..3 {
            assert_eq!(recent.take(used_up, 0), Ok(()));
        }
        for call in CALLS {
            assert_eq!(recent.take(call, 0).is_ok(), call != used_up, "{used_up:?}");
        }
        assert_eq!(recent.take(used_up, 999).map_err(|over| over.limit), Err(3));
        assert_eq!(recent.take(used_up, 1000), Ok(()));
    }
}

#[test]
fn refused_refunds_hold_back_refunds_and_nothing_else() {
    let mut recent = Recent::new(Limits::default());
    for call in CALLS {
        if call != Call::Refund {
            (0..50).for_each(|_| recent.refused(call, 0));
        }
    }
    for at_ms in 0..6 {
        assert_eq!(recent.take(Call::Refund, at_ms), Ok(()));
        recent.refused(Call::Refund, at_ms);
    }
    let over = recent.take(Call::Refund, 10).unwrap_err();
    assert_eq!(over.name, "failing_refunds_per_second");
    assert_eq!(
        over.to_string(),
        "not sent: this server's limit failing_refunds_per_second is 6 for this merchant, and they are used up for this second"
    );
    assert_eq!(recent.take(Call::RefundQuery, 10), Ok(()));
    // A second after the first refusal there is room for one more.
    assert_eq!(recent.take(Call::Refund, 1000), Ok(()));
    recent.refused(Call::Refund, 1000);
    assert!(recent.take(Call::Refund, 1000).is_err());
}

#[test]
fn refusals_that_were_on_their_way_are_remembered_for_their_whole_second() {
    let mut recent = Recent::new(Limits::default());
    for at_ms in 0..20 {
        recent.refused(Call::Refund, at_ms * 100);
    }
    assert!(recent.take(Call::Refund, 1900).is_err());
    // The last six came at 1400 to 1900.
    assert!(recent.take(Call::Refund, 2399).is_err());
    assert_eq!(recent.take(Call::Refund, 2400), Ok(()));
}

#[test]
fn a_limit_of_zero_sends_nothing() {
    let mut recent = Recent::new(limits(0));
    recent.refused(Call::Refund, 0);
    for call in CALLS {
        assert!(recent.take(call, 0).is_err());
        assert!(recent.take(call, 100_000).is_err());
    }
}

#[test]
fn a_clock_that_was_set_back_blocks_for_a_second_at_most() {
    let mut recent = Recent::new(limits(1));
    assert_eq!(recent.take(Call::Prepay, 3_600_000), Ok(()));
    assert_eq!(recent.take(Call::Prepay, 0), Ok(()));
    assert!(recent.take(Call::Prepay, 500).is_err());
    let mut recent = Recent::new(limits(1));
    assert_eq!(recent.take(Call::Prepay, 1000), Ok(()));
    // Set back by less than the window: time stands until it has caught up.
    assert!(recent.take(Call::Prepay, 400).is_err());
    assert!(recent.take(Call::Prepay, 1999).is_err());
    assert_eq!(recent.take(Call::Prepay, 2000), Ok(()));
}

proptest! {
    /// Never more than the limit in any second, and never a call held back while there is room.
    #[test]
    fn the_window_is_exact(limit in 1_u32..20, steps in prop::collection::vec(0_i64..400, 1..400)) {
        let mut recent = Recent::new(limits(limit));
        let (mut now_ms, mut sent) = (0, Vec::new());
        for step in steps {
            // Most steps are short, so that limits are reached.
            now_ms += if step < 300 { step / 20 } else { step };
            let in_window = sent.iter().filter(|at| now_ms - **at < SECOND_MS).count();
            let room = in_window < usize::try_from(limit).unwrap();
            prop_assert_eq!(recent.take(Call::Refund, now_ms).is_ok(), room);
            if room {
                sent.push(now_ms);
            }
        }
    }

    /// Wherever the clock jumps, there is room again soon: each of the two limits that a refund is held to needs at most
    /// two seconds to find out where the clock is now.
    #[test]
    fn nothing_blocks_for_good(
        limit in 1_u32..5,
        jumps in prop::collection::vec((any::<bool>(), -5_000_i64..5_000), 1..100),
    ) {
        let mut recent = Recent::new(limits(limit));
        let mut now_ms: i64 = 0;
        for (refused, jump) in jumps {
            now_ms += jump;
            if refused {
                recent.refused(Call::Refund, now_ms);
            } else if recent.take(Call::Refund, now_ms).is_ok() {
                prop_assert!(recent.refund.calls.len() <= usize::try_from(limit).unwrap());
            }
            prop_assert!(recent.failing_refunds.calls.len() <= usize::try_from(limit).unwrap());
        }
        let took = [0, 2, 4].map(|seconds| recent.take(Call::Refund, now_ms + seconds * SECOND_MS));
        prop_assert_eq!(&took[2], &Ok(()));
    }
}
