use super::*;

#[test]
fn a_long_text_is_cut_between_two_characters() {
    let long = "茶".repeat(60);
    assert!(Body::parse(&long).is_err());
    let cut = Body::shortened(&long).unwrap();
    assert_eq!(cut.as_str(), "茶".repeat(42));
    assert_eq!(Body::shortened("latte").unwrap().as_str(), "latte");
    for bad in ["", "  ", "tea \u{1f375}", "a\nb"] {
        assert!(Body::shortened(bad).is_err(), "{bad:?}");
    }
}
