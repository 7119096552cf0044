//! The measurement and its report.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::time::WechatTime;
use wechatpay::v3::notification::{Plain, seal};
use wechatpay::v3::{RsaSigner, Signer, text_to_verify};

use crate::Options;
use crate::floor::{self, Floor};
use crate::load::{Connection, post};
use crate::server::{AMOUNT_FEN, API_V3_KEY, APPID, MCHID, OPENID, PLATFORM, Ready, SESSION_TOKEN};
use crate::upstream;

struct Figure {
    count: u64,
    wall: Duration,
    server_cpu: Duration,
}

impl Figure {
    fn per_second(&self) -> f64 {
        self.count as f64 / self.wall.as_secs_f64()
    }

    fn cpu_us(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.count as f64
    }
}

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (merchant, platform) = (
        key(directory.path(), "merchant.pem")?,
        key(directory.path(), "platform.pem")?,
    );
    println!("measuring the floor ...");
    let library = floor::library(&merchant);
    let openssl = floor::openssl()
        .inspect_err(|error| println!("no openssl figure: {error:#}"))
        .ok();
    let signer: Arc<dyn Signer> = Arc::new(RsaSigner::new(PLATFORM, platform));

    let (listener, upstream) = upstream::listen().await?;
    tokio::spawn(upstream::serve(
        listener,
        upstream::prepay_answer(&*signer, unix_now()?),
    ));
    println!(
        "starting the server with {} waiting payments ...",
        options.notifications
    );
    let (mut child, ready) = start(
        directory.path(),
        &format!("http://{upstream}"),
        options.notifications,
    )?;

    println!("signing {} notifications ...", ready.waiting.len());
    let requests = notifications(&ready, &signer).await?;
    println!("sending them ...");
    let notified = deliver(options, &ready, requests, &child).await?;
    // Last, and shorter than the time after which the server asks about an order that nobody pays.
    println!("creating orders for {} s ...", options.seconds);
    let orders = orders(options, &ready, &child).await?;
    drop(child.stdin.take());
    child.wait()?;
    report(library, openssl, &orders, &notified);
    Ok(())
}

fn key(directory: &Path, name: &str) -> anyhow::Result<PrivateKey> {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
    let der: Pkcs8V1Der<'_> = pair.as_der()?;
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der.as_ref());
    let label = "PRIVATE KEY";
    let pem = format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        wrapped(&text)
    );
    std::fs::write(directory.join(name), &pem)?;
    Ok(PrivateKey::from_pem(&pem)?)
}

fn wrapped(text: &str) -> String {
    let lines: Vec<String> = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    lines.join("\n")
}

fn unix_now() -> anyhow::Result<i64> {
    Ok(std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs()
        .try_into()?)
}

fn start(directory: &Path, upstream: &str, waiting: u32) -> anyhow::Result<(Child, Ready)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .args([
            directory.as_os_str(),
            upstream.as_ref(),
            waiting.to_string().as_ref(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("the server's output")?).read_line(&mut line)?;
    let ready = serde_json::from_str(&line).context("the server did not start")?;
    Ok((child, ready))
}

/// User and system time of the server so far.
fn cpu(child: &Child) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let after_name = stat.rsplit_once(')').context("/proc/PID/stat")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|text| text.parse::<u64>().ok());
    let (user, system) = (ticks(11).context("utime")?, ticks(12).context("stime")?);
    // Linux counts in hundredths of a second, whatever the kernel's own frequency (USER_HZ).
    Ok(Duration::from_millis((user + system) * 10))
}

/// Create a payment and ask for its parameters, over and over.
async fn orders(options: &Options, ready: &Ready, child: &Child) -> anyhow::Result<Figure> {
    let counter = Arc::new(AtomicU64::new(0));
    let (begin, cpu_before) = (Instant::now(), cpu(child)?);
    let deadline = begin + Duration::from_secs(options.seconds);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..options.order_connections {
        let (counter, address, api_key) =
            (Arc::clone(&counter), ready.address, ready.api_key.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(address).await?;
            let (bearer, session) = (
                format!("Bearer {api_key}"),
                format!("Bearer {SESSION_TOKEN}"),
            );
            while Instant::now() < deadline {
                let n = counter.fetch_add(1, Ordering::Relaxed);
                order(&mut connection, n, &bearer, &session).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    Ok(Figure {
        count: counter.load(Ordering::Relaxed),
        wall: begin.elapsed(),
        server_cpu: cpu(child)?.saturating_sub(cpu_before),
    })
}

async fn order(
    connection: &mut Connection,
    n: u64,
    bearer: &str,
    session: &str,
) -> anyhow::Result<()> {
    let body = format!(
        r#"{{"order_no":"bench-{n}","amount_fen":{AMOUNT_FEN},"description":"latte","appid":"{APPID}","expires_in_seconds":7200}}"#
    );
    let headers = [
        ("authorization", bearer),
        ("idempotency-key", &format!("bench-{n}")),
    ];
    let created = connection
        .exchange(&post("/v1/payments", &headers, &body))
        .await?;
    ensure!(
        created.status == 201,
        "create answered {} {}",
        created.status,
        created.body
    );
    let created: serde_json::Value = serde_json::from_str(&created.body)?;
    let id = created
        .get("id")
        .and_then(serde_json::Value::as_str)
        .context("an id")?;
    let request = post(
        &format!("/mp/v1/payments/{id}/pay"),
        &[("authorization", session)],
        "{}",
    );
    let paying = connection.exchange(&request).await?;
    ensure!(
        paying.status == 200 && paying.body.contains("paySign"),
        "pay answered {} {}",
        paying.status,
        paying.body
    );
    Ok(())
}

/// One genuine notification for every waiting payment, as complete HTTP requests.
async fn notifications(ready: &Ready, signer: &Arc<dyn Signer>) -> anyhow::Result<Vec<Vec<u8>>> {
    let half = ready.waiting.len().div_ceil(2);
    let mut threads = Vec::new();
    for (part, numbers) in ready.waiting.chunks(half.max(1)).enumerate() {
        let (numbers, signer) = (numbers.to_vec(), Arc::clone(signer));
        threads.push(tokio::task::spawn_blocking(move || {
            let sign =
                |(n, number): (usize, &String)| notification(&*signer, number, part * half + n);
            numbers
                .iter()
                .enumerate()
                .map(sign)
                .collect::<anyhow::Result<Vec<_>>>()
        }));
    }
    let mut all = Vec::new();
    for thread in threads {
        all.extend(thread.await??);
    }
    Ok(all)
}

fn notification(signer: &dyn Signer, out_trade_no: &str, n: usize) -> anyhow::Result<Vec<u8>> {
    let now = unix_now()?;
    let time = WechatTime::from_unix_ms(now * 1000);
    let resource = format!(
        r#"{{"appid":"{APPID}","mchid":"{MCHID}","out_trade_no":"{out_trade_no}","transaction_id":"42000000012026112200{n:08}","trade_type":"JSAPI","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"OTHERS","attach":"","success_time":"{time}","payer":{{"openid":"{OPENID}"}},"amount":{{"total":{AMOUNT_FEN},"payer_total":{AMOUNT_FEN},"currency":"CNY","payer_currency":"CNY"}}}}"#
    );
    let plain = Plain {
        id: &format!("bench-{n}"),
        create_time: &time,
        event_type: "TRANSACTION.SUCCESS",
        original_type: "transaction",
        summary: "支付成功",
        nonce: "Qm7Kx2Vb9TzL",
        associated_data: "transaction",
        resource: &resource,
    };
    let body = String::from_utf8(seal(&ApiV3Key::new(API_V3_KEY)?, &plain)?)?;
    let (timestamp, nonce) = (now.to_string(), format!("{n:032}"));
    let signature = signer.sign(&text_to_verify(&timestamp, &nonce, body.as_bytes()));
    let headers = [
        ("wechatpay-timestamp", timestamp.as_str()),
        ("wechatpay-nonce", &nonce),
        ("wechatpay-signature", &signature),
        ("wechatpay-serial", PLATFORM),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048"),
        ("request-id", "bench-0"),
    ];
    Ok(post(&format!("/wechat/notify/{MCHID}"), &headers, &body))
}

async fn deliver(
    options: &Options,
    ready: &Ready,
    requests: Vec<Vec<u8>>,
    child: &Child,
) -> anyhow::Result<Figure> {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicU64::new(0));
    let mut open = Vec::new();
    for _ in 0..options.connections {
        open.push(Connection::open(ready.address).await?);
    }
    let (begin, cpu_before) = (Instant::now(), cpu(child)?);
    let mut clients = tokio::task::JoinSet::new();
    for mut connection in open {
        let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
        clients.spawn(async move {
            loop {
                let index = usize::try_from(next.fetch_add(1, Ordering::Relaxed))?;
                let Some(request) = requests.get(index) else {
                    return anyhow::Ok(());
                };
                let answer = connection.exchange(request).await?;
                if answer.status != 204 {
                    bail!(
                        "a notification was answered {} {}",
                        answer.status,
                        answer.body
                    );
                }
            }
        });
    }
    while let Some(done) = clients.join_next().await {
        done??;
    }
    let (wall, server_cpu) = (begin.elapsed(), cpu(child)?.saturating_sub(cpu_before));
    Ok(Figure {
        count: requests.len().try_into()?,
        wall,
        server_cpu,
    })
}

fn report(library: Floor, openssl: Option<Floor>, orders: &Figure, notified: &Figure) {
    let row = |name: &str, floor: Floor| {
        println!(
            "  {name:<22} sign {:7.1} us   verify {:6.1} us",
            floor.sign_us, floor.verify_us
        );
    };
    println!("\nfloor, one thread, RSA-2048");
    row("openssl speed", openssl.unwrap_or(library));
    row("the server's library", library);
    let floor = openssl.unwrap_or(library);
    let line = |name: &str, figure: &Figure, floor_us: f64| {
        println!(
            "  {name:<14} {:9.0} /s   server CPU {:7.1} us each   floor {:6.1} us   ratio {:4.2}   ({} in {:.1} s)",
            figure.per_second(),
            figure.cpu_us(),
            floor_us,
            figure.cpu_us() / floor_us,
            figure.count,
            figure.wall.as_secs_f64(),
        );
    };
    println!(
        "\nSQLite, synchronous=FULL, every answer after its commit; load generator on the same machine"
    );
    line("orders", orders, floor.order_us());
    line("notifications", notified, floor.notification_us());
    println!(
        "\nan order: POST /v1/payments and POST /mp/v1/payments/{{id}}/pay; floor: two signatures, one verification"
    );
    println!(
        "a notification: verified, decrypted, compared, committed, 204; floor: one verification"
    );
}
