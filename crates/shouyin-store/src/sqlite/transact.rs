//! Load, decide, save.

use rusqlite::Connection;
use shouyin_core::payment::Payment;
use shouyin_core::ports::{Changes, Decide, Load, Loaded, StoreError};

use super::error::DbError;
use super::{
    delivery, endpoint, event, idempotency, incident, ledger, notification, payment,
    reconciliation, task,
};

/// Runs inside the writer's transaction, which is the lock of every row. The decision runs once; when the rest has to run
/// again because of a neighbour in the transaction, its changes are saved again.
pub(super) fn transaction(
    load: Load,
    decide: Decide,
) -> impl FnMut(&Connection) -> Result<(), DbError> + Send {
    let mut decide = Some(decide);
    let mut decided: Option<(Option<Payment>, Changes)> = None;
    move |conn| {
        if let Some(decide) = decide.take() {
            let loaded = find(conn, &load)?;
            let before = loaded.payment.clone();
            decided = Some((before, decide(loaded)));
        }
        match &decided {
            Some((before, changes)) => save(conn, before.as_ref(), changes),
            None => {
                Err(StoreError::Corrupt("a decision that broke off was run again".into()).into())
            }
        }
    }
}

fn find(conn: &Connection, load: &Load) -> Result<Loaded, DbError> {
    Ok(Loaded {
        payment: match &load.payment {
            Some(key) => payment::load(conn, key)?,
            None => None,
        },
        idempotency: match &load.idempotency {
            Some((mchid, key)) => idempotency::load(conn, mchid, key)?,
            None => None,
        },
        endpoints: match &load.endpoints {
            Some(mchid) => endpoint::of_merchant(conn, mchid)?,
            None => Vec::new(),
        },
        deliveries: match &load.deliveries {
            Some((id, events)) => delivery::load(conn, id, events)?,
            None => Vec::new(),
        },
        next_delivery_due: match &load.deliveries {
            Some((id, events)) => delivery::next_due(conn, id, events)?,
            None => None,
        },
        reconciliation: match &load.reconciliation {
            Some((mchid, date)) => reconciliation::load(conn, mchid, *date)?,
            None => None,
        },
    })
}

fn save(conn: &Connection, before: Option<&Payment>, changes: &Changes) -> Result<(), DbError> {
    if let Some(after) = &changes.payment {
        payment::save(conn, before, after)?;
    }
    for posting in &changes.postings {
        ledger::insert(conn, posting)?;
    }
    for change in &changes.endpoints {
        endpoint::apply(conn, change)?;
    }
    for event in &changes.events {
        event::insert(conn, event)?;
    }
    endpoint::fan_out_events(conn, &changes.events)?;
    for change in &changes.deliveries {
        delivery::apply(conn, change)?;
    }
    for attempt in &changes.delivery_attempts {
        delivery::log(conn, attempt)?;
    }
    for change in &changes.tasks {
        task::apply(conn, change)?;
    }
    if let Some(record) = &changes.notification {
        notification::insert(conn, record)?;
    }
    for incident in &changes.incidents {
        incident::insert_once(conn, incident)?;
    }
    for day in &changes.reconciliations {
        reconciliation::put(conn, day)?;
    }
    for line in &changes.bill_lines {
        reconciliation::insert_line(conn, line)?;
    }
    for difference in &changes.differences {
        reconciliation::put_difference(conn, difference)?;
    }
    if let Some(record) = &changes.idempotency {
        idempotency::insert(conn, record)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use shouyin_core::Timestamp;
    use shouyin_core::id::{Mchid, PaymentId};
    use shouyin_core::task::{Subject, Task, TaskChange, TaskKey, TaskKind};

    use super::*;
    use crate::sqlite::job::job;
    use crate::sqlite::{open, writer};

    fn owing(n: u32) -> Changes {
        let key = TaskKey {
            kind: TaskKind::ExpirePayment,
            subject: Subject::Payment(PaymentId::parse(format!("pay_{n:032x}")).unwrap()),
        };
        let task = Task {
            key,
            mchid: Mchid::parse("1900000001").unwrap(),
            due_at: Timestamp::from_millis(0),
            tries: 0,
            lease: None,
        };
        Changes {
            tasks: vec![TaskChange::Put(task)],
            ..Changes::default()
        }
    }

    #[test]
    fn a_decision_runs_once_though_its_transaction_starts_again() {
        let conn = open::memory().unwrap();
        let runs = Arc::new(AtomicU32::new(0));
        let decide = |n, breaks_off: bool| -> Decide {
            let runs = Arc::clone(&runs);
            Box::new(move |_| {
                runs.fetch_add(1, Ordering::SeqCst);
                assert!(!breaks_off, "this panic is part of a test");
                owing(n)
            })
        };
        let works = [(1, false), (2, true), (3, false)];
        let works = works.map(|(n, breaks_off)| decide(n, breaks_off));
        let (mut jobs, mut answers) = (Vec::new(), Vec::new());
        for work in works {
            let (job, answer) = job(transaction(Load::default(), work));
            jobs.push(job);
            answers.push(answer);
        }
        let mut jobs = jobs.into_iter();
        writer::batch(&conn, jobs.next().unwrap(), || jobs.next());
        let is_ok = answers.iter_mut().map(|a| a.try_recv().unwrap().is_ok());
        assert_eq!(is_ok.collect::<Vec<_>>(), [true, false, true]);
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        let count = "select count(*) from task";
        let stored: u32 = conn.query_row(count, [], |row| row.get(0)).unwrap();
        assert_eq!(stored, 2);
    }
}
