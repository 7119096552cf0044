//! What may be written as an endpoint's address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use super::address::Allowed;

/// Longer addresses are refused (bytes).
const LONGEST: usize = 500;

/// Names that mean a machine or a network of one's own (RFC 6761, RFC 6762, ICANN's reservation of `internal`).
const INTERNAL_SUFFIXES: [&str; 2] = ["local", "internal"];

/// The address, parsed, if webhooks may be sent to it as far as its text tells.
///
/// # Errors
/// What is wrong with it, for the merchant, to be read after its name (`url must begin with https://`).
pub(super) fn check(text: &str, allow_http: bool, allowed: &Allowed) -> Result<Url, String> {
    let wrong = |why: &str| Err(why.to_owned());
    if text.len() > LONGEST {
        return Err(format!("must have at most {LONGEST} bytes"));
    }
    // The parser would drop or turn these round silently; what is stored must be what is called.
    if text
        .chars()
        .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
    {
        return wrong("must not contain spaces, control characters or backslashes");
    }
    let Ok(url) = Url::parse(text) else {
        return wrong("is not a URL, for example https://shop.example.com/webhooks");
    };
    match url.scheme() {
        "https" => {}
        "http" if allow_http => {}
        "http" => return wrong("must begin with https://"),
        _ => return wrong("must begin with https://, with no other scheme"),
    }
    // "https:///hook" is the host "hook" for this parser, and none for others.
    let after = text.get(url.scheme().len()..).unwrap_or_default();
    if !after.starts_with("://") || after.starts_with(":///") {
        return wrong("must be written as https://, the host and then the path");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("must not contain a user name or a password");
    }
    if url.fragment().is_some() {
        return wrong("must not contain a fragment (#)");
    }
    if url.port() == Some(0) {
        return wrong("must not have port 0");
    }
    let Some(host) = url.host_str() else {
        return wrong("must name a host");
    };
    if is_internal(host, allowed) {
        return wrong("must be public, but names an internal host");
    }
    Ok(url)
}

/// True if the host, as the parser normalised it, is written to be internal. All spellings of an IPv4 address, from `127.1` to
/// `0x7f000001`, are four decimal numbers by now, and that is also what the HTTP client sees.
fn is_internal(host: &str, allowed: &Allowed) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return !allowed.may_call(address);
    }
    let name = bare.trim_end_matches('.').to_ascii_lowercase();
    match name.rsplit('.').next() {
        None | Some("") => true,
        Some("localhost") => ![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]
        .into_iter()
        .any(|address| allowed.may_call(address)),
        // Whoever lists internal networks reaches them by such names. What they resolve to is checked all the same.
        Some(last) => INTERNAL_SUFFIXES.contains(&last) && !allowed.has_internal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_with(text: &str, allow_http: bool, networks: &[&str]) -> Result<(), String> {
        let networks = networks.iter().map(|net| net.parse().unwrap()).collect();
        check(text, allow_http, &Allowed::new(networks)).map(drop)
    }

    #[track_caller]
    fn refused(text: &str, says: &str) {
        let why = check_with(text, false, &[]).expect_err(text);
        assert!(why.contains(says), "{text}: {why}");
    }

    #[test]
    fn usual_addresses_are_fine() {
        for text in [
            "https://shop.example.com",
            "https://shop.example.com/webhooks/pay?shop=1&x=%20",
            "https://shop.example.com:8443/",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]/",
            "https://商店.example/回调",
            "HTTPS://SHOP.EXAMPLE.COM/",
            "https://internal.example.com/",
            "https://localhost.example.com/",
            "https://mylocalhost/",
        ] {
            assert_eq!(check_with(text, false, &[]), Ok(()), "{text}");
        }
        let longest = format!("https://shop.example.com/{}", "x".repeat(475));
        assert_eq!(check_with(&longest, false, &[]), Ok(()));
        refused(&format!("{longest}x"), "at most 500 bytes");
    }

    #[test]
    fn only_https_unless_the_operator_says_otherwise() {
        refused("http://shop.example.com/", "must begin with https://");
        assert_eq!(check_with("http://shop.example.com/", true, &[]), Ok(()));
        for text in [
            "ftp://a.example/",
            "file:///etc/passwd",
            "gopher://a.example/",
            "data:,x",
        ] {
            refused(text, "must begin with https://");
            assert!(check_with(text, true, &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn what_hides_the_host_is_refused() {
        for text in [
            "",
            "shop.example.com",
            "//shop.example.com/",
            "https://",
            "https://?x",
        ] {
            refused(text, "not a URL");
        }
        for text in [
            "https:///shop.example.com/",
            "https:shop.example.com/",
            "https:/shop.example.com/",
            "https:////shop.example.com/",
        ] {
            refused(text, "written as https://, the host");
        }
        refused("https://shop@evil.example/", "user name");
        refused("https://:pass@evil.example/", "user name");
        refused("https://shop.example.com/#", "fragment");
        refused("https://shop.example.com/#top", "fragment");
        refused("https://shop.example.com:0/", "port 0");
        for text in [
            " https://shop.example.com/",
            "https://shop.example.com/\n",
            "ht\ttps://shop.example.com/",
            "https://shop.example.com/a b",
            "https:\\\\shop.example.com\\",
            "https://shop.example.com/\u{0}",
        ] {
            refused(text, "spaces, control characters");
        }
    }

    /// Every way to write a loopback, private or metadata address that parsers are known to take.
    #[test]
    fn internal_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "017700000001",
            "127.0.0.1.",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "127。0。0。1",
            "１２７.0.0.1",
            "0",
            "0.0.0.0",
            "10.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "192.168.0.1",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "shop.localhost",
            "%6cocalhost",
            "ｌocalhost",
            "printer.local",
            "metadata.google.internal",
            "metadata.google.internal.",
        ] {
            refused(&format!("https://{host}/"), "internal host");
            refused(&format!("https://{host}:8443/x"), "internal host");
        }
        // Addresses with a zone, and numbers that are no addresses, are no URLs.
        for host in ["[fe80::1%25eth0]", "256.1.1.1", "1.2.3.4.5", "0x100000000"] {
            refused(&format!("https://{host}/"), "not a URL");
        }
    }

    /// Whatever the number and however it is written, the text is accepted exactly when the address may be called.
    #[test]
    fn spellings_of_a_number_make_no_difference() {
        let allowed = Allowed::new(Vec::new());
        // Steps of a prime, through all of the address space.
        for number in (0..u32::MAX).step_by(16_777_213) {
            for number in [
                number,
                number | 0x7f00_0000,
                number & 0x00ff_ffff | 0x0a00_0000,
            ] {
                let address = Ipv4Addr::from(number);
                let [a, b, c, d] = address.octets();
                let rest = number & 0x00ff_ffff;
                let expected = allowed.may_call(IpAddr::V4(address));
                for host in [
                    format!("{a}.{b}.{c}.{d}"),
                    format!("{a}.{b}.{c}.{d}."),
                    format!("{number}"),
                    format!("0x{number:x}"),
                    format!("0{number:o}"),
                    format!("{a}.{rest}"),
                    format!("0x{a:X}.0{b:o}.{}", number & 0xffff),
                    format!("[::ffff:{a}.{b}.{c}.{d}]"),
                    format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
                ] {
                    let checked = check(&format!("https://{host}/"), false, &allowed);
                    assert_eq!(checked.is_ok(), expected, "{host}");
                }
            }
        }
    }

    #[test]
    fn what_the_operator_listed_is_accepted() {
        let listed = ["10.0.0.0/8"];
        for host in [
            "10.1",
            "[::ffff:10.0.0.1]",
            "shop.internal",
            "printer.local",
        ] {
            let text = format!("https://{host}/");
            assert_eq!(check_with(&text, false, &listed), Ok(()), "{host}");
        }
        for host in ["localhost", "127.0.0.1", "192.168.0.1", "[::1]"] {
            assert!(
                check_with(&format!("https://{host}/"), false, &listed).is_err(),
                "{host}"
            );
        }
        for net in ["127.0.0.0/8", "::1/128"] {
            assert_eq!(check_with("https://localhost/", false, &[net]), Ok(()));
        }
    }
}
