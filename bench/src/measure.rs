//! The measurement and its report.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use shouyin_wechat::Protocol;
use wechatpay::crypto::PrivateKey;
use wechatpay::v3::{RsaSigner, Signer};

use crate::floor::{self, Floor};
use crate::load::{Connection, post};
use crate::server::{AMOUNT_FEN, APPID, PLATFORM, Ready, SESSION_TOKEN, SIGN_TYPE};
use crate::{Options, message, upstream};

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

/// What was measured of one protocol.
struct Figures {
    orders: Figure,
    notifications: Figure,
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
    let v3 = measure(options, directory.path(), Protocol::V3, &signer).await?;
    let v2 = measure(options, directory.path(), Protocol::V2, &signer).await?;
    report(library, openssl, &v3, &v2);
    Ok(())
}

/// Notifications and orders of one protocol, on a server and a database of their own.
async fn measure(
    options: &Options,
    directory: &Path,
    protocol: Protocol,
    signer: &Arc<dyn Signer>,
) -> anyhow::Result<Figures> {
    let answer = match protocol {
        Protocol::V3 => upstream::prepay_answer(&**signer, unix_now()?),
        Protocol::V2 => upstream::v2_prepay_answer()?,
    };
    let (listener, upstream) = upstream::listen().await?;
    let upstream_task = tokio::spawn(upstream::serve(listener, answer));
    println!(
        "{}: starting the server with {} waiting payments ...",
        protocol.as_str(),
        options.notifications
    );
    let (mut child, ready) = start(
        directory,
        &format!("http://{upstream}"),
        options.notifications,
        protocol,
    )?;

    println!("signing {} notifications ...", ready.waiting.len());
    let requests = message::notifications(&ready, protocol, signer).await?;
    println!("sending them ...");
    let notifications = deliver(options, &ready, protocol, requests, &child).await?;
    // Last, and shorter than the time after which the server asks about an order that nobody pays.
    println!("creating orders for {} s ...", options.seconds);
    let orders = orders(options, &ready, &child).await?;
    drop(child.stdin.take());
    child.wait()?;
    upstream_task.abort();
    Ok(Figures {
        orders,
        notifications,
    })
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

pub(crate) fn unix_now() -> anyhow::Result<i64> {
    Ok(std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs()
        .try_into()?)
}

fn start(
    directory: &Path,
    upstream: &str,
    waiting: u32,
    protocol: Protocol,
) -> anyhow::Result<(Child, Ready)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("--serve")
        .args([
            directory.as_os_str(),
            upstream.as_ref(),
            waiting.to_string().as_ref(),
            protocol.as_str().as_ref(),
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

async fn deliver(
    options: &Options,
    ready: &Ready,
    protocol: Protocol,
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
                ensure!(
                    message::is_accepted(protocol, &answer),
                    "a notification was answered {} {}",
                    answer.status,
                    answer.body
                );
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

fn report(library: Floor, openssl: Option<Floor>, v3: &Figures, v2: &Figures) {
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
    println!(
        "\nSQLite, synchronous=FULL, every answer after its commit; load generator on the same machine"
    );
    let line = |name: &str, figure: &Figure, beside: String| {
        println!(
            "  {name:<17} {:9.0} /s   server CPU {:7.1} us each   {beside}   ({} in {:.1} s)",
            figure.per_second(),
            figure.cpu_us(),
            figure.count,
            figure.wall.as_secs_f64(),
        );
    };
    for (name, v3, v2, floor_us) in [
        ("orders", &v3.orders, &v2.orders, floor.order_us()),
        (
            "notifications",
            &v3.notifications,
            &v2.notifications,
            floor.notification_us(),
        ),
    ] {
        let to_floor = v3.cpu_us() / floor_us;
        let to_floor = format!("floor {floor_us:6.1} us   ratio to it {to_floor:4.2}");
        line(&format!("{name}, v3"), v3, to_floor);
        let to_v3 = v2.cpu_us() / v3.cpu_us();
        line(
            &format!("{name}, v2"),
            v2,
            format!("no RSA            ratio to v3 {to_v3:4.2}"),
        );
    }
    println!(
        "\nan order: POST /v1/payments and POST /mp/v1/payments/{{id}}/pay; floor: two signatures, one verification"
    );
    println!(
        "a notification: verified, decrypted, compared, committed, accepted; floor: one verification"
    );
    println!(
        "v2 is the older protocol: XML, signed with {}",
        SIGN_TYPE.as_str()
    );
}
