use super::super::*;
use super::{T0, endpoint, ids, mchid};
use crate::event::EventType;
use crate::ports::{DeliveryChange, EndpointChange};
use crate::task::TaskChange;
use crate::time::{DAY_MS, HOUR_MS};
use crate::webhook::model::{EndpointState, MAX_ENDPOINTS};

fn new() -> NewEndpoint {
    NewEndpoint {
        mchid: mchid(),
        url: "https://shop.example.com".into(),
        description: String::new(),
        event_types: vec![],
    }
}

#[test]
fn a_new_endpoint_has_a_fresh_secret_of_32_bytes_that_never_shows() {
    use base64::Engine as _;
    let ids = ids();
    let (one, _) = create(&[], new(), T0, &ids).unwrap();
    let (two, changes) = create(&[], new(), T0, &ids).unwrap();
    assert_ne!(one.secret, two.secret);
    assert_ne!(one.endpoint.id, two.endpoint.id);
    let text = one.secret.strip_prefix("whsec_").unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(text)
        .unwrap();
    assert_eq!(bytes.len(), 32);
    assert_eq!(one.endpoint.secrets[0].text, one.secret);
    assert!(!format!("{one:?}").contains(text));
    assert_eq!(changes.endpoints, [EndpointChange::Put(two.endpoint)]);
}

#[test]
fn types_are_kept_once() {
    let wanted = NewEndpoint {
        event_types: vec![
            EventType::RefundSucceeded,
            EventType::PaymentPaid,
            EventType::RefundSucceeded,
        ],
        ..new()
    };
    let (created, _) = create(&[], wanted, T0, &ids()).unwrap();
    assert_eq!(
        created.endpoint.event_types,
        [EventType::PaymentPaid, EventType::RefundSucceeded]
    );
}

#[test]
fn a_merchant_keeps_at_most_twenty() {
    let mut kept = vec![endpoint(); MAX_ENDPOINTS - 1];
    assert!(create(&kept, new(), T0, &ids()).is_ok());
    kept.push(endpoint());
    assert_eq!(
        create(&kept, new(), T0, &ids()).unwrap_err(),
        EndpointError::TooMany
    );
}

#[test]
fn what_is_too_long_or_not_accepted_is_refused() {
    let accepts = |url: &str| match url.strip_prefix("https://") {
        Some(_) => Ok(()),
        None => Err("must be https".to_owned()),
    };
    assert_eq!(new().check(accepts), Ok(()));
    let http = NewEndpoint {
        url: "http://shop.example.com".into(),
        ..new()
    };
    let refused = EndpointError::BadUrl("must be https".into());
    assert_eq!(http.check(accepts), Err(refused.clone()));
    let patch = EndpointPatch {
        url: Some(http.url),
        ..EndpointPatch::default()
    };
    assert_eq!(patch.check(accepts), Err(refused));

    for (characters, is_fine) in [(200, true), (201, false)] {
        let described = NewEndpoint {
            // Characters, not bytes.
            description: "店".repeat(characters),
            ..new()
        };
        assert_eq!(described.check(accepts).is_ok(), is_fine);
        let patch = EndpointPatch {
            description: Some(described.description),
            ..EndpointPatch::default()
        };
        assert_eq!(patch.check(accepts).is_ok(), is_fine);
    }
    let long = NewEndpoint {
        url: format!("https://shop.example.com/{}", "a".repeat(2_000)),
        ..new()
    };
    assert!(matches!(long.check(accepts), Err(EndpointError::BadUrl(_))));
    assert_eq!(EndpointPatch::default().check(accepts), Ok(()));
}

fn enabled(yes: bool) -> EndpointPatch {
    EndpointPatch {
        enabled: Some(yes),
        ..EndpointPatch::default()
    }
}

#[test]
fn enabling_forgets_failures_and_sends_at_once() {
    let by_failure = Endpoint {
        state: EndpointState::Disabled {
            at: T0,
            by_failure: true,
        },
        failing_since: Some(T0),
        ..endpoint()
    };
    let failing = Endpoint {
        failing_since: Some(T0),
        ..endpoint()
    };
    let now = T0.plus_ms(DAY_MS);
    for before in [by_failure, failing] {
        let (after, changes) = update(&before, enabled(true), now);
        assert_eq!(after, endpoint());
        assert_eq!(
            changes.deliveries,
            [DeliveryChange::Hurry {
                endpoint_id: after.id.clone(),
                due_at: now
            }]
        );
        assert_eq!(changes.tasks, [TaskChange::Wake(task(&after, now))]);
    }
}

#[test]
fn what_changes_nothing_saves_nothing() {
    for patch in [EndpointPatch::default(), enabled(true)] {
        let (after, changes) = update(&endpoint(), patch, T0);
        assert_eq!(after, endpoint());
        assert!(changes.is_empty());
    }
}

#[test]
fn disabling_twice_keeps_since_when_and_why() {
    let (disabled, _) = update(&endpoint(), enabled(false), T0);
    assert_eq!(
        disabled.state,
        EndpointState::Disabled {
            at: T0,
            by_failure: false
        }
    );
    let (again, changes) = update(&disabled, enabled(false), T0.plus_ms(DAY_MS));
    assert_eq!(again, disabled);
    assert!(changes.is_empty());
}

#[test]
fn a_new_address_starts_anew_unless_the_endpoint_is_disabled() {
    let patch = EndpointPatch {
        url: Some("https://new.example.com".into()),
        description: Some("new".into()),
        event_types: Some(vec![EventType::PaymentPaid, EventType::PaymentPaid]),
        enabled: None,
    };
    let failing = Endpoint {
        failing_since: Some(T0),
        ..endpoint()
    };
    let (after, changes) = update(&failing, patch.clone(), T0);
    assert_eq!(after.failing_since, None);
    assert_eq!(after.event_types, [EventType::PaymentPaid]);
    assert_eq!(after.description, "new");
    assert_eq!(changes.tasks.len(), 1);

    let (disabled, _) = update(&failing, enabled(false), T0);
    let (after, changes) = update(&disabled, patch, T0);
    assert_eq!(after.failing_since, Some(T0));
    assert!(changes.tasks.is_empty() && changes.deliveries.is_empty());
}

#[test]
fn while_secrets_change_both_sign_and_then_the_new_one_alone() {
    let (created, _) = rotate_secret(&endpoint(), HOUR_MS, T0, &ids());
    let after = &created.endpoint;
    let old = &endpoint().secrets[0].text;
    let texts = |now| -> Vec<String> {
        let valid = after.valid_secrets(now);
        valid.into_iter().map(|secret| secret.text).collect()
    };
    assert_eq!(texts(T0), [created.secret.clone(), old.clone()]);
    assert_eq!(
        texts(T0.plus_ms(HOUR_MS - 1)),
        [created.secret.clone(), old.clone()]
    );
    assert_eq!(texts(T0.plus_ms(HOUR_MS)), [created.secret]);
}

#[test]
fn an_overlap_is_between_nothing_and_a_week() {
    for overlap_ms in [-1, 0] {
        let (created, _) = rotate_secret(&endpoint(), overlap_ms, T0, &ids());
        assert_eq!(created.endpoint.secrets.len(), 1, "{overlap_ms}");
    }
    let (created, _) = rotate_secret(&endpoint(), 30 * DAY_MS, T0, &ids());
    assert_eq!(
        created.endpoint.secrets[1].expires_at,
        Some(T0.plus_ms(7 * DAY_MS))
    );
}

#[test]
fn at_most_five_secrets_are_kept_and_no_promised_end_is_put_off() {
    let ids = ids();
    let mut after = endpoint();
    for hours in [1, 20, 20, 20, 20, 20] {
        (after, _) = {
            let (created, changes) = rotate_secret(&after, hours * HOUR_MS, T0, &ids);
            (created.endpoint, changes)
        };
    }
    assert_eq!(after.secrets.len(), MAX_SECRETS);
    let (first, _) = rotate_secret(&endpoint(), HOUR_MS, T0, &ids);
    let (second, _) = rotate_secret(&first.endpoint, 20 * HOUR_MS, T0, &ids);
    let ends: Vec<_> = second
        .endpoint
        .secrets
        .iter()
        .map(|secret| secret.expires_at)
        .collect();
    assert_eq!(
        ends,
        [
            None,
            Some(T0.plus_ms(20 * HOUR_MS)),
            Some(T0.plus_ms(HOUR_MS))
        ]
    );
}

#[test]
fn events_go_to_those_who_want_them() {
    let all = endpoint();
    let paid_only = Endpoint {
        id: super::endpoint_id(2),
        event_types: vec![EventType::PaymentPaid],
        ..endpoint()
    };
    let off = Endpoint {
        id: super::endpoint_id(3),
        state: EndpointState::Disabled {
            at: T0,
            by_failure: false,
        },
        ..endpoint()
    };
    let foreign = Endpoint {
        id: super::endpoint_id(4),
        mchid: crate::id::Mchid::parse("1900000002").unwrap(),
        ..endpoint()
    };
    let events = [
        super::event(1, EventType::PaymentCreated, T0),
        super::event(2, EventType::PaymentPaid, T0),
    ];
    let (deliveries, tasks) = fan_out(&[all.clone(), paid_only.clone(), off, foreign], &events);
    let pairs: Vec<_> = deliveries
        .into_iter()
        .map(|change| match change {
            DeliveryChange::Put(delivery) => (delivery.endpoint_id, delivery.event_id),
            DeliveryChange::Hurry { .. } => panic!("not a delivery"),
        })
        .collect();
    assert_eq!(
        pairs,
        [
            (all.id.clone(), events[0].id.clone()),
            (all.id.clone(), events[1].id.clone()),
            (paid_only.id.clone(), events[1].id.clone()),
        ]
    );
    assert_eq!(
        tasks,
        [
            TaskChange::Wake(task(&all, T0)),
            TaskChange::Wake(task(&paid_only, T0))
        ]
    );
}
