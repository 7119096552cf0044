//! Private keys. Published test vectors contain some; they may stand only among tests.

use std::path::Path;

use crate::tidy::Problem;

/// Fewer base64 characters than any real key has, more than a header that is only talked about.
const SHORTEST_KEY: usize = 64;

pub(super) fn check(file: &Path, text: &str) -> Vec<Problem> {
    if is_test_data(file) {
        return Vec::new();
    }
    text.match_indices("PRIVATE KEY-----")
        .filter_map(|(start, marker)| Some((text.get(..start)?, text.get(start + marker.len()..)?)))
        .filter(|(before, after)| is_begin(before) && holds_a_key(after))
        .map(|(before, _)| Problem {
            file: file.to_path_buf(),
            line: before.lines().count(),
            what: "a private key: only test vectors may hold one, in a folder or file of tests"
                .to_owned(),
        })
        .collect()
}

/// Whether the line so far begins a block, as in `-----BEGIN RSA `.
fn is_begin(before: &str) -> bool {
    let line = before.lines().next_back().unwrap_or_default();
    line.rfind("-----BEGIN ")
        .is_some_and(|begin| !line.get(begin + 5..).unwrap_or_default().contains("-----"))
}

/// Whether base64 text follows, also when line ends are written as `\n` inside a string.
fn holds_a_key(after: &str) -> bool {
    let after = after.replace("\\n", "");
    let base64 = after
        .chars()
        .filter(|character| {
            !character.is_whitespace() && !matches!(character, '"' | '\'' | ',' | '+' | '\\')
        })
        .take_while(|character| character.is_ascii_alphanumeric() || matches!(character, '/' | '='))
        .take(SHORTEST_KEY)
        .count();
    base64 >= SHORTEST_KEY
}

fn is_test_data(file: &Path) -> bool {
    let in_tests = file.components().any(|component| {
        matches!(
            component.as_os_str().to_str(),
            Some("tests" | "testdata" | "fixtures" | "vectors")
        )
    });
    let is_tests = matches!(
        file.file_name().and_then(|name| name.to_str()),
        Some("tests.rs" | "vectors.rs")
    );
    in_tests || is_tests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(line_end: &str) -> String {
        let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCaZzehUwzcxdLg";
        format!(
            "{}BEGIN PRIVATE KEY-----{line_end}{body}{line_end}{body}",
            "-----"
        )
    }

    #[test]
    fn a_key_is_found_in_any_file_that_is_not_for_tests() {
        for (file, text) in [
            ("config/a.pem", key("\n")),
            ("src/a.rs", key("\\n")),
            ("a.md", key("\r\n")),
        ] {
            let found = check(Path::new(file), &format!("first line\n{text}"));
            assert_eq!(
                found.iter().map(|problem| problem.line).collect::<Vec<_>>(),
                [2],
                "{file}"
            );
        }
    }

    #[test]
    fn test_vectors_may_hold_keys() {
        for file in [
            "libs/wechatpay/src/crypto/tests.rs",
            "libs/wechatpay/testdata/a.pem",
            "a/tests/b.rs",
        ] {
            assert_eq!(check(Path::new(file), &key("\n")), [], "{file}");
        }
    }

    #[test]
    fn a_header_that_is_only_talked_about_is_no_key() {
        let text = "if text.contains(\"-----BEGIN PRIVATE KEY-----\") { parse_private_key_information(text) }";
        assert_eq!(check(Path::new("src/pem.rs"), text), []);
    }
}
