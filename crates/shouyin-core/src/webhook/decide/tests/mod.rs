mod endpoint;
mod meanwhile;
mod properties;
mod replies;
mod resend;
mod world;

use crate::event::{Event, EventType};
use crate::id::{EndpointId, EventId, Mchid};
use crate::ports::Ids;
use crate::time::Timestamp;
use crate::webhook::model::{Endpoint, EndpointState, Secret};

/// 2026-01-05T04:03:04Z.
pub(in crate::webhook) const T0: Timestamp = Timestamp::from_millis(1_767_585_784_000);

/// Numbers in a row.
struct Counter(std::sync::atomic::AtomicU64);

impl Ids for Counter {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

fn ids() -> Counter {
    Counter(1.into())
}

pub(in crate::webhook) fn mchid() -> Mchid {
    Mchid::parse("1900000001").unwrap()
}

fn endpoint_id(n: u32) -> EndpointId {
    EndpointId::parse(format!("whk_{n:032x}")).unwrap()
}

pub(in crate::webhook) fn event_id(n: u32) -> EventId {
    EventId::parse(format!("evt_{n:032x}")).unwrap()
}

pub(in crate::webhook) fn endpoint() -> Endpoint {
    Endpoint {
        id: endpoint_id(1),
        mchid: mchid(),
        url: "https://shop.example.com/webhooks".into(),
        description: "shop".into(),
        event_types: vec![],
        secrets: vec![Secret {
            text: "whsec_AA==".into(),
            expires_at: None,
        }],
        state: EndpointState::Enabled,
        created_at: T0,
        failing_since: None,
    }
}

pub(in crate::webhook) fn event(n: u32, event_type: EventType, at: Timestamp) -> Event {
    Event {
        id: event_id(n),
        mchid: mchid(),
        event_type,
        payment_id: None,
        refund_id: None,
        at,
        data: "{}".into(),
    }
}
