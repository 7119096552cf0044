//! What WeChat takes as an address for notifications.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::assumptions::Assumptions;

/// Checks an address; `Err` is the Chinese text of the refusal.
pub(crate) fn check(url: &str, assumptions: &Assumptions) -> Result<(), &'static str> {
    let rest = match url.split_once("://") {
        Some(("https", rest)) => rest,
        Some(("http", rest)) if assumptions.notify_url_http => rest,
        Some(_) | None => return Err("通知地址必须以 https:// 开头"),
    };
    if url.contains(['?', '#']) {
        return Err("通知地址不允许携带参数");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("通知地址不允许包含空白字符");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = host(authority);
    if host.is_empty() || authority.contains('@') {
        return Err("通知地址缺少有效的域名");
    }
    if !assumptions.notify_url_private && is_private(host) {
        return Err("通知地址必须为公网可访问的地址");
    }
    Ok(())
}

fn host(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

fn is_private(host: &str) -> bool {
    host == "localhost"
        || !host.contains(['.', ':'])
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| {
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified()
        })
        || host
            .parse::<Ipv6Addr>()
            .is_ok_and(|ip| ip.is_loopback() || ip.is_unique_local() || ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_queries_or_without_hosts_are_refused() {
        let lenient = Assumptions::default();
        for good in [
            "https://pay.example.com/wx",
            "http://127.0.0.1:8080/wechat/notify/1900000001",
        ] {
            assert_eq!(check(good, &lenient), Ok(()), "{good}");
        }
        for bad in [
            "ftp://a.b/c",
            "pay.example.com",
            "https://a.b/c?x=1",
            "https:///c",
            " https://a.b/c",
            "https://a.b/c d",
            "https://u@a.b/",
        ] {
            assert!(check(bad, &lenient).is_err(), "{bad}");
        }
    }

    #[test]
    fn real_wechat_cannot_reach_private_addresses() {
        let real = Assumptions {
            notify_url_http: false,
            notify_url_private: false,
            ..Assumptions::default()
        };
        assert_eq!(check("https://pay.example.com/wx", &real), Ok(()));
        for bad in [
            "http://pay.example.com/wx",
            "https://localhost/wx",
            "https://10.0.0.1/wx",
            "https://[::1]:9/wx",
            "https://shop/wx",
        ] {
            assert!(check(bad, &real).is_err(), "{bad}");
        }
    }
}
