//! `simulator scenario` as people type it.

use std::process::Output;

use crate::desk::shouyin;

fn scenario(arguments: &[&str]) -> Output {
    let all: Vec<&str> = ["simulator", "scenario"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    shouyin(&all).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn without_a_name_all_are_listed_under_their_rows() {
    let english = stdout(&scenario(&[]));
    let under = |text: &str, row: &str| {
        let rest = text.split(&format!("\n{row}\n")).nth(1).unwrap_or_default();
        let lines = rest.lines().take_while(|line| line.starts_with("  "));
        let mut names = lines.filter_map(|line| line.split_whitespace().next());
        names.any(|name| name == "create-twice")
    };
    assert!(under(&english, "Double tap"), "{english}");
    let chinese = stdout(&scenario(&["--list", "--lang", "zh"]));
    assert!(under(&chinese, "连续点击"), "{chinese}");
}

#[test]
fn the_list_says_by_which_protocols_and_why_not_by_both_and_for_which_products() {
    let english = stdout(&scenario(&["--list"]));
    let line = |name: &str| {
        let start = format!("  {name} ");
        let found = english.lines().find(|line| line.starts_with(&start));
        found.unwrap_or_default().to_owned()
    };
    let words = |name: &str| {
        let line = line(name);
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let double_tap = words("double-tap");
    assert!(
        double_tap.starts_with("double-tap v3, v2 all but code Five taps"),
        "{english}"
    );
    let every = words("every-product");
    assert!(
        every.starts_with("every-product v3, v2 all Buy, "),
        "{every}"
    );
    let usual = words("create-twice");
    assert!(
        usual.starts_with("create-twice v3, v2 mini_program The shop "),
        "{usual}"
    );
    let only = line("signtest-answer");
    assert!(
        only.contains(" v3      ") && only.contains("(v3 only: "),
        "{only}"
    );
}

#[test]
fn the_older_protocol_is_asked_for_by_a_flag_or_in_the_name() {
    let keys = concat!(env!("CARGO_TARGET_TMPDIR"), "/scenario-keys");
    for arguments in [
        &["create-twice", "--protocol", "v2"][..],
        &["create-twice/v2"],
    ] {
        let played = scenario(&[&["--keys", keys], arguments].concat());
        assert!(
            stdout(&played).contains("PASSED create-twice/v2"),
            "{played:?}"
        );
    }
    let refused = scenario(&["signtest-answer", "--protocol", "v2"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        text.contains("signtest-answer is played by v3 only: there are no probes in v2"),
        "{text}"
    );
}

#[test]
fn a_product_is_asked_for_by_a_flag_or_in_the_name() {
    let keys = concat!(env!("CARGO_TARGET_TMPDIR"), "/scenario-keys");
    for arguments in [
        &["double-tap", "--product", "native"][..],
        &["double-tap/native"],
        &["double-tap/v3/native"],
    ] {
        let played = scenario(&[&["--keys", keys], arguments].concat());
        assert!(
            stdout(&played).contains("PASSED double-tap/v3/native"),
            "{played:?}"
        );
    }
    for (arguments, why) in [
        (
            &["double-tap", "--product", "code"][..],
            "double-tap is played for mini_program, jsapi, native, app, h5 only",
        ),
        (&["double-tap/cash"], "names no way to play a scenario"),
        (
            &["double-tap", "--product", "cash"],
            "one of mini_program, jsapi, native, app, h5, code",
        ),
    ] {
        let refused = scenario(arguments);
        assert!(!refused.status.success());
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(text.contains(why), "{text}");
    }
}

#[test]
fn a_wrong_name_is_answered_with_near_ones() {
    let output = scenario(&["doubletap"]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("did you mean double-tap"), "{text}");
}

#[test]
fn a_file_of_ones_own_fails_where_it_expects_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mine.toml");
    let play = |steps: &str| {
        let head = "about = \"mine\"\nabout_zh = \"我的\"\ncatalogue = \"double-tap\"\n";
        std::fs::write(&file, format!("{head}steps = [{steps}]")).unwrap();
        scenario(&["--file", file.to_str().unwrap()])
    };
    let right = play("{ create = \"tea\" }, { expect = \"tea\", state = \"open\" }");
    assert!(right.status.success(), "{right:?}");
    assert!(stdout(&right).contains("PASSED mine/v3: 2 steps, 1 expectations"));

    let wrong = play("{ create = \"tea\" }, { expect = \"tea\", state = \"paid\" }");
    assert_eq!(wrong.status.code(), Some(1));
    let text = stdout(&wrong);
    assert!(
        text.contains("FAILED mine/v3: step 2") && text.contains("\"open\", expected \"paid\""),
        "{text}"
    );

    let unread = play("{ create = \"tea\", price = 5 }");
    assert_eq!(unread.status.code(), Some(1));
    let text = String::from_utf8(unread.stderr).unwrap();
    assert!(
        text.contains("step 1") && text.contains("`price`"),
        "{text}"
    );
}
