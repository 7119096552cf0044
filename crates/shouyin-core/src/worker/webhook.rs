//! The step that sends an endpoint what is due to it.

use std::sync::Arc;

use futures_util::future::join_all;

use crate::event::Event;
use crate::id::EndpointId;
use crate::payment::decide::TaskRun;
use crate::ports::{Changes, Load, Ports, StoreError, transact};
use crate::task::LEASE_MS;
use crate::time::Timestamp;
use crate::webhook::decide::{self, Plan, Round, Sent};
use crate::webhook::model::{Delivery, Endpoint, EndpointState, Message};
use crate::webhook::view::body;

/// Another round is begun under the same lease only in its first half: one that works fits into the other
/// ([`crate::ports::WebhookSender::send`]).
const GO_ON_MS: i64 = LEASE_MS / 2;

/// Sends what is due, and leaves the store saying when to look again. A long queue is sent round after round, so that it
/// does not wait for the worker loop between them.
pub(super) async fn deliver(
    ports: &Ports,
    id: &EndpointId,
    run: &TaskRun,
) -> Result<(), StoreError> {
    let begun_at = ports.clock.now();
    let mut run = run.clone();
    while deliver_once(ports, id, &run, begun_at).await? {
        run.tries = 0;
    }
    Ok(())
}

/// One round. True if there is more to send, and the lease is still held for it.
async fn deliver_once(
    ports: &Ports,
    id: &EndpointId,
    run: &TaskRun,
    begun_at: Timestamp,
) -> Result<bool, StoreError> {
    let Some(endpoint) = ports.store.endpoint(id.clone()).await? else {
        let changes = Changes::tasks(vec![run.finish()]);
        return transact(&*ports.store, Load::default(), move |_| (false, changes)).await;
    };
    let due = match endpoint.state {
        EndpointState::Disabled { .. } => vec![],
        EndpointState::Enabled => {
            let (now, limit) = (ports.clock.now(), decide::read_limit(&endpoint));
            ports.store.due_deliveries(id.clone(), now, limit).await?
        }
    };
    let plan = decide::plan(&endpoint, due);
    if plan.first.is_empty() {
        return end_quietly(ports, &endpoint, run).await;
    }
    let round = send_round(ports, endpoint, plan).await;
    save(ports, round, run, begun_at).await
}

async fn end_quietly(
    ports: &Ports,
    endpoint: &Endpoint,
    run: &TaskRun,
) -> Result<bool, StoreError> {
    let load = Load {
        endpoints: Some(endpoint.mchid.clone()),
        deliveries: Some((endpoint.id.clone(), vec![])),
        ..Load::default()
    };
    let (id, run) = (endpoint.id.clone(), run.clone());
    transact(&*ports.store, load, move |loaded| {
        (false, decide::on_nothing_due(&loaded, &id, &run))
    })
    .await
}

async fn send_round(ports: &Ports, endpoint: Endpoint, plan: Plan) -> Round {
    let mut sent = send_all(ports, &endpoint, plan.first).await;
    if sent.iter().any(|sent| sent.reply.is_received()) {
        sent.extend(send_all(ports, &endpoint, plan.then).await);
    }
    Round {
        endpoint,
        sent,
        waiting_since: plan.waiting_since,
    }
}

async fn send_all(ports: &Ports, endpoint: &Endpoint, batch: Vec<(Delivery, Event)>) -> Vec<Sent> {
    let calls = batch
        .into_iter()
        .map(|(delivery, event)| send(ports, endpoint, delivery, event));
    join_all(calls).await
}

async fn send(ports: &Ports, endpoint: &Endpoint, delivery: Delivery, event: Event) -> Sent {
    let begun_at = ports.clock.now();
    let message = Message {
        url: endpoint.url.clone(),
        timestamp_s: begun_at.as_seconds(),
        body: body(&event),
        event_id: event.id,
        secrets: endpoint.valid_secrets(begun_at),
    };
    let reply = ports.merchants.send(&message).await;
    let at = ports.clock.now();
    Sent {
        delivery,
        at,
        // A clock that was set back must not make a negative duration.
        took_ms: at.since(begun_at).max(0),
        reply,
    }
}

async fn save(
    ports: &Ports,
    round: Round,
    run: &TaskRun,
    begun_at: Timestamp,
) -> Result<bool, StoreError> {
    let event_ids = round
        .sent
        .iter()
        .map(|sent| sent.delivery.event_id.clone())
        .collect();
    let load = Load {
        endpoints: Some(round.endpoint.mchid.clone()),
        deliveries: Some((round.endpoint.id.clone(), event_ids)),
        ..Load::default()
    };
    let (now, ids, run) = (ports.clock.now(), Arc::clone(&ports.ids), run.clone());
    transact(&*ports.store, load, move |loaded| {
        let mut changes = decide::on_replies(&loaded, &round, &run, now, &*ids);
        let has_time = (0..GO_ON_MS).contains(&now.since(begun_at));
        let goes_on = has_time && decide::keep_lease(&mut changes, now);
        (goes_on, changes)
    })
    .await
}
