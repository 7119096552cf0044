//! Incidents and notifications.

use std::sync::Arc;

use shouyin_core::incident::{Incident, IncidentKind};
use shouyin_core::notification::{NotificationEffect, NotificationRecord};
use shouyin_core::ports::{Changes, Store};
use shouyin_core::time::BillDate;

use crate::sample::*;

fn of_incidents(incidents: Vec<Incident>) -> Changes {
    Changes {
        incidents,
        ..Changes::default()
    }
}

fn of_notification(record: NotificationRecord) -> Changes {
    Changes {
        notification: Some(record),
        ..Changes::default()
    }
}

pub(crate) async fn an_incident_is_kept_once(store: Arc<dyn Store>) {
    let first = incident(1, IncidentKind::AmountMismatch);
    let repeated = Incident {
        at: at(99),
        detail: "seen again".into(),
        ..first.clone()
    };
    let twice = vec![first.clone(), repeated.clone()];
    save(&*store, of_incidents(twice)).await.unwrap();
    save(&*store, of_incidents(vec![repeated.clone()]))
        .await
        .unwrap();
    let other_kind = incident(1, IncidentKind::PayerMismatch);
    let other_order = incident(2, IncidentKind::AmountMismatch);
    let news = vec![other_kind.clone(), repeated, other_order.clone()];
    save(&*store, of_incidents(news)).await.unwrap();
    // A refund of the same order is another matter, and another refund yet another.
    let of_refunds = [1, 2].map(|n| Incident {
        out_refund_no: Some(refund_number(n)),
        ..first.clone()
    });
    for _ in 0..2 {
        save(&*store, of_incidents(of_refunds.to_vec()))
            .await
            .unwrap();
    }
    // So is a bill, which need not be about any order.
    let of_bills = ["2026-01-05", "2026-01-06"].map(|date| Incident {
        out_trade_no: None,
        payment_id: None,
        bill_date: BillDate::parse(date),
        ..first.clone()
    });
    for _ in 0..2 {
        save(&*store, of_incidents(of_bills.to_vec()))
            .await
            .unwrap();
    }
    let elsewhere = Incident {
        mchid: other_mchid(),
        payment_id: None,
        ..first.clone()
    };
    save(&*store, of_incidents(vec![elsewhere.clone()]))
        .await
        .unwrap();
    let ours = store.incidents(mchid(), 10).await.unwrap();
    let [refund_1, refund_2] = of_refunds;
    let [bill_1, bill_2] = of_bills;
    assert_eq!(
        ours,
        [
            bill_2.clone(),
            bill_1,
            refund_2,
            refund_1,
            other_order,
            other_kind,
            first
        ]
    );
    let theirs = store.incidents(other_mchid(), 10).await.unwrap();
    assert_eq!(theirs, [elsewhere]);
    let newest = store.incidents(mchid(), 1).await.unwrap();
    assert_eq!(newest, [bill_2]);
}

pub(crate) async fn every_kind_of_incident_is_kept(store: Arc<dyn Store>) {
    let all: Vec<Incident> = IncidentKind::ALL.map(|kind| incident(1, kind)).into();
    save(&*store, of_incidents(all.clone())).await.unwrap();
    let mut stored = store.incidents(mchid(), 20).await.unwrap();
    stored.reverse();
    assert_eq!(stored, all);
}

pub(crate) async fn every_notification_is_kept_as_it_came(store: Arc<dyn Store>) {
    let records = [
        notification(1),
        // WeChat repeats until it is answered 2xx: the same id comes again.
        NotificationRecord {
            effect: NotificationEffect::Known,
            body: Vec::new(),
            ..notification(1)
        },
        NotificationRecord {
            effect: NotificationEffect::Mismatch,
            payment_id: None,
            body: vec![b'x'; 100_000],
            ..notification(2)
        },
        NotificationRecord {
            effect: NotificationEffect::TooEarly,
            event_type: "REFUND.SUCCESS".into(),
            ..notification(3)
        },
        NotificationRecord {
            effect: NotificationEffect::Ignored,
            out_trade_no: None,
            payment_id: None,
            ..notification(4)
        },
    ];
    for record in records.clone() {
        save(&*store, of_notification(record)).await.unwrap();
    }
    let foreign = NotificationRecord {
        mchid: other_mchid(),
        ..notification(5)
    };
    save(&*store, of_notification(foreign)).await.unwrap();
    let mut stored = store.notifications(mchid(), 10).await.unwrap();
    stored.reverse();
    assert_eq!(stored, records);
    let newest = store.notifications(mchid(), 2).await.unwrap();
    assert_eq!(newest, [records[4].clone(), records[3].clone()]);
}
