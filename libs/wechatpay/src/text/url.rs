//! Notification addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

const LONGEST: usize = 255;

/// Which hosts plain `http` may name.
#[derive(Clone, Copy)]
pub(super) enum Plain {
    LoopbackOnly,
    AnyHost,
}

pub(super) fn check(text: &str, plain: Plain) -> Result<(), &'static str> {
    if text.len() > LONGEST {
        return Err("must have at most 255 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("must consist of printable ASCII characters without spaces");
    }
    if text.contains(['?', '#']) {
        return Err("must not have a query or fragment: WeChat cuts or refuses it");
    }
    let (rest, secure) = if let Some(rest) = text.strip_prefix("https://") {
        (rest, true)
    } else if let Some(rest) = text.strip_prefix("http://") {
        (rest, false)
    } else {
        return Err("must start with https://");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Err("must not contain a user name");
    }
    let host = host(authority).ok_or("must name a host")?;
    let path = rest.get(authority.len()..).unwrap_or_default();
    if !path.bytes().all(is_path_byte) {
        return Err(
            "must be percent-encoded: its path has a character that readers of addresses disagree about",
        );
    }
    if !secure && matches!(plain, Plain::LoopbackOnly) && !is_loopback(host) {
        return Err("must use https: plain http is for a simulator on this machine");
    }
    Ok(())
}

fn host(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            let port = if after.is_empty() {
                None
            } else {
                Some(after.strip_prefix(':')?)
            };
            (host, port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            // A backslash, for example, ends the host for some readers of addresses and is part of it for others.
            if !host.bytes().all(is_host_byte) {
                return None;
            }
            (host, port)
        }
    };
    let port_is_sound = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    });
    (!host.is_empty() && port_is_sound).then_some(host)
}

fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

/// RFC 3986, `pchar` and the slash.
fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~%!$&'()*+,;=:@".contains(&byte)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}
