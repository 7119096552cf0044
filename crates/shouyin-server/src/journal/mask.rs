//! Masking: what must not be seen is replaced in the text itself, so that everything else stays exactly as it was sent.

use std::ops::Range;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// Members and parameters that are secrets.
const SECRETS: &[&str] = &[
    "session_token",
    "session_key",
    "secret",
    "app_secret",
    "access_token",
    "api_key",
    "bank_account",
    "real_name",
    "auth_code",
];

/// Members and parameters that are personal data: shortened, so that two can still be compared by eye.
const PERSONAL: &[&str] = &["openid", "sp_openid", "sub_openid", "unionid"];

/// The last four characters behind `***`.
pub fn shorten(text: &str) -> String {
    let skip = text.chars().count().saturating_sub(4);
    format!("{HIDDEN}{}", text.chars().skip(skip).collect::<String>())
}

/// A whole secret.
pub fn hide() -> String {
    HIDDEN.to_owned()
}

fn masked(name: &str, value: &str) -> Option<String> {
    if SECRETS.contains(&name) {
        Some(hide())
    } else if PERSONAL.contains(&name) {
        Some(shorten(value))
    } else {
        None
    }
}

/// JSON text, or any text with JSON in it (such as a text that was signed), with secret and personal members masked.
/// Everything else stays byte for byte.
pub fn mask_body(text: &str) -> String {
    let strings = strings(text);
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for pair in strings.windows(2) {
        let [name, value] = pair else { continue };
        let between = text
            .get(name.end + 1..value.start.saturating_sub(1))
            .unwrap_or_default();
        if between.trim() != ":" {
            continue;
        }
        let (name, shown) = (&text[name.clone()], &text[value.clone()]);
        if let Some(masked) = masked(name, shown) {
            out.push_str(&text[copied..value.start]);
            out.push_str(&masked);
            copied = value.end;
        }
    }
    out.push_str(&text[copied..]);
    out
}

/// A document of WeChat Pay's older protocol with secret and personal elements hidden. Everything else stays.
pub fn mask_document(text: &str) -> String {
    let mut out = text.to_owned();
    for name in SECRETS.iter().chain(PERSONAL) {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let mut from = 0;
        while let Some(start) = out[from..].find(&open).map(|at| from + at + open.len()) {
            let length = out[start..].find(&close);
            let end = length.map_or(out.len(), |length| start + length);
            out.replace_range(start..end, HIDDEN);
            from = start + HIDDEN.len();
        }
    }
    out
}

/// The contents of all quoted strings, without their quotes.
fn strings(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match (start, byte) {
            (None, b'"') => start = Some(at + 1),
            (Some(_), _) if escaped => escaped = false,
            (Some(_), b'\\') => escaped = true,
            (Some(from), b'"') => {
                found.push(from..at);
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// A request target with secret and personal parameters masked.
pub fn mask_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let parameters: Vec<String> = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, value)) => match masked(name, value) {
                Some(masked) => format!("{name}={masked}"),
                None => parameter.to_owned(),
            },
            None => parameter.to_owned(),
        })
        .collect();
    format!("{path}?{}", parameters.join("&"))
}

/// A header's value; the token of `Authorization: Bearer` is hidden. WeChat Pay's own `Authorization` is a signature and
/// stays: it is what the page explains.
pub fn mask_header(name: &str, value: &str) -> String {
    if name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie") {
        return hide();
    }
    if !name.eq_ignore_ascii_case("authorization") {
        return value.to_owned();
    }
    match value.split_once(' ') {
        Some((scheme, _)) if scheme.starts_with("WECHATPAY2-") => value.to_owned(),
        Some((scheme, _)) => format!("{scheme} {HIDDEN}"),
        None => hide(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_stays_as_it_was() {
        assert_eq!(
            mask_body(
                r#"{"b" : 1,"session_token": "top","a\"secret":"x","payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}"#
            ),
            r#"{"b" : 1,"session_token": "***","a\"secret":"x","payer":{"openid":"***eS6o"}}"#
        );
        assert_eq!(
            mask_body("POST\n/v3\n1\nn\n{\"openid\":\"o123456\"}\n"),
            "POST\n/v3\n1\nn\n{\"openid\":\"***3456\"}\n"
        );
        assert_eq!(mask_body("no json \" at all"), "no json \" at all");
        assert_eq!(mask_body(r#"{"openid":"#), r#"{"openid":"#);
    }

    #[test]
    fn documents_too() {
        assert_eq!(
            mask_document(
                "<xml><openid><![CDATA[o123456]]></openid>\n<total_fee>1</total_fee><openid>o9"
            ),
            "<xml><openid>***</openid>\n<total_fee>1</total_fee><openid>***"
        );
    }

    #[test]
    fn targets_and_headers() {
        assert_eq!(
            mask_target("/sns/jscode2session?appid=wx1&secret=abc&js_code=c"),
            "/sns/jscode2session?appid=wx1&secret=***&js_code=c"
        );
        assert_eq!(mask_target("/v1/payments"), "/v1/payments");
        assert_eq!(mask_header("Authorization", "Bearer sk_1"), "Bearer ***");
        assert_eq!(mask_header("authorization", "sk_1"), "***");
        let signature = "WECHATPAY2-SHA256-RSA2048 mchid=\"1\"";
        assert_eq!(mask_header("Authorization", signature), signature);
        assert_eq!(mask_header("Accept", "a"), "a");
    }
}
