//! A desk with a simulator and a server, each in its own process.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A generous limit for what takes milliseconds: only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A merchant with a mini program and nothing else.
const ONE_APP: &str = r#"
[[merchants]]
mchid = "1900000001"
appids = ["wx1111222233334444"]
MORE
KEYS
[[apps]]
appid = "wx1111222233334444"
app_secret_file = "mini_program_secret.txt"
"#;

/// Kills its process when dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts the executable and waits until it says `ready` on its standard output.
    pub(crate) fn start(arguments: &[&str], ready: &str) -> Self {
        let mut child = shouyin(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let seen = lines.any(|line| line.unwrap().contains(ready));
        // Goes on reading, so that the process can go on writing.
        std::thread::spawn(move || lines.for_each(drop));
        assert!(seen, "{arguments:?} ended before it was ready");
        Self(child)
    }

    /// SIGKILL: nothing can be saved, answered or said any more.
    pub(crate) fn kill_9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            eprintln!("a process was gone already: {error}");
        }
    }
}

pub(crate) fn shouyin(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shouyin"));
    command.args(arguments).env("RUST_LOG", "warn");
    command
}

pub(crate) struct Desk {
    folder: TempDir,
    address: String,
    merchant: Value,
    http: reqwest::Client,
    _simulator: Process,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::make(&ONE_APP.replace("MORE", ""))
    }

    /// The server also fetches WeChat's platform certificates.
    pub(crate) fn with_platform_certificates() -> Self {
        Self::make(&ONE_APP.replace("MORE", "platform_certificates = true"))
    }

    /// `blocks` are `[[merchants]]`, which ends with the line `KEYS`, and `[[apps]]`, whose appids are those of the documentation; their
    /// secrets are in `mini_program_secret.txt` and `official_account_secret.txt`.
    pub(crate) fn make(blocks: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let simulator = Process::start(
            &[
                "simulator",
                "--listen",
                "127.0.0.1:0",
                "--out",
                keys.to_str().unwrap(),
            ],
            "merchant files",
        );
        let merchant: Value =
            serde_json::from_str(&std::fs::read_to_string(keys.join("merchant.json")).unwrap())
                .unwrap();
        // The server must keep its address over a restart, so it cannot pick one itself.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let desk = Self {
            folder,
            address,
            merchant,
            http: client(),
            _simulator: simulator,
        };
        desk.write_config(&keys, blocks);
        desk
    }

    fn write_config(&self, keys: &Path, blocks: &str) {
        let text = |pointer: &str| self.merchant.pointer(pointer).unwrap().as_str().unwrap();
        for (file, pointer) in [
            ("keys/apiv3_key.txt", "/apiv3_key"),
            ("mini_program_secret.txt", "/app_secret"),
            (
                "official_account_secret.txt",
                "/official_account/app_secret",
            ),
        ] {
            std::fs::write(self.folder.path().join(file), text(pointer)).unwrap();
        }
        assert!(keys.starts_with(self.folder.path()));
        let keys = format!(
            r#"
serial_no = "{serial}"
private_key_file = "keys/apiclient_key.pem"
api_v3_key_file = "keys/apiv3_key.txt"
public_key_id = "{public_key_id}"
public_key_file = "keys/pub_key.pem"
"#,
            serial = text("/serial_no"),
            public_key_id = text("/public_key_id"),
        );
        let config = format!(
            r#"
listen = "{address}"
data_dir = "data"
public_url = "http://{address}"
[wechat]
pay_base_url = "{pay}"
pay_secondary_url = ""
api_base_url = "{api}"
pages_base_url = "{api}"
{blocks}
"#,
            address = self.address,
            pay = text("/pay_base_url"),
            api = text("/api_base_url"),
            blocks = self.with_real_appids(blocks).replace("KEYS", &keys),
        );
        std::fs::write(self.config(), config).unwrap();
    }

    /// The text with the simulator's appids in place of the documentation's.
    pub(crate) fn with_real_appids(&self, text: &str) -> String {
        [
            ("wx1111222233334444", "/appid"),
            ("wx5555666677778888", "/official_account/appid"),
            ("wx9999000011112222", "/mobile_app/appid"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (documented, pointer)| {
            let real = self.merchant.pointer(pointer).unwrap().as_str().unwrap();
            text.replace(documented, real)
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("shouyin.toml")
    }

    /// An API key, made while no server runs.
    pub(crate) fn api_key(&self) -> String {
        let config = self.config();
        let arguments = [
            "key",
            "create",
            "--config",
            config.to_str().unwrap(),
            "--mchid",
            "1900000001",
        ];
        let output = shouyin(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(crate) fn serve(&self) -> Process {
        Process::start(
            &["serve", "--config", self.config().to_str().unwrap()],
            "listens on",
        )
    }

    /// POST to the server: status and body.
    pub(crate) async fn try_post(&self, path: &str, token: &str, body: Value) -> (u16, Value) {
        let key = format!("{path}-{body}")
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect::<String>();
        let request = self
            .http
            .post(format!("http://{}{path}", self.address))
            .json(&body)
            .bearer_auth(token);
        answer(request.header("idempotency-key", key)).await
    }

    /// POST to the server that must succeed.
    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Value {
        succeeded(self.try_post(path, token, body).await)
    }

    /// POST to the simulator's control API.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.merchant["control_url"].as_str().unwrap());
        succeeded(answer(self.http.post(url).json(&body)).await)
    }

    /// GET from the simulator's control API.
    pub(crate) async fn control_get(&self, path: &str) -> Value {
        let url = format!("{}/{path}", self.merchant["control_url"].as_str().unwrap());
        succeeded(answer(self.http.get(url)).await)
    }

    /// A phone that is logged in: its session token.
    pub(crate) async fn login(&self) -> String {
        let appid = &self.merchant["appid"];
        let code = self
            .control("login-codes", json!({"appid": appid, "user": "buyer"}))
            .await;
        let body = json!({"appid": appid, "code": code["code"]});
        let session = self.post("/mp/v1/login", "none", body).await;
        session["session_token"].as_str().unwrap().to_owned()
    }

    /// What the buyer does with the parameters the server signed.
    pub(crate) async fn pay_at_cashier(&self, parameters: &Value) {
        let mut open = parameters.clone();
        open["appid"] = self.merchant["appid"].clone();
        open["user"] = json!("buyer");
        let order = self.control("cashier/open", open).await;
        let body = json!({"prepay_id": order["prepay_id"], "user": "buyer", "action": "pay"});
        assert_eq!(
            self.control("cashier/pay", body).await["errMsg"],
            "requestPayment:ok"
        );
    }

    /// The payment as the merchant sees it, once it is paid. Asking this does not ask WeChat.
    pub(crate) async fn wait_until_paid(&self, id: &str, api_key: &str) -> Value {
        let begin = Instant::now();
        loop {
            let url = format!("http://{}/v1/payments/{id}", self.address);
            let view = succeeded(answer(self.http.get(url).bearer_auth(api_key)).await);
            if view["state"] == "paid" {
                return view;
            }
            assert!(begin.elapsed() < PATIENCE, "still {view}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let (status, text) = (answer.status().as_u16(), answer.text().await.unwrap());
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

fn succeeded((status, body): (u16, Value)) -> Value {
    assert!((200..300).contains(&status), "{status} {body}");
    body
}

fn client() -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(PATIENCE)
        // A connection to the killed server must not be used for the next one.
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .unwrap()
}
