//! The worker loops, one for each lane: whatever is owed and due is leased and run, whoever left it behind. Recovery after a
//! crash is these loops and nothing else. The lanes share nothing, so a merchant's slow receiver never delays money.

mod housekeeping;

use std::sync::Arc;
use std::time::Duration;

use shouyin_core::ports::{Ports, StoreError};
use shouyin_core::task::{Lane, Task};
use shouyin_core::time::SECOND_MS;
use shouyin_core::worker;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info};

pub(crate) use housekeeping::Housekeeping;
pub use housekeeping::Refresh;

/// How many tasks about money run at once: each is mostly waiting for WeChat.
const MONEY_SLOTS: usize = 64;
/// How many endpoints are delivered to at once: each is mostly waiting for its receiver, and one that never answers keeps its
/// slot for as long as a delivery may take.
const WEBHOOK_SLOTS: usize = 64;
/// How many bills are fetched and compared at once. Each may hold a large file in memory.
const BILL_SLOTS: usize = 2;
/// The loop looks at least this often, in milliseconds: a request may have left a task that is due before the one we sleep for.
const LOOK_EVERY_MS: i64 = SECOND_MS;
/// And at most this often, in milliseconds, so that a task that cannot be leased does not make us spin.
const LOOK_AT_MOST_EVERY_MS: i64 = 20;

/// Runs until `stop`, then finishes the tasks that are running and returns.
/// `news` says that there are events, which are webhooks to send if somebody wants them.
pub(crate) async fn run(
    ports: Ports,
    mut housekeeping: Housekeeping,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    // Whoever makes a task about money runs it at once.
    let no_news = Notify::new();
    let chores = async {
        let look_every = Duration::from_millis(LOOK_EVERY_MS.unsigned_abs());
        while !stop.is_cancelled() {
            housekeeping.start_due(&ports);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(look_every) => {}
            }
        }
        housekeeping.stop().await;
    };
    tokio::join!(
        serve_lane(&ports, Lane::Money, MONEY_SLOTS, &no_news, &stop),
        serve_lane(&ports, Lane::Webhook, WEBHOOK_SLOTS, &news, &stop),
        serve_lane(&ports, Lane::Bill, BILL_SLOTS, &no_news, &stop),
        chores,
    );
}

/// So long after the news of an event its webhooks are looked for, together with those of other events meanwhile.
const PAUSE_AFTER_NEWS: Duration = Duration::from_millis(10);

async fn serve_lane(
    ports: &Ports,
    lane: Lane,
    slots: usize,
    news: &Notify,
    stop: &CancellationToken,
) {
    let mut running: JoinSet<()> = JoinSet::new();
    let mut healthy = true;
    while !stop.is_cancelled() {
        let free = slots.saturating_sub(running.len());
        let wait_ms = match start_due(ports, lane, free, &mut running).await {
            Ok(wait_ms) => {
                if !healthy {
                    info!(?lane, "The database is back; the worker goes on");
                }
                healthy = true;
                wait_ms
            }
            Err(why) => {
                // Once, not once a second: the database may be away for hours.
                if healthy {
                    error!(?lane, error = %why, "The worker cannot read its tasks; it keeps trying");
                }
                healthy = false;
                LOOK_EVERY_MS
            }
        };
        let nap = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(nap) => {}
            // Not at every single event when there are thousands a second.
            () = news.notified() => tokio::time::sleep(PAUSE_AFTER_NEWS).await,
            // A free slot matters only when all were taken.
            Some(_) = running.join_next(), if running.len() >= slots => {}
        }
        while running.try_join_next().is_some() {}
    }
    if !running.is_empty() {
        info!(
            ?lane,
            tasks = running.len(),
            "Waiting for running tasks to finish"
        );
    }
    while running.join_next().await.is_some() {}
}

/// Starts what is due, as far as there are slots, and says how long nothing else will be, in milliseconds.
async fn start_due(
    ports: &Ports,
    lane: Lane,
    free: usize,
    running: &mut JoinSet<()>,
) -> Result<i64, StoreError> {
    if free == 0 {
        return Ok(LOOK_EVERY_MS);
    }
    let due_in_ms = match ports.store.next_due(lane).await? {
        None => return Ok(LOOK_EVERY_MS),
        Some(due) => due.since(ports.clock.now()),
    };
    if due_in_ms > 0 {
        return Ok(due_in_ms.clamp(LOOK_AT_MOST_EVERY_MS, LOOK_EVERY_MS));
    }
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    for task in worker::claim(ports, lane, limit).await? {
        let ports = ports.clone();
        running.spawn(run_one(ports, task));
    }
    // Look again at once: there may be more than there were slots, or one that is due in a moment.
    Ok(LOOK_AT_MOST_EVERY_MS)
}

async fn run_one(ports: Ports, task: Task) {
    let (kind, tries) = (task.key.kind.as_str(), task.tries);
    let subject = task.key.subject.clone();
    debug!(task.kind = kind, task.subject = ?subject, tries, "Running a task");
    // In a task of its own, so that a panic is reported and does not look like success.
    let work = tokio::spawn(async move { worker::run_task(&ports, task).await });
    match work.await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => error!(
            task.kind = kind, task.subject = ?subject, error = %why,
            "A task could not be finished; it is due again when its lease ends"
        ),
        Err(panic) => error!(
            task.kind = kind, task.subject = ?subject, error = %panic,
            "A task panicked; it is due again when its lease ends"
        ),
    }
}
