//! How many notifications a second one SQLite file takes, with full durability, from many callers at once:
//! load by `out_trade_no`, decide by core's own rules, save payment, attempt, posting, event, its deliveries and
//! notification, delete tasks.
//!
//! ```text
//! cargo run --release -p shouyin-store --example throughput -- [database file] [payments] [callers] [webhook endpoints]
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::event::EventType;
use shouyin_core::id::{
    Appid, EndpointId, Mchid, Openid, OrderNo, OutTradeNo, PaymentId, Route, TransactionId,
};
use shouyin_core::notification::{NotificationEffect, NotificationRecord};
use shouyin_core::payment::decide::on_trade;
use shouyin_core::payment::{Attempt, AttemptState, Payment, PaymentState};
use shouyin_core::policy::Policy;
use shouyin_core::ports::{
    Changes, EndpointChange, Ids, Load, PaymentKey, Store, StoreError, Trade, TradeState, transact,
};
use shouyin_core::product::Product;
use shouyin_core::task::{Subject, Task, TaskChange, TaskKey, TaskKind};
use shouyin_core::webhook::model::{Endpoint, EndpointState};
use shouyin_store::SqliteStore;

/// About as long as a real encrypted notification.
const BODY_BYTES: usize = 1_400;

/// Ids that count; spread over the bits, so that indexes see what random ids would do.
struct Counter(AtomicU64);

impl Ids for Counter {
    fn random(&self) -> u128 {
        let n = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_767_585_784_000 + ms)
}

fn number(n: u32) -> Result<OutTradeNo, Box<dyn std::error::Error + Send + Sync>> {
    Ok(OutTradeNo::parse(format!("019b8c{n:026x}"))?)
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn open_payment(n: u32, ids: &dyn Ids) -> Result<Changes, Failure> {
    let mchid = Mchid::parse("1900000001")?;
    let payer = Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")?;
    let payment = Payment {
        id: PaymentId::fresh(ids, at(i64::from(n))),
        mchid: mchid.clone(),
        appid: Appid::parse("wx1234567890abcdef")?,
        order_no: OrderNo::parse(format!("coffee-{n}"))?,
        amount: Fen::new(1990),
        description: "拿铁一杯".into(),
        attach: None,
        created_at: at(0),
        expires_at: at(7_200_000),
        product: Product::MiniProgram,
        scene: None,
        payer: Some(payer.clone()),
        state: PaymentState::Open,
        attempts: vec![Attempt {
            out_trade_no: number(n)?,
            route: Route::parse("v3")?,
            payer: Some(payer),
            scene: None,
            amount: Fen::new(1990),
            description: "拿铁一杯".into(),
            attach: None,
            expires_at: at(7_200_000),
            state: AttemptState::Open,
            prepay: None,
            created_at: at(0),
            last_sent_at: at(0),
            sends: 1,
            asked_at: None,
            reversing_since: None,
        }],
        refunds: Vec::new(),
    };
    let task = |kind, subject, due_ms| {
        TaskChange::Put(Task {
            key: TaskKey { kind, subject },
            mchid: mchid.clone(),
            due_at: at(due_ms),
            tries: 0,
            lease: None,
        })
    };
    let due = i64::from(n);
    let tasks = vec![
        task(
            TaskKind::ExpirePayment,
            Subject::Payment(payment.id.clone()),
            7_200_000 + due,
        ),
        task(
            TaskKind::QueryAttempt,
            Subject::Attempt(payment.id.clone(), number(n)?),
            5_000 + due,
        ),
    ];
    Ok(Changes {
        payment: Some(payment),
        tasks,
        ..Changes::default()
    })
}

fn endpoint(n: u32, ids: &dyn Ids) -> Result<Endpoint, Failure> {
    Ok(Endpoint {
        id: EndpointId::fresh(ids, at(0)),
        mchid: Mchid::parse("1900000001")?,
        url: format!("https://shop.example/{n}"),
        description: String::new(),
        event_types: vec![EventType::PaymentPaid],
        secrets: Vec::new(),
        state: EndpointState::Enabled,
        created_at: at(0),
        failing_since: None,
    })
}

async fn notify(store: &dyn Store, n: u32, ids: Arc<Counter>) -> Result<(), Failure> {
    let mchid = Mchid::parse("1900000001")?;
    let trade = Trade {
        mchid: mchid.to_string(),
        appid: "wx1234567890abcdef".into(),
        out_trade_no: number(n)?,
        state: TradeState::Success,
        transaction_id: Some(TransactionId::parse(format!("42000000012026{n:014}"))?),
        trade_type: Some("JSAPI".into()),
        success_at: Some(at(3_000)),
        total: Some(Fen::new(1990)),
        payer_total: Some(Fen::new(1990)),
        currency: Some("CNY".into()),
        payer: Some(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")?),
    };
    let record = NotificationRecord {
        mchid: mchid.clone(),
        wechat_id: format!("EV-2018022511223320{n:08}"),
        event_type: "TRANSACTION.SUCCESS".into(),
        out_trade_no: Some(trade.out_trade_no.clone()),
        payment_id: None,
        received_at: at(3_100),
        serial: "5157F09EFDC096DE15EBE81A47057A7200000000".into(),
        effect: NotificationEffect::Applied,
        body: vec![b'x'; BODY_BYTES],
    };
    let load = Load {
        payment: Some(PaymentKey::OutTradeNo(mchid, trade.out_trade_no.clone())),
        ..Load::default()
    };
    // Ten a millisecond, so that event ids are as close in time as they would be.
    let now = at(3_100 + i64::from(n / 10));
    let is_paid = transact(store, load, move |loaded| {
        let decided = loaded.payment.map(|payment| {
            let record = NotificationRecord {
                payment_id: Some(payment.id.clone()),
                ..record
            };
            on_trade(&payment, &trade, Policy::default(), now, &*ids).map(|changes| Changes {
                notification: Some(record),
                ..changes
            })
        });
        match decided {
            Some(Ok(changes)) => (changes.events.len() == 1, changes),
            Some(Err(_)) | None => (false, Changes::default()),
        }
    })
    .await?;
    if is_paid {
        Ok(())
    } else {
        Err("a notification did not make its payment paid".into())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "measuring is what this program is for"
)]
fn now() -> Instant {
    Instant::now()
}

/// Spreads `0..payments` over the callers; returns how long each request took, sorted, and all of them together.
async fn in_parallel<F>(
    payments: u32,
    callers: u32,
    request: impl Fn(u32) -> F + Clone + Send + 'static,
) -> Result<(Vec<Duration>, Duration), Failure>
where
    F: Future<Output = Result<(), Failure>> + Send,
{
    let start = now();
    let mut running = tokio::task::JoinSet::new();
    for caller in 0..callers {
        let request = request.clone();
        running.spawn(async move {
            let mut times = Vec::new();
            let mut n = caller;
            while n < payments {
                let start = now();
                request(n).await?;
                times.push(start.elapsed());
                n += callers;
            }
            Ok::<_, Failure>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(finished) = running.join_next().await {
        times.extend(finished??);
    }
    times.sort();
    Ok((times, start.elapsed()))
}

fn report(what: &str, times: &[Duration], total: Duration) {
    let count = u128::try_from(times.len()).unwrap_or(0);
    let rate = count * 1_000_000 / total.as_micros().max(1);
    let percentile = |p: usize| {
        times
            .get(times.len() * p / 100)
            .copied()
            .unwrap_or_default()
    };
    println!(
        "{what}: {count} in {total:.2?}, {rate} a second; p50 {:.2?}, p99 {:.2?}",
        percentile(50),
        percentile(99)
    );
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "throughput.db".into());
    let payments = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let callers = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let store = Arc::new(SqliteStore::open(&path)?);
    let ids = Arc::new(Counter(AtomicU64::new(1)));
    let endpoints = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let changes = Changes {
        endpoints: (0..endpoints)
            .map(|n| endpoint(n, &*ids).map(EndpointChange::Put))
            .collect::<Result<_, _>>()?,
        ..Changes::default()
    };
    transact(&*store, Load::default(), move |_| ((), changes)).await?;

    let (creating, counter) = (Arc::clone(&store), Arc::clone(&ids));
    let (times, total) = in_parallel(payments, callers, move |n| {
        let changes = open_payment(n, &*counter);
        let store = Arc::clone(&creating);
        async move {
            let changes = changes?;
            transact(&*store, Load::default(), move |_| ((), changes)).await?;
            Ok(())
        }
    })
    .await?;
    report("payments made", &times, total);

    let notified = Arc::clone(&store);
    let (times, total) = in_parallel(payments, callers, move |n| {
        let (store, ids) = (Arc::clone(&notified), Arc::clone(&ids));
        async move { notify(&*store, n, ids).await }
    })
    .await?;
    report("notifications", &times, total);

    let reading = Arc::clone(&store);
    let (times, total) = in_parallel(payments, callers, move |n| {
        let store = Arc::clone(&reading);
        async move {
            let key = PaymentKey::OutTradeNo(Mchid::parse("1900000001")?, number(n)?);
            let found = store.payment(key).await?;
            found.map(|_| ()).ok_or_else(|| {
                StoreError::Corrupt("a payment that was saved is gone".into()).into()
            })
        }
    })
    .await?;
    report("payments read", &times, total);
    store.close()?;
    Ok(())
}
