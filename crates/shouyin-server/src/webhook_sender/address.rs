//! Which addresses may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 that is not the public internet. Sources: IANA IPv4 Special-Purpose Address Registry; RFC 5771 (multicast);
/// RFC 7526 (6to4 relays); Microsoft's "What is IP address 168.63.129.16?".
const INTERNAL_V4: [Ipv4Net; 16] = [
    // "This network", 0.0.0.0 included, which many systems connect to themselves.
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    // Behind a carrier's NAT; Alibaba Cloud's metadata (100.100.100.200).
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    // Link-local; the metadata of most clouds (169.254.169.254).
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    // Protocol assignments; Oracle Cloud's metadata (192.0.0.192).
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    // Azure's host: it looks public, and is not.
    v4([168, 63, 129, 16], 32),
    // Multicast.
    v4([224, 0, 0, 0], 4),
    // Reserved, broadcast included.
    v4([240, 0, 0, 0], 4),
];

/// All public IPv6 addresses are in here (IANA IPv6 Address Space). Loopback, link-local, site-local, unique local,
/// multicast, IPv4-compatible and IPv4-translated addresses are not.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// IPv6 inside [`PUBLIC_V6`] that is not the public internet. Source: IANA IPv6 Special-Purpose Address Registry.
const INTERNAL_V6: [Ipv6Net; 4] = [
    // Protocol assignments: Teredo, which carries IPv4 addresses, benchmarking, ORCHID.
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    // Documentation.
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
    // 6to4, which carries IPv4 addresses. Nobody serves there any more (RFC 7526).
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
];

/// The well-known prefix of NAT64 (RFC 6052): the last four bytes are the IPv4 address that is really called. A network
/// without IPv4 of its own reaches every public IPv4 address this way.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// True if the address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !INTERNAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            PUBLIC_V6.contains(&address) && !INTERNAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// The IPv4 address that is called when this one is: `::ffff:10.0.0.1` and `64:ff9b::10.0.0.1` are ways to write 10.0.0.1.
fn really(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(inner) if NAT64.contains(&inner) => {
            let [.., a, b, c, d] = inner.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => address.to_canonical(),
    }
}

/// What may be called: the public internet, and what the operator listed.
#[derive(Debug)]
pub(super) struct Allowed {
    networks: Vec<IpNet>,
}

impl Allowed {
    pub(super) const fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// True if this address may be connected to.
    pub(super) fn may_call(&self, address: IpAddr) -> bool {
        let target = really(address);
        is_public(target) || self.networks.iter().any(|net| net.contains(&target))
    }

    /// True if the operator listed any internal network.
    pub(super) const fn has_internal(&self) -> bool {
        !self.networks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_call(networks: &[&str], address: &str) -> bool {
        let networks = networks.iter().map(|net| net.parse().unwrap()).collect();
        Allowed::new(networks).may_call(address.parse().unwrap())
    }

    #[test]
    fn the_public_internet_may_be_called() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:db7::1",
            "2001:db9::1",
            "2003::1",
            "2400:3200::1",
            "2606:4700:4700::1111",
            "3ffe:ffff::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
        ] {
            assert!(may_call(&[], address), "{address}");
        }
    }

    #[test]
    fn everything_else_may_not() {
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "168.63.129.16",
            "169.254.0.23",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            // IPv6: unspecified, loopback, IPv4-compatible, -mapped, -translated.
            "::",
            "::1",
            "::127.0.0.1",
            "::1.1.1.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            // NAT64 with the well-known and with local prefixes.
            "64:ff9b::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1.1.1.1",
            // Discard-only, dummy, Teredo, benchmarking, ORCHID, documentation, 6to4.
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:0:7f00:1::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:101:101::1",
            "3fff:fff::1",
            // Segment routing, not assigned, unique local, AWS's metadata, link-local, site-local, multicast.
            "5f00::1",
            "4000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert!(!may_call(&[], address), "{address}");
        }
    }

    #[test]
    fn what_the_operator_listed_may_be_called_however_it_is_written() {
        let listed = ["10.1.0.0/16", "fd12::/16"];
        for address in [
            "10.1.2.3",
            "::ffff:10.1.2.3",
            "64:ff9b::10.1.2.3",
            "fd12::1",
            "1.1.1.1",
        ] {
            assert!(may_call(&listed, address), "{address}");
        }
        for address in ["10.2.0.1", "::ffff:10.2.0.1", "127.0.0.1", "fd13::1", "::1"] {
            assert!(!may_call(&listed, address), "{address}");
        }
    }
}
