//! The merchants' webhook endpoints: added, changed, disabled, deleted; secrets that rotate; events wanted again; receivers that
//! are gone.

use shouyin_core::event::EventType;
use shouyin_core::id::{EndpointId, Mchid};
use shouyin_core::refund::RefundState;
use shouyin_core::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use shouyin_core::webhook::service::{EndpointPatch, NewEndpoint};
use shouyin_core::webhook::{Endpoint, EndpointState};

use crate::check::Violation;
use crate::choice::Lane;
use crate::doors::Ask;
use crate::setup::MCHIDS;
use crate::story::Step;
use crate::world::World;

/// What endpoints ask for: everything, payments, refunds, or one kind.
const FILTERS: [&[EventType]; 4] = [
    &[],
    &[
        EventType::PaymentCreated,
        EventType::PaymentPaid,
        EventType::PaymentPaidLate,
        EventType::PaymentSurplusPaid,
        EventType::PaymentCodeFailed,
        EventType::PaymentClosed,
    ],
    &[
        EventType::RefundCreated,
        EventType::RefundSucceeded,
        EventType::RefundClosed,
        EventType::RefundRejected,
        EventType::RefundActionNeeded,
    ],
    &[EventType::PaymentPaid],
];

/// A merchant keeps so many at most; more would only repeat each other.
const MOST: usize = 3;

fn broken(error: impl ToString) -> Violation {
    Violation::new("WORLD", error.to_string())
}

impl World {
    /// The endpoints that the first merchant has from the beginning.
    pub(crate) fn first_endpoints(&mut self) -> Result<(), Violation> {
        for number in 0..self.swarm.endpoints {
            // The second one wants something else than everything.
            self.add_endpoint(0, number, None)?;
        }
        self.pump()
    }

    /// Adds an endpoint with this filter.
    pub(crate) fn add_endpoint(
        &mut self,
        party: usize,
        filter: usize,
        again: Option<Step>,
    ) -> Result<(), Violation> {
        let mchid = Mchid::parse(MCHIDS.get(party).copied().unwrap_or_default()).map_err(broken)?;
        self.addresses += 1;
        let url = format!("https://shop{party}.example.com/hooks/{}", self.addresses);
        self.hub
            .say(format_args!("merchant adds the endpoint {url}"));
        let event_types = FILTERS.get(filter).copied().unwrap_or_default().to_vec();
        let new = NewEndpoint {
            mchid,
            url,
            description: String::new(),
            event_types,
        };
        self.ask(0, 0, Ask::AddEndpoint(new), again);
        Ok(())
    }

    pub(super) fn endpoint_added(
        &mut self,
        id: &EndpointId,
        url: &str,
        secret: &str,
    ) -> Result<(), Violation> {
        self.hub.say(format_args!("{id} is at {url}"));
        // It may be deleted by the time its maker hears of it.
        let endpoint = self.checker.endpoints().find(|endpoint| endpoint.id == *id);
        let known =
            endpoint.is_none_or(|endpoint| endpoint.secrets.iter().any(|it| it.text == secret));
        if secret.starts_with("whsec_") && known {
            Ok(())
        } else {
            Err(broken("an endpoint without its secret"))
        }
    }

    fn some_endpoint(&mut self) -> Option<(Mchid, EndpointId)> {
        let all: Vec<(Mchid, EndpointId)> = self
            .checker
            .endpoints()
            .map(|endpoint| (endpoint.mchid.clone(), endpoint.id.clone()))
            .collect();
        let index = self.hub.lock().choice.on(Lane::Turn).index(all.len());
        all.into_iter().nth(index)
    }

    /// A merchant does something to one of its endpoints.
    pub(super) fn change_any_endpoint(&mut self) -> Result<(), Violation> {
        let (how, filter, party) = {
            let mut inner = self.hub.lock();
            let how = inner.choice.on(Lane::Turn).upto(9);
            let filter = inner.choice.on(Lane::Turn).index(FILTERS.len());
            (
                how,
                filter,
                usize::from(inner.choice.on(Lane::Turn).upto(5) == 0),
            )
        };
        let count = self.checker.endpoints().count();
        if how < 3 {
            return if count < MOST {
                self.add_endpoint(party, filter, None)
            } else {
                Ok(())
            };
        }
        let Some((mchid, id)) = self.some_endpoint() else {
            return Ok(());
        };
        let patch = |event_types, enabled| EndpointPatch {
            url: None,
            description: None,
            event_types,
            enabled,
        };
        let (what, ask) = match how {
            3 => ("deletes", Ask::DeleteEndpoint(mchid, id.clone())),
            4 => (
                "disables",
                Ask::ChangeEndpoint(mchid, id.clone(), patch(None, Some(false))),
            ),
            5 | 6 => (
                "enables",
                Ask::ChangeEndpoint(mchid, id.clone(), patch(None, Some(true))),
            ),
            7 => {
                let types = FILTERS.get(filter).map(|types| types.to_vec());
                (
                    "changes the filter of",
                    Ask::ChangeEndpoint(mchid, id.clone(), patch(types, None)),
                )
            }
            _ => (
                "rotates the secret of",
                Ask::RotateSecret(mchid, id.clone(), HOUR_MS),
            ),
        };
        self.hub.say(format_args!("merchant {what} {id}"));
        self.ask(0, 0, ask, None);
        Ok(())
    }

    /// A merchant wants one event again, or all of them.
    pub(super) fn resend_any(&mut self) {
        let Some((mchid, id)) = self.some_endpoint() else {
            return;
        };
        let (how, which) = {
            let mut inner = self.hub.lock();
            (
                inner.choice.on(Lane::Turn).upto(2),
                inner.choice.on(Lane::Turn).index(8),
            )
        };
        let event = self.checker.some_event(&mchid, which);
        let ask = match event.filter(|_| how > 0) {
            Some(event) => {
                self.hub
                    .say(format_args!("merchant wants {event} again at {id}"));
                Ask::Resend(mchid, id, event)
            }
            None => {
                self.hub
                    .say(format_args!("merchant wants all events again at {id}"));
                Ask::ResendRange(mchid, id, 0, false)
            }
        };
        self.ask(0, 0, ask, None);
    }

    /// A receiver goes away, for minutes or for longer than anybody tries.
    pub(super) fn lose_any_receiver(&mut self) {
        const SPANS_MS: [i64; 5] = [
            MINUTE_MS,
            10 * MINUTE_MS,
            6 * HOUR_MS,
            2 * DAY_MS,
            9 * DAY_MS,
        ];
        let urls: Vec<String> = self
            .checker
            .endpoints()
            .map(|endpoint| endpoint.url.clone())
            .collect();
        let (which, span) = {
            let mut inner = self.hub.lock();
            (
                inner.choice.on(Lane::Turn).index(urls.len()),
                inner.choice.on(Lane::Turn).index(SPANS_MS.len()),
            )
        };
        let span = SPANS_MS.get(span).copied().unwrap_or(MINUTE_MS);
        if let Some(url) = urls.get(which) {
            self.lose_receiver(url, span);
        }
    }

    pub(crate) fn lose_receiver(&mut self, url: &str, span_ms: i64) {
        self.hub.say(format_args!(
            "{url} is gone for {} seconds",
            span_ms / 1_000
        ));
        self.receivers.lose(url, self.hub.now_ms() + span_ms);
    }

    /// Whether something waits for people, or for what they do when they [tend](World::tend) to it.
    pub(crate) fn needs_people(&self) -> bool {
        let mut refunds = self.checker.payments().flat_map(|it| &it.refunds);
        let is_off = |it: &Endpoint| it.state != EndpointState::Enabled;
        refunds.any(|refund| refund.state == RefundState::Abnormal)
            || self.swarm.webhooks
                && (self.checker.endpoints().any(is_off) || self.checker.all_delivered().is_err())
    }

    /// In calm: whoever is responsible does what the product asks people to do.
    pub(crate) fn tend(&mut self) -> Result<(), Violation> {
        let abnormal: Vec<_> = self
            .checker
            .payments()
            .flat_map(|payment| {
                let stuck = payment.refunds.iter();
                let stuck = stuck.filter(|refund| refund.state == RefundState::Abnormal);
                stuck.map(|refund| {
                    let number = refund.out_refund_no.as_str().to_owned();
                    (payment.mchid.clone(), refund.id.clone(), number)
                })
            })
            .collect();
        for (mchid, id, number) in abnormal {
            if self.has_v3(&mchid) {
                self.remedy(mchid, id);
            } else {
                self.remedy_by_hand(&mchid, number)?;
            }
        }
        if !self.swarm.webhooks {
            return Ok(());
        }
        let endpoints: Vec<_> = self
            .checker
            .endpoints()
            .map(|it| (it.mchid.clone(), it.id.clone(), it.state))
            .collect();
        for (mchid, id, state) in endpoints {
            if state != EndpointState::Enabled {
                let enable = EndpointPatch {
                    url: None,
                    description: None,
                    event_types: None,
                    enabled: Some(true),
                };
                self.hub.say(format_args!("merchant enables {id} again"));
                self.ask(
                    0,
                    0,
                    Ask::ChangeEndpoint(mchid.clone(), id.clone(), enable),
                    None,
                );
            }
            self.hub
                .say(format_args!("merchant wants what failed again at {id}"));
            self.ask(0, 0, Ask::ResendRange(mchid, id, 0, true), None);
        }
        Ok(())
    }
}
