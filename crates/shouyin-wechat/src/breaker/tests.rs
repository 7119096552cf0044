use proptest::prelude::*;

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn breaker() -> Breaker {
    Breaker::new(BreakerSettings::default())
}

fn call(breaker: &mut Breaker, heard: Heard, ms: i64) -> Option<Change> {
    let pass = breaker.admit(at(ms)).unwrap();
    breaker.report(pass, heard, at(ms))
}

/// Open since 0, first probe at 1000.
fn open() -> Breaker {
    let mut breaker = breaker();
    for _ in 0..7 {
        assert_eq!(call(&mut breaker, Heard::Nothing, 0), None);
    }
    assert_eq!(call(&mut breaker, Heard::Nothing, 0), Some(Change::Opened));
    breaker
}

fn next_try(breaker: &Breaker) -> Option<i64> {
    match breaker.status() {
        BreakerStatus::Closed => None,
        BreakerStatus::Open { next_try, .. } => Some(next_try.as_millis()),
    }
}

#[test]
fn eight_calls_in_a_row_without_an_answer_open_it() {
    let mut breaker = open();
    let expected = BreakerStatus::Open {
        since: at(0),
        next_try: at(1000),
    };
    assert_eq!(breaker.status(), expected);
    let held = breaker.admit(at(1)).unwrap_err();
    assert_eq!(
        held.to_string(),
        "WeChat did not answer 8 calls in a row; next try in about 1 s"
    );
}

#[test]
fn one_answer_in_between_starts_the_count_anew() {
    let mut breaker = breaker();
    for _ in 0..5 {
        for _ in 0..7 {
            assert_eq!(call(&mut breaker, Heard::Nothing, 0), None);
        }
        assert_eq!(call(&mut breaker, Heard::Answer, 0), None);
    }
    assert_eq!(breaker.status(), BreakerStatus::Closed);
}

#[test]
fn noise_neither_counts_nor_starts_the_count_anew() {
    let mut breaker = breaker();
    for _ in 0..50 {
        assert_eq!(call(&mut breaker, Heard::Noise, 0), None);
    }
    for _ in 0..7 {
        call(&mut breaker, Heard::Nothing, 0);
    }
    assert_eq!(call(&mut breaker, Heard::Noise, 0), None);
    assert_eq!(call(&mut breaker, Heard::Nothing, 0), Some(Change::Opened));
}

#[test]
fn one_probe_goes_through_at_a_time() {
    let mut breaker = open();
    assert!(breaker.admit(at(999)).is_err());
    let probe = breaker.admit(at(1000)).unwrap();
    assert!(breaker.admit(at(1000)).is_err());
    assert!(breaker.admit(at(9000)).is_err());
    assert_eq!(
        breaker.report(probe, Heard::Answer, at(9000)),
        Some(Change::Closed)
    );
    assert_eq!(breaker.status(), BreakerStatus::Closed);
    // The next trouble starts with the count and the pause of the beginning.
    for _ in 0..7 {
        call(&mut breaker, Heard::Nothing, 10_000);
    }
    call(&mut breaker, Heard::Nothing, 10_000);
    assert_eq!(next_try(&breaker), Some(11_000));
}

#[test]
fn pauses_double_up_to_thirty_seconds() {
    let mut breaker = open();
    let mut now = 1000;
    for (failed, pause) in [2000, 4000, 8000, 16_000, 30_000, 30_000]
        .into_iter()
        .enumerate()
    {
        assert_eq!(call(&mut breaker, Heard::Nothing, now), None);
        assert_eq!(next_try(&breaker), Some(now + pause));
        let held = breaker.admit(at(now)).unwrap_err();
        assert_eq!(
            held.to_string(),
            format!(
                "WeChat did not answer {} calls in a row; next try in about {} s",
                9 + failed,
                pause / 1000
            )
        );
        now += pause;
    }
    assert!(matches!(breaker.status(), BreakerStatus::Open { since, .. } if since == at(0)));
}

#[test]
fn a_probe_that_heard_noise_is_repeated_after_the_same_pause() {
    let mut breaker = open();
    assert_eq!(call(&mut breaker, Heard::Noise, 1000), None);
    assert_eq!(next_try(&breaker), Some(2000));
    assert_eq!(
        call(&mut breaker, Heard::Answer, 2000),
        Some(Change::Closed)
    );
}

#[test]
fn a_probe_that_was_not_made_is_not_missed() {
    let mut breaker = open();
    let probe = breaker.admit(at(1000)).unwrap();
    breaker.withdraw(probe);
    assert_eq!(
        call(&mut breaker, Heard::Answer, 1000),
        Some(Change::Closed)
    );
}

#[test]
fn calls_that_began_before_it_opened_do_not_count_for_the_probe() {
    let mut breaker = breaker();
    let early: Vec<_> = (0..20).map(|_| breaker.admit(at(0)).unwrap()).collect();
    let mut changes = early
        .into_iter()
        .map(|pass| breaker.report(pass, Heard::Nothing, at(100)))
        .collect::<Vec<_>>();
    changes.retain(Option::is_some);
    assert_eq!(changes, [Some(Change::Opened)]);
    // Twelve more came back empty, and the pause is still the first one.
    assert_eq!(next_try(&breaker), Some(1100));
}

#[test]
fn a_late_answer_closes_it_and_a_late_silence_does_not_open_it() {
    let mut breaker = breaker();
    let (slow, lost) = (breaker.admit(at(0)).unwrap(), breaker.admit(at(0)).unwrap());
    for _ in 0..8 {
        call(&mut breaker, Heard::Nothing, 0);
    }
    let probe = breaker.admit(at(1000)).unwrap();
    assert_eq!(
        breaker.report(slow, Heard::Answer, at(1200)),
        Some(Change::Closed)
    );
    for old in [lost, probe] {
        assert_eq!(breaker.report(old, Heard::Nothing, at(1300)), None);
    }
    for _ in 0..7 {
        assert_eq!(call(&mut breaker, Heard::Nothing, 1400), None);
    }
    assert_eq!(
        call(&mut breaker, Heard::Nothing, 1400),
        Some(Change::Opened)
    );
}

#[test]
fn a_clock_that_was_set_back_does_not_make_the_pause_longer() {
    let mut breaker = Breaker::new(BreakerSettings::default());
    for _ in 0..8 {
        call(&mut breaker, Heard::Nothing, 3_600_000);
    }
    assert!(breaker.admit(at(0)).is_err());
    assert!(breaker.admit(at(999)).is_err());
    assert!(breaker.admit(at(1000)).is_ok());
}

#[test]
fn settings_that_make_no_sense_are_no_trap() {
    let mut breaker = Breaker::new(BreakerSettings {
        failures: 0,
        first_pause_ms: -5,
        longest_pause_ms: 0,
    });
    assert_eq!(call(&mut breaker, Heard::Nothing, 0), Some(Change::Opened));
    assert!(breaker.admit(at(0)).is_err());
    assert!(breaker.admit(at(1)).is_ok());
}

#[derive(Debug, Clone)]
enum Step {
    Wait(i64),
    Call,
    Answer(usize, Heard),
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let heard = prop_oneof![
        1 => Just(Heard::Answer),
        8 => Just(Heard::Nothing),
        1 => Just(Heard::Noise),
    ];
    prop_oneof![
        // Now and then the clock is set back.
        4 => (-3_000_i64..10_000).prop_map(Step::Wait),
        8 => Just(Step::Call),
        8 => (0_usize..8, heard).prop_map(|(which, heard)| Step::Answer(which, heard)),
        1 => (0_usize..8).prop_map(Step::GiveUp),
    ]
}

proptest! {
    /// Whatever happens in whatever order: an open circuit lets one call through at a time, is never open without enough
    /// silence, never stays open after an answer, and is never stuck.
    #[test]
    fn it_opens_for_a_reason_and_is_never_stuck(steps in prop::collection::vec(step(), 1..300)) {
        let settings = BreakerSettings { failures: 4, ..BreakerSettings::default() };
        let mut breaker = Breaker::new(settings);
        let mut now = 1_000_000;
        let mut on_their_way: Vec<(Pass, bool)> = Vec::new();
        let mut silences_since_answer = 0;
        for step in steps {
            match step {
                Step::Wait(ms) => now += ms,
                Step::Call => {
                    let open = breaker.status() != BreakerStatus::Closed;
                    match breaker.admit(at(now)) {
                        Ok(pass) => {
                            let other_probe = on_their_way
                                .iter()
                                .any(|(other, probe)| *probe && *other == pass);
                            prop_assert!(!(open && other_probe), "two probes");
                            on_their_way.push((pass, open));
                        }
                        Err(held) => {
                            prop_assert!(open);
                            prop_assert!(silences_since_answer >= 4);
                            prop_assert!(held.calls >= 4);
                            prop_assert!(held.wait_ms <= settings.longest_pause_ms);
                            let probing = on_their_way.iter().any(|(_, probe)| *probe);
                            prop_assert!(held.wait_ms > 0 || probing, "held back for nothing");
                        }
                    }
                }
                Step::Answer(which, heard) if which < on_their_way.len() => {
                    let (pass, _) = on_their_way.swap_remove(which);
                    breaker.report(pass, heard, at(now));
                    match heard {
                        Heard::Answer => {
                            silences_since_answer = 0;
                            prop_assert_eq!(breaker.status(), BreakerStatus::Closed);
                        }
                        Heard::Nothing => silences_since_answer += 1,
                        Heard::Noise => {}
                    }
                }
                Step::GiveUp(which) if which < on_their_way.len() => {
                    let (pass, _) = on_their_way.swap_remove(which);
                    breaker.withdraw(pass);
                }
                Step::Answer(..) | Step::GiveUp(_) => {}
            }
        }
        // Everybody goes away, the longest pause passes: a call goes through, and an answer makes everything good.
        for (pass, _) in on_their_way {
            breaker.withdraw(pass);
        }
        // Asked once before, so that it notices a clock that was set back.
        if let Ok(pass) = breaker.admit(at(now)) {
            breaker.withdraw(pass);
        }
        let later = at(now + settings.longest_pause_ms);
        let pass = breaker.admit(later);
        prop_assert!(pass.is_ok());
        breaker.report(pass.unwrap(), Heard::Answer, later);
        prop_assert_eq!(breaker.status(), BreakerStatus::Closed);
    }
}
