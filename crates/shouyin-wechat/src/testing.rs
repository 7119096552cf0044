//! A WeChat that says one thing, a clock that stands, and keys that cost nothing.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::ports::{BoxFuture, Clock};
use wechatpay::crypto::ApiV3Key;
use wechatpay::text;
use wechatpay::v3::{
    self, KeyRing, RawResponse, SignedRequest, Signer, Transport, TransportError, VerifyingKey,
    notification, signature_headers,
};

pub(crate) const NOW_MS: i64 = 1_767_585_785_000;
pub(crate) const MCHID: &str = "1900000001";
pub(crate) const OTHER: &str = "1900000002";
const KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";

pub(crate) fn mchid(text: &str) -> Mchid {
    Mchid::parse(text).unwrap()
}

/// Signs with a mark that anybody could make: what is tested here is not cryptography.
#[derive(Debug)]
struct Mark;

fn mark(text: &[u8]) -> String {
    format!("mark-{}", text.len())
}

impl Signer for Mark {
    fn serial_no(&self) -> &str {
        "F00D"
    }
    fn sign(&self, text: &[u8]) -> String {
        mark(text)
    }
}

impl VerifyingKey for Mark {
    fn verify(&self, text: &[u8], signature: &str) -> bool {
        mark(text) == signature
    }
}

pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) type Scripted = Result<RawResponse, TransportError>;

/// WeChat: says the same thing until it is told to say another.
#[derive(Default)]
pub(crate) struct Script {
    answer: Mutex<Option<Scripted>>,
    asked: Mutex<Vec<SignedRequest>>,
}

impl Script {
    pub(crate) fn says(&self, answer: Scripted) {
        *self.answer.lock().unwrap() = Some(answer);
    }

    /// From now on calls are taken and never answered.
    pub(crate) fn falls_silent(&self) {
        *self.answer.lock().unwrap() = None;
    }

    pub(crate) fn asked(&self) -> Vec<SignedRequest> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Transport for Script {
    fn send<'a>(&'a self, request: &'a SignedRequest) -> BoxFuture<'a, Scripted> {
        self.asked.lock().unwrap().push(request.clone());
        match self.answer.lock().unwrap().clone() {
            Some(answer) => Box::pin(async move { answer }),
            None => Box::pin(std::future::pending()),
        }
    }
}

pub(crate) fn signed(status: u16, body: &str) -> Scripted {
    Ok(RawResponse {
        status,
        headers: signature_headers(&Mark, NOW_MS / 1000, "n", body.as_bytes()),
        body: body.as_bytes().to_vec(),
    })
}

pub(crate) fn no_answer() -> Scripted {
    Err(TransportError::NoAnswer("timed out".into()))
}

/// A merchant, WeChat as it sees it, and the time.
pub(crate) struct Desk {
    pub(crate) script: Arc<Script>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) keys: Arc<KeyRing>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let keys = Arc::new(KeyRing::new());
        keys.insert("F00D", Arc::new(Mark));
        Self {
            script: Arc::default(),
            clock: Arc::new(TestClock(AtomicI64::new(NOW_MS))),
            keys,
        }
    }

    pub(crate) fn account(&self, number: &str) -> (Mchid, crate::MerchantAccount) {
        let account = v3::Account {
            mchid: text::Mchid::parse(number).unwrap(),
            signer: Arc::new(Mark),
            keys: Arc::clone(&self.keys),
            api_v3_key: Some(ApiV3Key::new(KEY).unwrap()),
            request_serial: None,
        };
        let transport: Arc<dyn Transport> = self.script.clone();
        let client = v3::Client::new(
            account,
            transport,
            // Answers are signed at one time, however long the test goes on.
            Arc::new(|| NOW_MS / 1000),
            Arc::new(|| "n".to_owned()),
        );
        let account = crate::MerchantAccount {
            protocols: client.into(),
            apps: [(
                Appid::parse("wx1111222233334444").unwrap(),
                crate::AppKind::MiniProgram,
            )]
            .into(),
            v3_codes: false,
            h5_site: None,
            notify_url: text::NotifyUrl::parse("https://pay.example.com/wechat/notify").unwrap(),
        };
        (mchid(number), account)
    }

    /// Two merchants, with limits and breakers on.
    pub(crate) fn acquirer(&self) -> crate::WechatAcquirer {
        crate::WechatAcquirer::new([self.account(MCHID), self.account(OTHER)])
            .with_clock(self.clock.clone())
    }
}

/// A notification as WeChat sends it: headers and body.
pub(crate) fn notification(
    event_type: &str,
    original_type: &str,
    resource: &str,
) -> (Vec<(String, String)>, Vec<u8>) {
    let plain = notification::Plain {
        id: "EV-2026010514000900001",
        create_time: &wechatpay::time::WechatTime::from_unix_ms(NOW_MS),
        event_type,
        original_type,
        summary: "..",
        nonce: "14b16c03dc1b",
        associated_data: original_type,
        resource,
    };
    let body = notification::seal(&ApiV3Key::new(KEY).unwrap(), &plain).unwrap();
    (signature_headers(&Mark, NOW_MS / 1000, "n", &body), body)
}
