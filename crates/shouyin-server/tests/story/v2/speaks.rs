//! Which protocols a merchant uses in a story.

use std::sync::Arc;

use shouyin_core::ports::Clock;
use shouyin_wechat::{Protocol, Protocols, V2};
use wechatpay::v2::{self, ApiKey, SignType};
use wechatpay::v3;

use crate::world::{TestClock, Wires};

/// The key of the older protocol, of all merchants.
pub(crate) const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";

#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Speaks {
    #[default]
    V3,
    V2(SignType),
    V3AcceptingV2(SignType),
    V2AcceptingV3(SignType),
}

impl Speaks {
    pub(crate) fn protocols(
        self,
        number: &str,
        v3: v3::Client,
        wires: &Wires,
        clock: &Arc<TestClock>,
    ) -> Protocols {
        let v2 = |sign_type| older(number, sign_type, wires, clock);
        match self {
            Self::V3 => Protocols::v3(v3),
            Self::V2(sign_type) => Protocols::v2(v2(sign_type)),
            Self::V3AcceptingV2(sign_type) => Protocols::both(v3, v2(sign_type), Protocol::V3),
            Self::V2AcceptingV3(sign_type) => Protocols::both(v3, v2(sign_type), Protocol::V2),
        }
    }
}

fn older(number: &str, sign_type: SignType, wires: &Wires, clock: &Arc<TestClock>) -> V2 {
    let account = v2::Account {
        mchid: wechatpay::text::Mchid::parse(number).unwrap(),
        key: ApiKey::parse(API_KEY).unwrap(),
        sign_type,
    };
    let certified = wires.certified.as_ref().unwrap_or(&wires.pay);
    let nonces = Arc::new(v3::random_nonce);
    let clock = Arc::clone(clock);
    V2 {
        client: v2::Client::new(
            account,
            Arc::clone(&wires.pay),
            Some(Arc::clone(certified)),
            nonces,
        ),
        clock: Arc::new(move || clock.now().as_seconds()),
    }
}
