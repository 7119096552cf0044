use proptest::prelude::*;

use super::*;

fn refused(json: &str) -> String {
    serde_json::from_str::<Fen>(json).unwrap_err().to_string()
}

#[test]
fn json_is_an_integer_both_ways() {
    assert_eq!(serde_json::from_str::<Fen>("1990").unwrap(), Fen::new(1990));
    assert_eq!(serde_json::from_str::<Fen>("-5").unwrap(), Fen::new(-5));
    assert_eq!(serde_json::to_string(&Fen::new(1990)).unwrap(), "1990");
}

#[test]
fn json_fractions_and_texts_are_refused_with_advice() {
    for fraction in ["19.90", "1990.0", "1e3"] {
        assert!(
            refused(fraction).contains("send 1990 for 19.90 yuan"),
            "{fraction}"
        );
    }
    assert!(refused("\"1990\"").contains("without quotes"));
    assert!(refused("null").contains("an integer number of fen"));
    assert!(refused("true").contains("an integer number of fen"));
    assert!(refused("9223372036854775808").contains("too large"));
    assert!(refused("99999999999999999999999").contains("integer number of fen"));
}

#[test]
fn sums_that_do_not_fit_are_a_branch() {
    assert_eq!(Fen::new(1).checked_add(Fen::new(2)), Some(Fen::new(3)));
    assert_eq!(Fen::MAX.checked_add(Fen::new(1)), None);
    assert_eq!(Fen::new(i64::MIN).checked_sub(Fen::new(1)), None);
    assert_eq!(Fen::new(i64::MIN).checked_neg(), None);
    assert_eq!(Fen::new(1).checked_sub(Fen::new(2)), Some(Fen::new(-1)));
    assert_eq!(Fen::checked_sum([1, 2, 3].map(Fen::new)), Some(Fen::new(6)));
    assert_eq!(
        Fen::checked_sum([Fen::MAX, Fen::new(1), Fen::new(-1)]),
        None
    );
    assert_eq!(Fen::checked_sum([]), Some(Fen::ZERO));
}

#[test]
fn parse_takes_integers_only() {
    assert_eq!(Fen::parse("1990"), Ok(Fen::new(1990)));
    assert_eq!("-1".parse(), Ok(Fen::new(-1)));
    for text in ["", "-", "+1", "1.0", " 1", "1 ", "１", "0x1", "--1"] {
        assert_eq!(
            Fen::parse(text),
            Err(ParseFenError::NotAnInteger),
            "{text:?}"
        );
    }
    assert_eq!(
        Fen::parse("9223372036854775808"),
        Err(ParseFenError::OutOfRange)
    );
}

#[test]
fn yuan_of_bills_is_read_exactly() {
    let cases = [
        ("45.0", 4500),
        ("0.00", 0),
        ("0.01", 1),
        ("0.1", 10),
        ("-0.05", -5),
        ("12", 1200),
        ("0.00000", 0),
        ("0.06000", 6),
        ("007.50", 750),
        ("92233720368547758.07", i64::MAX),
        ("-92233720368547758.08", i64::MIN),
    ];
    for (text, fen) in cases {
        assert_eq!(Fen::from_yuan(text), Ok(Fen::new(fen)), "{text}");
    }
}

#[test]
fn yuan_that_is_not_exact_money_is_refused() {
    for text in [
        "", "-", ".5", "5.", "+1", "1,000.00", "1e2", " 1", "¥1", "`1.00", "1.0.0", "١", "NaN",
    ] {
        assert_eq!(
            Fen::from_yuan(text),
            Err(YuanError::NotADecimal),
            "{text:?}"
        );
    }
    assert_eq!(Fen::from_yuan("0.006"), Err(YuanError::SmallerThanFen));
    assert_eq!(Fen::from_yuan("0.000001"), Err(YuanError::SmallerThanFen));
    assert_eq!(
        Fen::from_yuan("92233720368547758.08"),
        Err(YuanError::OutOfRange)
    );
    assert_eq!(Fen::from_yuan(&"9".repeat(60)), Err(YuanError::OutOfRange));
}

proptest! {
    #[test]
    fn yuan_text_comes_back(fen in any::<i64>()) {
        let amount = Fen::new(fen);
        prop_assert_eq!(Fen::from_yuan(&amount.to_yuan()), Ok(amount));
        prop_assert_eq!(Fen::parse(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn foreign_text_never_panics(text in ".{0,40}") {
        // Any answer is fine; what is checked is that there is one, and that it agrees with itself.
        if let Ok(amount) = Fen::from_yuan(&text) {
            prop_assert_eq!(Fen::from_yuan(&amount.to_yuan()), Ok(amount));
        }
    }
}
