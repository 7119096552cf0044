//! The processes: a simulator that is never killed and a server that is, on files of their own.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::clock::{Deadline, FakeClock, sleep_ms};
use super::http::Http;
use crate::process;
use crate::repository::Repository;
use crate::steps::simulator::{Simulator, make_empty};

/// How long a server may take until it listens. It takes a tenth of a second.
const START_S: u64 = 30;

#[derive(Debug)]
pub(super) struct Desk {
    program: PathBuf,
    folder: PathBuf,
    pub(super) merchant: Value,
    pub(super) api_key: String,
    /// The server's API.
    pub(super) server: Http,
    /// The simulator's control API.
    pub(super) wechat: Http,
    pub(super) clock: Option<FakeClock>,
    running: Mutex<Option<Child>>,
    /// Ended when this goes.
    _simulator: Simulator,
}

impl Desk {
    pub(super) fn new(repository: &Repository, program: PathBuf) -> Result<Self> {
        let folder = repository.path("target/torture");
        make_empty(&folder)?;
        let keys = folder.join("keys");
        let simulator = Simulator::start(repository, &program, &keys)?;
        let merchant: Value =
            serde_json::from_str(&fs::read_to_string(keys.join("merchant.json"))?)?;
        // It must keep its address over a restart, so it cannot pick one itself.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        write_config(&folder, &keys, &merchant, &address)?;
        let wechat = Http::new(simulator.control_url())?;
        let mut desk = Self {
            clock: FakeClock::find(repository, &folder),
            server: Http::new(&format!("http://{address}"))?,
            program,
            folder,
            merchant,
            api_key: String::new(),
            wechat,
            running: Mutex::new(None),
            _simulator: simulator,
        };
        desk.api_key = desk.make_api_key()?;
        Ok(desk)
    }

    fn config(&self) -> PathBuf {
        self.folder.join("shouyin.toml")
    }

    fn make_api_key(&self) -> Result<String> {
        let mut command = Command::new(&self.program);
        command
            .args(["key", "create", "--mchid", "1900000001", "--config"])
            .arg(self.config());
        Ok(process::capture(&mut command)?.trim().to_owned())
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server and does not wait for it.
    fn spawn(&self) -> Result<Child> {
        let mut command = Command::new("sh");
        // The shell ignores the signal of a file that may not grow, and so does whatever it becomes: writing then fails with
        // an error, as on a full disk, instead of ending the process.
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(&self.program)
            .args(["serve", "--config"])
            .arg(self.config())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(clock) = &self.clock {
            clock.wire(&mut command);
        }
        let mut child = command.spawn().context("cannot start the server")?;
        if let Some(errors) = child.stderr.take() {
            let path = self.folder.join("server.log");
            let mut log = File::options().create(true).append(true).open(path)?;
            // Written by us: the server's own files must not grow while its disk is full.
            thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    if writeln!(log, "{line}").is_err() {
                        return;
                    }
                }
            });
        }
        Ok(child)
    }

    /// Starts the server and waits until it listens.
    pub(super) fn start(&self) -> Result<()> {
        let deadline = Deadline::after(START_S);
        while !deadline.passed() {
            let mut child = self.spawn()?;
            let output = child.stdout.take().context("no standard output")?;
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let listens = lines.any(|line| line.contains("listens on"));
            // Goes on reading, so that the server can go on writing.
            thread::spawn(move || lines.for_each(drop));
            if listens {
                *self.child() = Some(child);
                return Ok(());
            }
            child.wait()?;
            sleep_ms(100);
        }
        bail!(
            "the server did not come back: see {}",
            self.folder.join("server.log").display()
        )
    }

    /// SIGKILL: nothing can be saved, answered or said any more.
    pub(super) fn kill(&self) -> Result<()> {
        if let Some(mut child) = self.child().take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Starts the server and kills it while it is still starting.
    pub(super) fn kill_in_the_cradle(&self, after_ms: u64) -> Result<()> {
        let mut child = self.spawn()?;
        sleep_ms(after_ms);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// From now on the server's files may grow by so many bytes, and then the disk is full; `None`: there is room again.
    /// False where that cannot be done.
    pub(super) fn set_room(&self, bytes: Option<u64>) -> bool {
        let Some(id) = self.child().as_ref().map(Child::id) else {
            return false;
        };
        let limit = match bytes {
            None => "unlimited".to_owned(),
            Some(bytes) => (self.largest_file() + bytes).to_string(),
        };
        // The soft limit only: the hard one could not be raised again.
        let mut command = Command::new("prlimit");
        command.args(["--pid", &id.to_string(), &format!("--fsize={limit}:")]);
        process::succeeds(&mut command)
    }

    fn largest_file(&self) -> u64 {
        let files = fs::read_dir(self.folder.join("data")).into_iter().flatten();
        let sizes = files.flatten().filter_map(|file| file.metadata().ok());
        sizes.map(|file| file.len()).max().unwrap_or(0)
    }

    /// The log of the server, for whoever has to look.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Err(why) = self.kill() {
            eprintln!("cannot end the server: {why}");
        }
    }
}

fn write_config(folder: &Path, keys: &Path, merchant: &Value, address: &str) -> Result<()> {
    let text = |name: &str| merchant[name].as_str().unwrap_or_default().to_owned();
    fs::write(keys.join("apiv3_key.txt"), text("apiv3_key"))?;
    fs::write(keys.join("app_secret.txt"), text("app_secret"))?;
    let config = format!(
        r#"
listen = "{address}"
data_dir = "data"
public_url = "http://{address}"
[wechat]
pay_base_url = "{pay}"
pay_secondary_url = ""
api_base_url = "{api}"
[webhooks]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
[limits]
requests_per_second = 0
[[merchants]]
mchid = "{mchid}"
serial_no = "{serial}"
private_key_file = "keys/apiclient_key.pem"
api_v3_key_file = "keys/apiv3_key.txt"
public_key_id = "{public_key_id}"
public_key_file = "keys/pub_key.pem"
appids = ["{appid}"]
[[apps]]
appid = "{appid}"
app_secret_file = "keys/app_secret.txt"
"#,
        pay = text("pay_base_url"),
        api = text("api_base_url"),
        mchid = text("mchid"),
        serial = text("serial_no"),
        public_key_id = text("public_key_id"),
        appid = text("appid"),
    );
    fs::write(folder.join("shouyin.toml"), config).context("cannot write the configuration")
}
