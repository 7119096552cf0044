//! How clients and WeChat come in: straight to the services, or through the router with JSON, API keys, sessions and
//! `Idempotency-Key`. Both lead to the same answers, and ask the store for the same things in the same order.

mod answer;
mod router;
mod services;

use std::borrow::Cow;
use std::sync::Arc;

use shouyin_core::id::{
    Appid, EndpointId, EventId, IdempotencyKey, Mchid, Openid, PaymentId, RefundId,
};
use shouyin_core::notification::{NotificationError, Received};
use shouyin_core::payment::decide::{NewPayment, Revision};
use shouyin_core::payment::service::Means;
use shouyin_core::ports::{Ports, ScannedCode};
use shouyin_core::product::H5Scene;
use shouyin_core::refund::decide::NewRefund;
use shouyin_core::webhook::service::{EndpointPatch, NewEndpoint};

use crate::hub::Hub;
use crate::network::Letter;
use crate::rows::Rows;
use crate::setup::Setup;

pub(crate) use router::FrontDesk;

/// Which doors the servers of a run have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Doors {
    /// The services of core are called directly.
    #[default]
    Services,
    /// Everything goes through the router of `shouyin-server`, called as a function.
    Router,
}

/// A phone that is logged in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Phone {
    /// In which app.
    pub(crate) appid: Appid,
    /// Whose it is, as that app knows them.
    pub(crate) openid: Openid,
}

/// What a client asks the server for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Create(Box<NewPayment>),
    /// A phone wants to pay.
    Pay(PaymentId, Phone),
    /// The merchant's backend wants the means to pay, perhaps for a browser.
    Means(Mchid, PaymentId, Option<H5Scene>),
    /// A till has scanned a code.
    Charge(Mchid, PaymentId, ScannedCode),
    /// A phone asks whether it is paid.
    Confirm(PaymentId, Phone),
    /// The merchant's backend asks whether it is paid.
    Sync(Mchid, PaymentId),
    Close(Mchid, PaymentId),
    Revise(Mchid, PaymentId, Revision),
    Refund(Box<NewRefund>),
    SyncRefund(Mchid, RefundId),
    Remedy(Mchid, RefundId),
    AddEndpoint(NewEndpoint),
    ChangeEndpoint(Mchid, EndpointId, EndpointPatch),
    DeleteEndpoint(Mchid, EndpointId),
    RotateSecret(Mchid, EndpointId, i64),
    Resend(Mchid, EndpointId, EventId),
    /// The events after this one; only those that were given up, if true.
    ResendRange(Mchid, EndpointId, i64, bool),
}

/// What the client learns if all is well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The payment, byte for byte.
    Created(String),
    /// What somebody needs to pay.
    Ticket(Means),
    /// The state of a payment, a charge, a refund or an endpoint.
    State(Cow<'static, str>),
    /// A refund, and whether this request made it.
    Refund {
        id: RefundId,
        state: Cow<'static, str>,
        is_new: bool,
    },
    /// A new endpoint.
    Endpoint {
        id: EndpointId,
        url: String,
        secret: String,
    },
    /// It was done.
    Done,
}

/// What the client learns otherwise, by its stable code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: Cow<'static, str>,
    /// For people who look for a bug; not in the trace.
    pub(crate) detail: String,
}

impl Problem {
    fn new(code: &'static str) -> Self {
        Self {
            code: Cow::Borrowed(code),
            detail: String::new(),
        }
    }

    /// An answer that no client could make sense of.
    fn unreadable(detail: String) -> Self {
        Self {
            code: Cow::Borrowed("unreadable_answer"),
            detail,
        }
    }

    /// Whether this must never happen, whatever goes wrong around the server.
    pub(crate) fn is_a_bug(&self) -> bool {
        ["internal", "misconfigured", "unreadable_answer"].contains(&&*self.code)
    }

    /// Whether the server could not do what it was asked for just now.
    pub(crate) fn is_passing(&self) -> bool {
        ["store_unavailable", "timeout"].contains(&&*self.code)
    }
}

/// What a client learns.
pub(crate) type Reply = Result<Answer, Problem>;

/// What WeChat learns of a notification.
#[derive(Debug)]
pub(crate) struct Receipt {
    /// The HTTP status.
    pub(crate) status: u16,
    /// What comes with it.
    pub(crate) body: Vec<u8>,
    /// What the server made of it, where that can be seen from outside.
    pub(crate) seen: Option<Result<Received, NotificationError>>,
}

/// The way into one life of a server.
#[derive(Clone)]
pub(crate) enum Door {
    Services(Ports),
    Router(router::Entrance),
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Door::Services(..) => "Door::Services",
            Door::Router(_) => "Door::Router",
        })
    }
}

impl Door {
    /// A client asks, under this idempotency key where the API takes one.
    pub(crate) async fn ask(self, ask: Ask, key: IdempotencyKey) -> Reply {
        match self {
            Door::Services(ports) => services::ask(&ports, ask, key).await,
            // On the heap: a future through the router has a size that every other call would have, too.
            Door::Router(entrance) => Box::pin(entrance.ask(ask, &key)).await,
        }
    }

    /// WeChat, or somebody who says so, sends a notification.
    pub(crate) async fn receive(self, letter: &Letter) -> Receipt {
        match self {
            Door::Services(ports) => services::receive(&ports, letter).await,
            Door::Router(entrance) => Box::pin(entrance.receive(letter)).await,
        }
    }
}

/// What stands before the doors of all servers of a run and survives their crashes: the keys that merchants have, the sessions
/// on people's phones. Nothing, if the services are called directly.
pub(crate) fn front_desk(
    doors: Doors,
    hub: &Arc<Hub>,
    rows: &Rows,
    setup: &Setup,
) -> Result<Option<Arc<FrontDesk>>, String> {
    match doors {
        Doors::Services => Ok(None),
        Doors::Router => FrontDesk::open(hub, rows, setup).map(|desk| Some(Arc::new(desk))),
    }
}
