//! What servers are asked to do, as work for the executor, and what came of it.

use shouyin_core::id::{Appid, EndpointId, EventId, Mchid, Openid, PaymentId, RefundId};
use shouyin_core::idempotency::Idempotency;
use shouyin_core::notification::{self, NotificationError, Received};
use shouyin_core::payment::Payment;
use shouyin_core::payment::decide::{Asker, NewPayment, Revision};
use shouyin_core::payment::service::{
    self, CreateAnswer, PayAnswer, ReviseAnswer, Seen, ServiceError,
};
use shouyin_core::ports::{Ports, Remedy, StoreError};
use shouyin_core::refund::decide::NewRefund;
use shouyin_core::refund::service::{self as refunds, Found, RemedyAnswer};
use shouyin_core::task::{Lane, Task, TaskKey};
use shouyin_core::webhook::Endpoint;
use shouyin_core::webhook::service::{
    self as webhooks, Created, EndpointError, EndpointPatch, NewEndpoint,
};
use shouyin_core::worker;

use crate::executor::Work;
use crate::server::LANES;
use crate::setup::Setup;

/// How many tasks one round of the worker takes.
const CLAIM_LIMIT: u32 = 16;

/// Which call of a client.
pub(crate) type CallId = u64;

/// What a client asks the server for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Create(Box<NewPayment>, Idempotency),
    Pay(PaymentId, Openid),
    Confirm(PaymentId, Openid),
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

/// What the server says.
#[derive(Debug)]
pub(crate) enum Reply {
    Created(CreateAnswer),
    Pay(PayAnswer),
    Seen(Seen),
    Closed(Option<Box<Payment>>),
    Revised(ReviseAnswer),
    Refunded(refunds::CreateAnswer),
    RefundSeen(Option<Box<Found>>),
    Remedied(RemedyAnswer),
    EndpointAdded(Box<Result<Created, EndpointError>>),
    EndpointChanged(Option<Endpoint>),
    /// Done, or there is nothing to do it to.
    Done(&'static str),
    /// An internal error: the client would see a 5xx.
    Failed(ServiceError),
}

/// Work that came to an end.
#[derive(Debug)]
pub(crate) enum Done {
    /// A client's call.
    Call { call: CallId, reply: Box<Reply> },
    /// A notification: the status that WeChat gets, and what the server made of it.
    Notification {
        letter: Box<crate::network::Letter>,
        status: u16,
        result: Result<Received, NotificationError>,
    },
    /// A round of the worker has its tasks.
    Claimed {
        server: usize,
        lane: usize,
        tasks: Result<Vec<Task>, StoreError>,
    },
    /// One task was run.
    Ran {
        key: Box<TaskKey>,
        result: Result<(), StoreError>,
    },
}

/// A client's call as work for the executor.
pub(crate) fn serve(ports: Ports, setup: &Setup, call: CallId, ask: Ask) -> Work {
    let appid = setup.appid.clone();
    Box::pin(async move {
        let reply = Box::new(
            answer(&ports, &appid, ask)
                .await
                .unwrap_or_else(Reply::Failed),
        );
        Done::Call { call, reply }
    })
}

async fn answer(ports: &Ports, appid: &Appid, ask: Ask) -> Result<Reply, ServiceError> {
    Ok(match ask {
        Ask::Create(new, idempotency) => {
            Reply::Created(service::create(ports, *new, idempotency).await?)
        }
        Ask::Pay(id, openid) => {
            let appid = appid.clone();
            let asker = Asker::Payer { appid, openid };
            Reply::Pay(service::pay(ports, &id, &asker).await?)
        }
        Ask::Confirm(id, openid) => {
            Reply::Seen(service::confirm(ports, &id, appid, &openid).await?)
        }
        Ask::Close(mchid, id) => {
            Reply::Closed(service::close(ports, &mchid, &id).await?.map(Box::new))
        }
        Ask::Revise(mchid, id, revision) => {
            Reply::Revised(service::revise(ports, &mchid, &id, revision).await?)
        }
        Ask::Refund(new) => Reply::Refunded(refunds::create(ports, *new).await?),
        Ask::SyncRefund(mchid, id) => {
            Reply::RefundSeen(refunds::sync(ports, &mchid, &id).await?.map(Box::new))
        }
        Ask::Remedy(mchid, id) => {
            let way = Remedy::MerchantBankCard;
            Reply::Remedied(refunds::remedy(ports, &mchid, &id, way).await?)
        }
        Ask::AddEndpoint(new) => {
            Reply::EndpointAdded(Box::new(webhooks::create(ports, new).await?))
        }
        Ask::ChangeEndpoint(mchid, id, patch) => {
            let changed = webhooks::update(ports, &mchid, &id, patch).await?;
            Reply::EndpointChanged(changed.and_then(Result::ok))
        }
        Ask::DeleteEndpoint(mchid, id) => {
            let there = webhooks::delete(ports, &mchid, &id).await?;
            Reply::Done(if there { "deleted" } else { "not there" })
        }
        Ask::RotateSecret(mchid, id, overlap_ms) => {
            let rotated = webhooks::rotate_secret(ports, &mchid, &id, overlap_ms).await?;
            Reply::Done(if rotated.is_some() {
                "rotated"
            } else {
                "not there"
            })
        }
        Ask::Resend(mchid, id, event) => {
            let sent = webhooks::resend(ports, &mchid, &id, &event).await?;
            Reply::Done(if matches!(sent, Some(Ok(_))) {
                "resent"
            } else {
                "not resent"
            })
        }
        Ask::ResendRange(mchid, id, after, only_failed) => {
            let sent = webhooks::resend_range(ports, &mchid, &id, after, None, only_failed).await?;
            Reply::Done(if sent.is_some() {
                "resent"
            } else {
                "not resent"
            })
        }
    })
}

/// A notification as work for the executor. The statuses are those of the HTTP layer: 204 only for what is stored and
/// fits, 4xx for what is refused or contradicts, 5xx for what could not be stored.
pub(crate) fn receive(ports: Ports, letter: crate::network::Letter) -> Work {
    Box::pin(async move {
        let (mchid, headers, body) = (&letter.mchid, &letter.headers, letter.body.clone());
        let result = notification::receive(&ports, mchid, headers, body).await;
        let status = match &result {
            Ok(Received::Accepted { .. }) => 204,
            Ok(Received::TooEarly) => 503,
            Ok(Received::Contradiction(_)) => 409,
            Err(NotificationError::Refused(_)) => 401,
            Err(NotificationError::Store(_)) => 503,
        };
        Done::Notification {
            letter: Box::new(letter),
            status,
            result,
        }
    })
}

/// A round of the worker: ask for due tasks.
pub(crate) fn claim(ports: Ports, server: usize, lane: usize) -> Work {
    Box::pin(async move {
        let which = LANES.get(lane).copied().unwrap_or(Lane::Money);
        let tasks = worker::claim(&ports, which, CLAIM_LIMIT).await;
        Done::Claimed {
            server,
            lane,
            tasks,
        }
    })
}

/// One claimed task.
pub(crate) fn run_task(ports: Ports, task: Task) -> Work {
    Box::pin(async move {
        let key = Box::new(task.key.clone());
        let result = worker::run_task(&ports, task).await;
        Done::Ran { key, result }
    })
}
