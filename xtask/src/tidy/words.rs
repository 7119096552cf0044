//! Words that show that something is unfinished, or that only make sense on one machine.

use std::path::Path;

use crate::tidy::Problem;

/// A text that must not appear, and why. Written in pieces, so that this file may be checked, too.
const WORDS: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (
        concat!("sha", "red/"),
        "a folder that is not part of this repository",
    ),
    (
        concat!("TO", "DO"),
        "an unfinished mark: finish it, or open an issue",
    ),
    (
        concat!("FIX", "ME"),
        "an unfinished mark: finish it, or open an issue",
    ),
    (concat!("to", "do!("), "an unfinished place: it would panic"),
    (
        concat!("unimple", "mented!("),
        "an unfinished place: it would panic",
    ),
    (
        concat!("index.", "crates.io"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("static.", "crates.io"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("files.python", "hosted.org"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("pypi.", "org/simple"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("registry.", "npmjs"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("deb.", "debian.org"),
        "the host of a registry: clients know their own",
    ),
    (
        concat!("--index", "-url"),
        "an address of a registry: clients know their own",
    ),
    (
        concat!("--extra-index", "-url"),
        "an address of a registry: clients know their own",
    ),
];

/// Where a text may stand all the same: the file, the text, and the one line it is in.
const EXCEPTIONS: &[(&str, &str)] = &[
    // The OpenAPI description lies beside the repository unless an environment variable says where.
    ("referees/openapi/check.py", concat!("sha", "red/")),
];

pub(super) fn check(file: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for (word, why) in WORDS {
            if stands_in(line, word) && !is_excepted(file, word) {
                let what = format!("`{word}` is {why}");
                problems.push(Problem {
                    file: file.to_path_buf(),
                    line: index + 1,
                    what,
                });
            }
        }
    }
    problems
}

/// Whether the word stands in the line by itself, not as the end or the middle of a longer word.
fn stands_in(line: &str, word: &str) -> bool {
    let letter = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line
            .get(..start)
            .and_then(|before| before.chars().next_back());
        let after = line
            .get(start + word.len()..)
            .and_then(|after| after.chars().next());
        let bounded_before = !word.starts_with(letter) || !before.is_some_and(letter);
        let bounded_after = !word.ends_with(letter) || !after.is_some_and(letter);
        bounded_before && bounded_after
    })
}

fn is_excepted(file: &Path, word: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(name, excepted)| file == Path::new(name) && word == *excepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(file: &str, text: &str) -> Vec<String> {
        check(Path::new(file), text)
            .iter()
            .map(Problem::to_string)
            .collect()
    }

    #[test]
    fn unfinished_marks_are_found_with_their_line() {
        let text = concat!("fn a() {}\n// TO", "DO: b\n");
        let expected = concat!(
            "src/a.rs:2: `TO",
            "DO` is an unfinished mark: finish it, or open an issue"
        );
        assert_eq!(found("src/a.rs", text), [expected]);
    }

    #[test]
    fn a_longer_word_is_not_the_word() {
        assert_eq!(
            found("a.txt", concat!("METHO", "TO", "DOLOGY auto", "do!()")),
            Vec::<String>::new()
        );
        assert_eq!(
            found("a.txt", concat!("un", "sha", "red/x")),
            Vec::<String>::new()
        );
        assert_eq!(found("a.txt", concat!("../sha", "red/x")).len(), 1);
    }

    #[test]
    fn machine_paths_and_registry_hosts_are_found() {
        assert_eq!(found("a.txt", concat!("cd /wo", "rk/main")).len(), 1);
        assert_eq!(
            found("a.txt", concat!("pip install --index", "-url x")).len(),
            1
        );
        assert_eq!(found("a.txt", "pip install wechatpayv3").len(), 0);
    }

    #[test]
    fn an_exception_is_for_one_file_only() {
        let text = concat!("default = '../sha", "red/wechatpay-openapi'");
        assert_eq!(
            found("referees/openapi/check.py", text),
            Vec::<String>::new()
        );
        assert_eq!(found("referees/openapi/other.py", text).len(), 1);
    }
}
