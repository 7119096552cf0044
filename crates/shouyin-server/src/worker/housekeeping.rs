//! What is done by the clock, not because a payment owes it: ended sessions are deleted, platform certificates are fetched, and a merchant's first day is
//! owed to reconciliation.

use std::sync::Arc;

use shouyin_core::Timestamp;
use shouyin_core::id::Mchid;
use shouyin_core::ports::{BoxFuture, Ports, StoreError};
use shouyin_core::reconciliation;
use shouyin_core::time::{HOUR_MS, MINUTE_MS};
use tokio::task::JoinSet;
use tracing::{info, warn};

/// Fetches the platform certificates of one merchant. The text of an error is for the log.
///
/// The keys WeChat signs with change a few times in ten years, announced weeks ahead; an hour is early enough.
pub type Refresh = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

const EVERY_MS: i64 = HOUR_MS;
/// After a failure the keys are asked for sooner, in milliseconds: without them nothing of WeChat's can be verified.
const AFTER_FAILURE_MS: i64 = MINUTE_MS;

/// The clock-driven chores, each started when its time has come and never twice at once.
pub(crate) struct Housekeeping {
    sessions_at: Option<Timestamp>,
    /// Whose first day is to be owed, and when to try.
    merchants: Vec<Mchid>,
    days_at: Option<Timestamp>,
    refreshes: Vec<(Refresh, RefreshState)>,
    running: JoinSet<Done>,
}

enum RefreshState {
    Running,
    Due(Option<Timestamp>),
}

enum Done {
    Sessions,
    Days,
    Refresh { index: usize, next: Timestamp },
}

impl Housekeeping {
    /// Everything is due at once after a start.
    pub(crate) fn new(refreshes: Vec<Refresh>, merchants: Vec<Mchid>) -> Self {
        Self {
            sessions_at: None,
            merchants,
            days_at: None,
            refreshes: refreshes
                .into_iter()
                .map(|refresh| (refresh, RefreshState::Due(None)))
                .collect(),
            running: JoinSet::new(),
        }
    }

    /// Starts what is due, beside the worker loop.
    pub(crate) fn start_due(&mut self, ports: &Ports) {
        self.collect();
        let now = ports.clock.now();
        if self.sessions_at.is_none_or(|at| now >= at) {
            self.sessions_at = Some(now.plus_ms(EVERY_MS));
            let ports = ports.clone();
            self.running.spawn(async move {
                delete_ended_sessions(&ports).await;
                Done::Sessions
            });
        }
        if !self.merchants.is_empty() && self.days_at.is_none_or(|at| now >= at) {
            // Every hour, in case that the database was away.
            self.days_at = Some(now.plus_ms(EVERY_MS));
            let (ports, merchants) = (ports.clone(), self.merchants.clone());
            self.running.spawn(async move {
                if let Err(why) = owe_days(&ports, &merchants).await {
                    warn!(error = %why, "Bills could not be put on the list of what is owed; trying again in an hour");
                }
                Done::Days
            });
        }
        for (index, (refresh, state)) in self.refreshes.iter_mut().enumerate() {
            let RefreshState::Due(at) = state else {
                continue;
            };
            if at.is_some_and(|at| now < at) {
                continue;
            }
            *state = RefreshState::Running;
            let (work, clock) = (refresh(), Arc::clone(&ports.clock));
            self.running.spawn(async move {
                let wait_ms = match work.await {
                    Ok(()) => EVERY_MS,
                    Err(why) => {
                        warn!(
                            error = why,
                            "Platform certificates could not be fetched; trying again in a minute"
                        );
                        AFTER_FAILURE_MS
                    }
                };
                Done::Refresh {
                    index,
                    next: clock.now().plus_ms(wait_ms),
                }
            });
        }
    }

    fn collect(&mut self) {
        while let Some(done) = self.running.try_join_next() {
            match done {
                Ok(Done::Sessions | Done::Days) => {}
                Ok(Done::Refresh { index, next }) => {
                    if let Some((_, state)) = self.refreshes.get_mut(index) {
                        *state = RefreshState::Due(Some(next));
                    }
                }
                Err(panic) => warn!(error = %panic, "A chore panicked"),
            }
        }
    }

    /// Waits for what is running.
    pub(crate) async fn stop(mut self) {
        // Fetching keys may be cut off at any point; deleting is one statement that ends by itself.
        self.running.shutdown().await;
    }
}

/// Once in a merchant's life it does something: each day owes the next one.
async fn owe_days(ports: &Ports, merchants: &[Mchid]) -> Result<(), StoreError> {
    for mchid in merchants {
        reconciliation::service::start(ports, mchid).await?;
    }
    Ok(())
}

async fn delete_ended_sessions(ports: &Ports) {
    match ports.store.delete_ended_sessions(ports.clock.now()).await {
        Ok(0) => {}
        Ok(count) => info!(count, "Deleted ended sessions"),
        Err(why) => {
            warn!(error = %why, "Ended sessions could not be deleted; trying again in an hour")
        }
    }
}
