//! Which of WeChat Pay's protocols a merchant's orders go by.

use shouyin_core::id::Route;
use wechatpay::{v2, v3};

/// A protocol of WeChat Pay. An order stays with the one it was placed by, for ever: its refunds go the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// APIv3: JSON, signed with certificates.
    V3,
    /// The older one: XML, signed with a key of 32 characters.
    V2,
}

impl Protocol {
    /// The name in the database and in settings. Never changes: it is stored with every order.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
        }
    }

    /// The way that orders are marked with.
    pub fn route(self) -> Route {
        // Constants of ours that are valid routes.
        Route::parse(self.as_str()).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// The inverse of [`Protocol::route`].
    pub fn of(route: &Route) -> Option<Self> {
        [Self::V3, Self::V2]
            .into_iter()
            .find(|protocol| protocol.as_str() == route.as_str())
    }

    /// Which one a notification speaks: the older one sends XML, APIv3 JSON. Proves nothing; each is verified by its own rules.
    pub fn of_notification(body: &[u8]) -> Self {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'<') => Self::V2,
            Some(_) | None => Self::V3,
        }
    }
}

/// The older protocol for one merchant.
pub struct V2 {
    /// The SDK's client, which holds the key.
    pub client: v2::Client,
    /// Tells Unix seconds: what a phone gets is signed with the time.
    pub clock: v3::Clock,
}

impl std::fmt::Debug for V2 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.client.fmt(f)
    }
}

/// The protocols a merchant uses. At least one.
#[derive(Debug)]
pub struct Protocols {
    v3: Option<v3::Client>,
    v2: Option<V2>,
    new_orders: Protocol,
}

impl Protocols {
    /// Only APIv3.
    pub const fn v3(client: v3::Client) -> Self {
        Self {
            v3: Some(client),
            v2: None,
            new_orders: Protocol::V3,
        }
    }

    /// Only the older protocol.
    pub const fn v2(v2: V2) -> Self {
        Self {
            v3: None,
            v2: Some(v2),
            new_orders: Protocol::V2,
        }
    }

    /// Both: for merchants who move from one to the other. Orders of the other one are still asked for, closed, refunded, and
    /// told of by WeChat.
    pub const fn both(v3: v3::Client, v2: V2, new_orders: Protocol) -> Self {
        Self {
            v3: Some(v3),
            v2: Some(v2),
            new_orders,
        }
    }

    /// The one that new orders go by.
    pub const fn new_orders(&self) -> Protocol {
        self.new_orders
    }

    /// APIv3, if the merchant uses it.
    pub const fn as_v3(&self) -> Option<&v3::Client> {
        self.v3.as_ref()
    }

    /// The older protocol, if the merchant uses it.
    pub const fn as_v2(&self) -> Option<&V2> {
        self.v2.as_ref()
    }
}

#[cfg(test)]
impl Protocols {
    /// The client of APIv3, to be used with another.
    pub(crate) fn into_v3(self) -> Option<v3::Client> {
        self.v3
    }
}

impl From<v3::Client> for Protocols {
    fn from(client: v3::Client) -> Self {
        Self::v3(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_found_again_by_its_route() {
        for protocol in [Protocol::V3, Protocol::V2] {
            assert_eq!(Protocol::of(&protocol.route()), Some(protocol));
        }
        assert_eq!(Protocol::of(&Route::parse("v4").unwrap()), None);
    }

    #[test]
    fn a_notification_is_told_by_its_first_character() {
        for (body, protocol) in [
            (&b"<xml>"[..], Protocol::V2),
            (b"\r\n <xml>", Protocol::V2),
            (b"{}", Protocol::V3),
            (b" {\"a\":\"<xml>\"}", Protocol::V3),
            (b"", Protocol::V3),
        ] {
            assert_eq!(Protocol::of_notification(body), protocol);
        }
    }
}
