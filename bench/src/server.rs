//! The measured server: the real one on SQLite, in a process of its own so that its CPU time can be read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use fen::Fen;
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use shouyin_core::id::{Appid, Mchid, Openid, OrderNo, PrepayId};
use shouyin_core::outcome::Outcome;
use shouyin_core::payment::decide::{Asker, NewPayment, PayDecision, create, on_prepay, pay};
use shouyin_core::ports::{
    BoxFuture, Changes, Clock, Ids, Load, Ports, Store, WebhookSender, transact,
};
use shouyin_core::product::{Handle, Product};
use shouyin_core::session::{SESSION_MS, Session};
use shouyin_core::webhook::model::{Message, Reply};
use shouyin_server::config::Limits;
use shouyin_server::{ExchangeError, LoginPort, Parts, Server, SystemClock, SystemIds};
use shouyin_store::SqliteStore;
use shouyin_wechat::{AppKind, MerchantAccount, Protocol, Protocols, V2, WechatAcquirer};
use wechatpay::crypto::{ApiV3Key, PrivateKey};
use wechatpay::v2::{self, ApiKey, SignType};
use wechatpay::v3::http::{HttpOptions, HttpTransport};
use wechatpay::v3::{self, KeyRing, RsaSigner, Signer, random_nonce};
use wechatpay::{text, v3::Transport};

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const APPID: &str = "wx1111222233334444";
pub(crate) const API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";
pub(crate) const API_V2_KEY: &str = "0123456789abcdef0123456789ABCDEF";
/// What a merchant signs with in the older protocol unless it says otherwise.
pub(crate) const SIGN_TYPE: SignType = SignType::HmacSha256;
pub(crate) const PLATFORM: &str = "PUB_KEY_ID_0000000000000000000000000000000001";
pub(crate) const OPENID: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";
pub(crate) const SESSION_TOKEN: &str = "bench-session-token";
pub(crate) const AMOUNT_FEN: i64 = 1990;

/// Told by the child on its standard output when it is ready.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) address: std::net::SocketAddr,
    pub(crate) api_key: String,
    /// Orders waiting to be paid, for the notification benchmark.
    pub(crate) waiting: Vec<String>,
}

#[derive(Debug)]
struct NoLogin;

impl LoginPort for NoLogin {
    fn exchange<'a>(
        &'a self,
        _: &'a Appid,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Openid, ExchangeError>> {
        Box::pin(async { Err(ExchangeError::UnknownApp) })
    }
}

/// Nobody wants webhooks during a measurement.
#[derive(Debug)]
struct NoMerchants;

impl WebhookSender for NoMerchants {
    fn accepts(&self, _: &str) -> Result<(), String> {
        Err("there are no webhooks here".into())
    }

    fn send<'a>(&'a self, _: &'a Message) -> BoxFuture<'a, Reply> {
        Box::pin(async {
            Reply::None {
                reason: "there are no webhooks here".into(),
            }
        })
    }
}

/// The protocol of this name.
pub(crate) fn protocol(name: &str) -> anyhow::Result<Protocol> {
    [Protocol::V3, Protocol::V2]
        .into_iter()
        .find(|protocol| protocol.as_str() == name)
        .with_context(|| format!("there is no protocol {name}"))
}

/// Serves until its standard input closes.
pub(crate) async fn serve(
    directory: &Path,
    upstream: &str,
    waiting: u32,
    protocol: Protocol,
) -> anyhow::Result<()> {
    let file = format!("bench-{}.db", protocol.as_str());
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(directory.join(file))?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let ids: Arc<dyn Ids> = Arc::new(SystemIds::new());
    let account = account(directory, upstream, &clock, protocol)?;
    let acquirer = WechatAcquirer::new([(Mchid::parse(MCHID)?, account)]);
    let ports = Ports {
        store,
        acquirer: Arc::new(acquirer),
        clock,
        ids,
        merchants: Arc::new(NoMerchants),
        policies: Arc::default(),
    };
    let api_key = prepare(&ports).await?;
    let numbers = open_payments(&ports, waiting).await?;

    let apps = BTreeMap::from([(Mchid::parse(MCHID)?, vec![Appid::parse(APPID)?])]);
    let mut parts = Parts::new(ports, Arc::new(NoLogin), apps);
    // The load comes from one merchant, which may ask for as much as there is.
    parts.limits = Limits {
        requests_per_second: 0,
        burst: 0,
        concurrent: 100_000,
    };
    let server = Server::build(parts);
    let listener = shouyin_server::bind(([127, 0, 0, 1], 0).into()).await?;
    let ready = Ready {
        address: listener.local_addr()?,
        api_key,
        waiting: numbers,
    };
    println!("{}", serde_json::to_string(&ready)?);
    let parent_gone = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin()));
    server
        .serve(listener, async {
            drop(parent_gone.await);
        })
        .await;
    Ok(())
}

fn account(
    directory: &Path,
    upstream: &str,
    clock: &Arc<dyn Clock>,
    protocol: Protocol,
) -> anyhow::Result<MerchantAccount> {
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(HttpOptions::at(upstream))?);
    let clock = Arc::clone(clock);
    let seconds: v3::Clock = Arc::new(move || clock.now().as_seconds());
    let protocols = match protocol {
        Protocol::V3 => v3_client(directory, transport, seconds)?.into(),
        Protocol::V2 => Protocols::v2(V2 {
            client: v2_client(transport)?,
            clock: seconds,
        }),
    };
    Ok(MerchantAccount {
        protocols,
        apps: [(Appid::parse(APPID)?, AppKind::MiniProgram)].into(),
        v3_codes: false,
        h5_site: None,
        notify_url: text::NotifyUrl::parse("https://pay.example.com/wechat/notify/1900000001")?,
    })
}

fn v3_client(
    directory: &Path,
    transport: Arc<dyn Transport>,
    seconds: v3::Clock,
) -> anyhow::Result<v3::Client> {
    let pem = |name: &str| std::fs::read_to_string(directory.join(name)).context(name.to_owned());
    let keys = KeyRing::new();
    keys.insert_public_key(
        PLATFORM,
        PrivateKey::from_pem(&pem("platform.pem")?)?.public_key(),
    );
    let signer: Arc<dyn Signer> = Arc::new(RsaSigner::new(
        "BENCH",
        PrivateKey::from_pem(&pem("merchant.pem")?)?,
    ));
    let account = v3::Account {
        mchid: text::Mchid::parse(MCHID)?,
        signer,
        keys: Arc::new(keys),
        api_v3_key: Some(ApiV3Key::new(API_V3_KEY)?),
        request_serial: Some(PLATFORM.into()),
    };
    let nonces = Arc::new(random_nonce);
    Ok(v3::Client::new(account, transport, seconds, nonces))
}

/// Without a certificate: nothing is refunded here.
fn v2_client(transport: Arc<dyn Transport>) -> anyhow::Result<v2::Client> {
    let account = v2::Account {
        mchid: text::Mchid::parse(MCHID)?,
        key: ApiKey::parse(API_V2_KEY)?,
        sign_type: SIGN_TYPE,
    };
    let nonces = Arc::new(random_nonce);
    Ok(v2::Client::new(account, transport, None, nonces))
}

async fn prepare(ports: &Ports) -> anyhow::Result<String> {
    let now = ports.clock.now();
    let (api_key, record) =
        shouyin_server::new_api_key(Mchid::parse(MCHID)?, "bench", &*ports.ids, now);
    ports.store.put_api_key(record).await?;
    let session = Session {
        token_hash: hex::encode(aws_lc_rs::digest::digest(
            &aws_lc_rs::digest::SHA256,
            SESSION_TOKEN.as_bytes(),
        )),
        appid: Appid::parse(APPID)?,
        openid: Openid::parse(OPENID)?,
        code_hash: "bench".into(),
        created_at: now,
        expires_at: now.plus_ms(SESSION_MS),
    };
    ports.store.put_session(session).await?;
    Ok(api_key)
}

/// Payments whose payer is at the cashier, made through the real rules.
async fn open_payments(ports: &Ports, count: u32) -> anyhow::Result<Vec<String>> {
    let mut numbers = Vec::new();
    let mut saving = futures_util::stream::FuturesUnordered::new();
    for n in 0..count {
        let (changes, number) = open_payment(ports, n)?;
        numbers.push(number);
        saving.push(transact(&*ports.store, Load::default(), move |_| {
            ((), changes)
        }));
        if saving.len() >= 256 {
            saving.next().await.transpose()?;
        }
    }
    while let Some(saved) = saving.next().await {
        saved?;
    }
    Ok(numbers)
}

fn open_payment(ports: &Ports, n: u32) -> anyhow::Result<(Changes, String)> {
    let (now, ids) = (ports.clock.now(), &*ports.ids);
    let new = NewPayment {
        mchid: Mchid::parse(MCHID)?,
        appid: Appid::parse(APPID)?,
        product: Product::MiniProgram,
        order_no: OrderNo::parse(format!("waiting-{n}"))?,
        amount: Fen::new(AMOUNT_FEN),
        description: "拿铁".into(),
        attach: None,
        expires_in_ms: 3_600_000,
    };
    let (created, mut first) = create(None, &new, now, ids)?;
    let (decision, sent) = pay(
        &created.payment,
        &Asker::Payer {
            appid: new.appid.clone(),
            openid: Openid::parse(OPENID)?,
        },
        &ports.acquirer.route(&new.mchid, new.product),
        now,
        ids,
    );
    let PayDecision::Send { order, run } = decision else {
        anyhow::bail!("a new payment can be paid")
    };
    let sent = sent.payment.context("an attempt was recorded")?;
    let prepay_id = PrepayId::parse(crate::upstream::PREPAY_ID)?;
    let answered = on_prepay(
        &sent,
        &order.out_trade_no,
        &Outcome::Succeeded(Handle::PrepayId(prepay_id)),
        &run,
        now,
        ids,
    );
    // The first query is left out: it would ask the upstream during the measurement.
    first.payment = answered.payment;
    first.tasks.clear();
    Ok((first, order.out_trade_no.to_string()))
}
