//! The services of core, called as the HTTP layer calls them: the same store calls in the same order, the same codes of
//! problems, and the same rules for idempotency keys. Written apart from it; a test compares the two, run by run.

use std::borrow::Cow;

use serde_json::json;
use shouyin_core::id::{EndpointId, IdempotencyKey, Mchid};
use shouyin_core::idempotency::{self, Idempotency, Used};
use shouyin_core::notification::{self, NoticeRefused, NotificationError, Received};
use shouyin_core::outcome::Outcome;
use shouyin_core::payment::decide::{Asker, CreateError, PayRefused, ReviseError};
use shouyin_core::payment::service::{
    self, ChargeAnswer, CreateAnswer, Means, PayAnswer, ReviseAnswer, Seen, ServiceError,
};
use shouyin_core::payment::view::PaymentView;
use shouyin_core::ports::{NotServed, PaymentKey, Ports, Remedy, StoreError};
use shouyin_core::refund::decide::RefundError;
use shouyin_core::refund::service::{self as refunds, Found, RemedyAnswer};
use shouyin_core::refund::view::RefundView;
use shouyin_core::webhook::service::{self as webhooks, EndpointError, ResendError};

use shouyin_wechat::Protocol;
use wechatpay::v2::notification::{ACCEPTED, refused};

use super::answer::{Kind, read};
use super::{Answer, Ask, Phone, Problem, Receipt, Reply};
use crate::network::Letter;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Conflict(_) => {
                Problem::new("store_unavailable")
            }
            StoreError::Corrupt(detail) => Problem {
                code: Cow::Borrowed("internal"),
                detail,
            },
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Store(error) => error.into(),
            ServiceError::NotConfigured(error) => Problem {
                code: Cow::Borrowed("misconfigured"),
                detail: error.to_string(),
            },
        }
    }
}

/// Gives the remembered answer, or does the work and remembers what it answers: status, body, and what they say.
async fn once(
    ports: &Ports,
    mchid: &Mchid,
    asked: &Idempotency,
    kind: Kind,
    work: impl Future<Output = Result<(u16, String, Answer), Problem>>,
) -> Reply {
    let store = &*ports.store;
    let reused = || Err(Problem::new("idempotency_key_reused"));
    match idempotency::look_up(store, mchid, asked).await? {
        Some(Used::Replay { status, body }) => return read(kind, status, &body),
        Some(Used::Conflict) => return reused(),
        None => {}
    }
    let (status, body, answer) = work.await?;
    let now = ports.clock.now();
    let ours = (status, body.clone());
    match idempotency::remember(store, mchid, asked, status, body, now).await? {
        Used::Replay { status, body } if (status, &body) == (ours.0, &ours.1) => Ok(answer),
        Used::Replay { status, body } => read(kind, status, &body),
        Used::Conflict => reused(),
    }
}

/// A state and the answer that tells it.
fn state(status: u16, body: String, state: &'static str) -> (u16, String, Answer) {
    (status, body, Answer::State(Cow::Borrowed(state)))
}

pub(super) async fn ask(ports: &Ports, ask: Ask, key: IdempotencyKey) -> Reply {
    let kind = Kind::of(&ask);
    // What has no use for a key needs no fingerprint either.
    let fingerprint = match &ask {
        Ask::Pay(..) | Ask::Confirm(..) | Ask::ChangeEndpoint(..) | Ask::DeleteEndpoint(..) => {
            String::new()
        }
        // The code does not show itself in a `Debug` text.
        Ask::Charge(mchid, id, code) => format!("{mchid} {id} {}", code.auth_code.as_str()),
        keyed @ (Ask::Create(_)
        | Ask::Means(..)
        | Ask::Sync(..)
        | Ask::Close(..)
        | Ask::Revise(..)
        | Ask::Refund(_)
        | Ask::SyncRefund(..)
        | Ask::Remedy(..)
        | Ask::AddEndpoint(_)
        | Ask::RotateSecret(..)
        | Ask::Resend(..)
        | Ask::ResendRange(..)) => format!("{keyed:?}"),
    };
    let asked = Idempotency { key, fingerprint };
    match ask {
        Ask::Create(new) => created(service::create(ports, *new, asked).await?),
        Ask::Pay(id, Phone { appid, openid }) => {
            let asker = Asker::Payer { appid, openid };
            match paid(service::pay(ports, &id, &asker).await?)? {
                None => Ok(Answer::State(Cow::Borrowed("paid"))),
                Some(means @ Means::RequestPayment(_)) => Ok(Answer::Ticket(means)),
                // Core hands these to merchants only.
                Some(Means::App(_) | Means::CodeUrl(_) | Means::H5Url(_)) => {
                    Err(Problem::new("internal"))
                }
            }
        }
        Ask::Means(mchid, id, scene) => {
            let asker = Asker::Merchant {
                mchid: mchid.clone(),
                scene,
            };
            let work = async { handed_on(paid(service::pay(ports, &id, &asker).await?)?) };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Charge(mchid, id, code) => {
            let work = async { charged(service::charge(ports, &mchid, &id, &code).await?) };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Confirm(id, Phone { appid, openid }) => {
            match service::confirm(ports, &id, &appid, &openid).await? {
                Seen::Payment(payment) => Ok(Answer::State(payment.state.as_str().into())),
                Seen::NotFound => Err(Problem::new("payment_not_found")),
            }
        }
        Ask::Sync(mchid, id) => {
            let work = async {
                let key = PaymentKey::Id(mchid.clone(), id);
                let synced = service::sync(ports, key).await?;
                let payment = synced.ok_or(Problem::new("payment_not_found"))?;
                let view = PaymentView::from(&payment);
                Ok(state(200, view.to_json(), view.state))
            };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Close(mchid, id) => {
            let work = async {
                let closed = service::close(ports, &mchid, &id).await?;
                let payment = closed.ok_or(Problem::new("payment_not_found"))?;
                let view = PaymentView::from(&payment);
                Ok(state(200, view.to_json(), view.state))
            };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Revise(mchid, id, revision) => {
            let work = async {
                match service::revise(ports, &mchid, &id, revision).await? {
                    ReviseAnswer::Payment(payment) => {
                        let view = PaymentView::from(&*payment);
                        Ok(state(200, view.to_json(), view.state))
                    }
                    ReviseAnswer::NotFound => Err(Problem::new("payment_not_found")),
                    ReviseAnswer::Refused(error) => Err(error.into()),
                }
            };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Refund(new) => {
            let mchid = new.mchid.clone();
            let work = async { refunded(refunds::create(ports, *new).await?) };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::SyncRefund(mchid, id) => {
            let work = async {
                let found = refunds::sync(ports, &mchid, &id).await?;
                found
                    .map(|found| seen(&found))
                    .ok_or(Problem::new("refund_not_found"))
            };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::Remedy(mchid, id) => {
            let way = Remedy::MerchantBankCard;
            let work = async { remedied(refunds::remedy(ports, &mchid, &id, way).await?) };
            once(ports, &mchid, &asked, kind, work).await
        }
        Ask::AddEndpoint(_)
        | Ask::ChangeEndpoint(..)
        | Ask::DeleteEndpoint(..)
        | Ask::RotateSecret(..)
        | Ask::Resend(..)
        | Ask::ResendRange(..) => about_endpoint(ports, ask, &asked).await,
    }
}

fn created(answer: CreateAnswer) -> Reply {
    match answer {
        CreateAnswer::Payment(created) if created.is_new => Ok(Answer::Created(
            PaymentView::from(&created.payment).to_json(),
        )),
        // A second request for one order_no under another key: nobody sends one here.
        CreateAnswer::Payment(created) => read(
            Kind::Created,
            200,
            &PaymentView::from(&created.payment).to_json(),
        ),
        CreateAnswer::Replay { status: 201, body } => Ok(Answer::Created(body)),
        CreateAnswer::Replay { status, body } => read(Kind::Created, status, &body),
        CreateAnswer::KeyConflict => Err(Problem::new("idempotency_key_reused")),
        CreateAnswer::NotServed(NotServed::App) => Err(Problem::new("unknown_app")),
        CreateAnswer::NotServed(NotServed::Product(_)) => Err(Problem::new("product_not_served")),
        CreateAnswer::Refused(CreateError::Invalid { .. }) => Err(Problem::new("invalid_field")),
        CreateAnswer::Refused(CreateError::OrderNoTaken { .. }) => {
            Err(Problem::new("order_no_conflict"))
        }
    }
}

/// The means to pay; nothing if it is paid already.
fn paid(answer: PayAnswer) -> Result<Option<Means>, Problem> {
    Err(Problem::new(match answer {
        PayAnswer::Ready(means) => return Ok(Some(means)),
        PayAnswer::Paid => return Ok(None),
        PayAnswer::Refused(why) => return Err(why.into()),
        PayAnswer::NotFound => "payment_not_found",
        PayAnswer::Rejected(_) => "wechat_refused",
        PayAnswer::Unavailable(_) => "wechat_unavailable",
    }))
}

impl From<PayRefused> for Problem {
    fn from(why: PayRefused) -> Self {
        Problem::new(match why {
            PayRefused::Closed | PayRefused::Expired => "payment_closed",
            PayRefused::OtherProduct(_) => "other_product",
            PayRefused::SceneNeeded => "invalid_field",
            PayRefused::TooManyAttempts => "too_many_attempts",
            // Whose it is must not be learnt from the difference.
            PayRefused::NotYours => "payment_not_found",
        })
    }
}

/// What a merchant's backend gets to hand on, with the text that is remembered of it.
fn handed_on(means: Option<Means>) -> Result<(u16, String, Answer), Problem> {
    let ready = |name: &str, value: serde_json::Value| json!({ "state": "ready", name: value });
    let body = match &means {
        None => json!({ "state": "paid" }),
        Some(Means::CodeUrl(url)) => ready("code_url", url.as_str().into()),
        Some(Means::H5Url(url)) => ready("h5_url", url.as_str().into()),
        Some(Means::App(app)) => ready("app", json!(app)),
        // Core hands this to payers only.
        Some(Means::RequestPayment(_)) => return Err(Problem::new("internal")),
    };
    let answer = means.map_or(Answer::State(Cow::Borrowed("paid")), Answer::Ticket);
    Ok((200, body.to_string(), answer))
}

fn charged(answer: ChargeAnswer) -> Result<(u16, String, Answer), Problem> {
    let told = match answer {
        ChargeAnswer::Paid => "paid",
        ChargeAnswer::Paying => "paying",
        ChargeAnswer::Failed(_) => return Err(Problem::new("code_refused")),
        ChargeAnswer::Refused(why) => return Err(why.into()),
        ChargeAnswer::NotFound => return Err(Problem::new("payment_not_found")),
    };
    Ok(state(200, json!({ "state": told }).to_string(), told))
}

impl From<ReviseError> for Problem {
    fn from(error: ReviseError) -> Self {
        Problem::new(match error {
            ReviseError::Invalid(CreateError::Invalid { .. }) => "invalid_field",
            ReviseError::Invalid(CreateError::OrderNoTaken { .. }) => "order_no_conflict",
            ReviseError::Paid => "payment_paid",
            ReviseError::Closed => "payment_closed",
        })
    }
}

fn text(found: &Found) -> String {
    RefundView::new(&found.payment, &found.refund).to_json()
}

fn seen(found: &Found) -> (u16, String, Answer) {
    state(200, text(found), found.refund.state.as_str())
}

fn refunded(answer: refunds::CreateAnswer) -> Result<(u16, String, Answer), Problem> {
    Err(Problem::new(match answer {
        refunds::CreateAnswer::Refund { found, is_new } => {
            let answer = Answer::Refund {
                id: found.refund.id.clone(),
                state: Cow::Borrowed(found.refund.state.as_str()),
                is_new,
            };
            return Ok((if is_new { 201 } else { 200 }, text(&found), answer));
        }
        refunds::CreateAnswer::NotFound => "payment_not_found",
        refunds::CreateAnswer::Refused(why) => match why {
            RefundError::Invalid { .. } => "invalid_field",
            RefundError::NotPaid => "refund_not_paid",
            RefundError::TooMuch { .. } => "refund_too_much",
            RefundError::TooMany => "refund_too_many",
            RefundError::TooLate => "refund_too_late",
            RefundError::RefundNoTaken { .. } => "refund_no_taken",
        },
    }))
}

fn remedied(answer: RemedyAnswer) -> Result<(u16, String, Answer), Problem> {
    Err(Problem::new(match answer {
        RemedyAnswer::NotFound => "refund_not_found",
        RemedyAnswer::NotAbnormal => "refund_not_abnormal",
        RemedyAnswer::Asked { outcome, found } => match *outcome {
            Outcome::Succeeded(_) => return Ok(seen(&found)),
            Outcome::Rejected(_) => "wechat_refused",
            Outcome::Blocked(_) => "rate_limited",
            Outcome::Unknown(_) => "wechat_unavailable",
        },
    }))
}

impl From<EndpointError> for Problem {
    fn from(error: EndpointError) -> Self {
        Problem::new(match error {
            EndpointError::BadUrl(_) => "webhook_endpoint_url_refused",
            EndpointError::TooMany => "webhook_endpoint_too_many",
            EndpointError::Invalid { .. } => "invalid_field",
        })
    }
}

impl From<ResendError> for Problem {
    fn from(error: ResendError) -> Self {
        Problem::new(match error {
            ResendError::Disabled => "webhook_endpoint_disabled",
            ResendError::TooMany { .. } => "invalid_field",
        })
    }
}

fn no_endpoint() -> Problem {
    Problem::new("webhook_endpoint_not_found")
}

/// Tells an unknown endpoint from an unknown event.
async fn find(ports: &Ports, mchid: &Mchid, id: &EndpointId) -> Result<(), Problem> {
    let found = ports.store.endpoint(id.clone()).await?;
    let ours = found.filter(|endpoint| endpoint.mchid == *mchid);
    ours.map(|_| ()).ok_or_else(no_endpoint)
}

async fn about_endpoint(ports: &Ports, ask: Ask, asked: &Idempotency) -> Reply {
    let kind = Kind::of(&ask);
    let done = || (200, String::new(), Answer::Done);
    match ask {
        Ask::AddEndpoint(new) => {
            let mchid = new.mchid.clone();
            let work = async {
                let created = webhooks::create(ports, new).await??;
                let (id, url) = (created.endpoint.id, created.endpoint.url);
                let secret = created.secret;
                let body = json!({ "id": id.as_str(), "url": url, "secret": secret });
                Ok((201, body.to_string(), Answer::Endpoint { id, url, secret }))
            };
            once(ports, &mchid, asked, kind, work).await
        }
        Ask::ChangeEndpoint(mchid, id, patch) => {
            let changed = webhooks::update(ports, &mchid, &id, patch).await?;
            let endpoint = changed.ok_or_else(no_endpoint)??;
            Ok(Answer::State(endpoint.state.as_str().into()))
        }
        Ask::DeleteEndpoint(mchid, id) => {
            let there = webhooks::delete(ports, &mchid, &id).await?;
            there.then_some(Answer::Done).ok_or_else(no_endpoint)
        }
        Ask::RotateSecret(mchid, id, overlap_ms) => {
            let work = async {
                let rotated = webhooks::rotate_secret(ports, &mchid, &id, overlap_ms).await?;
                rotated.map(|_| done()).ok_or_else(no_endpoint)
            };
            once(ports, &mchid, asked, kind, work).await
        }
        Ask::Resend(mchid, id, event) => {
            let work = async {
                find(ports, &mchid, &id).await?;
                let resent = webhooks::resend(ports, &mchid, &id, &event).await?;
                resent.ok_or(Problem::new("event_not_found"))??;
                Ok(done())
            };
            once(ports, &mchid, asked, kind, work).await
        }
        Ask::ResendRange(mchid, id, after, only_failed) => {
            let work = async {
                find(ports, &mchid, &id).await?;
                let resent =
                    webhooks::resend_range(ports, &mchid, &id, after, None, only_failed).await?;
                resent.ok_or_else(no_endpoint)??;
                Ok(done())
            };
            once(ports, &mchid, asked, kind, work).await
        }
        Ask::Create(_)
        | Ask::Pay(..)
        | Ask::Means(..)
        | Ask::Charge(..)
        | Ask::Confirm(..)
        | Ask::Sync(..)
        | Ask::Close(..)
        | Ask::Revise(..)
        | Ask::Refund(_)
        | Ask::SyncRefund(..)
        | Ask::Remedy(..) => Err(Problem::unreadable(format!("{ask:?} is about no endpoint"))),
    }
}

/// The statuses are those of the HTTP layer: 2xx only for what is stored and fits, 4xx for what is refused or contradicts, 5xx
/// for what WeChat has to send again.
pub(super) async fn receive(ports: &Ports, letter: &Letter) -> Receipt {
    let (mchid, headers, body) = (&letter.mchid, &letter.headers, letter.body.clone());
    let result = notification::receive(ports, mchid, headers, body).await;
    let protocol = Protocol::of_notification(&letter.body);
    let status = match (&result, protocol) {
        (Ok(Received::Accepted { .. }), Protocol::V3) => 204,
        (Ok(Received::Accepted { .. }), Protocol::V2) => 200,
        (result, _) => status_of(result),
    };
    // The older protocol says in the body whether it was accepted.
    let body = match (protocol, status) {
        (Protocol::V3, _) => String::new(),
        (Protocol::V2, 200) => ACCEPTED.to_owned(),
        (Protocol::V2, _) => refused("not accepted"),
    };
    Receipt {
        status,
        body: body.into_bytes(),
        seen: Some(result),
    }
}

fn status_of(result: &Result<Received, NotificationError>) -> u16 {
    match result {
        Ok(Received::Accepted { .. }) => 204,
        Ok(Received::TooEarly) | Err(NotificationError::Store(_)) => 503,
        Ok(Received::Contradiction(_)) => 422,
        Err(NotificationError::Refused(why)) => match why {
            NoticeRefused::UnknownMerchant => 404,
            NoticeRefused::Probe | NoticeRefused::NotVerified(_) | NoticeRefused::Stale(_) => 401,
            NoticeRefused::Unreadable(_) => 400,
        },
    }
}
