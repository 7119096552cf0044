//! The merchant's backend as far as webhooks go: counts every id and remembers its body.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// What arrived so far.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// The body of every id.
    pub(super) bodies: BTreeMap<String, String>,
    /// All that arrived, copies included.
    pub(super) arrived: u64,
    /// Ids that came with two bodies.
    pub(super) changed: Vec<String>,
}

/// A receiver that runs until the program ends.
#[derive(Debug)]
pub(super) struct Receiver {
    seen: Arc<Mutex<Seen>>,
    pub(super) url: String,
}

/// Every so many webhooks the receiver fails, so that retries happen too.
const FAILS_EVERY: u64 = 37;

impl Receiver {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port for webhooks")?;
        let url = format!("http://{}/webhooks", listener.local_addr()?);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let store = Arc::clone(&seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let store = Arc::clone(&store);
                // A sender that is killed half-way must not hold up the others.
                thread::spawn(move || {
                    if let Err(why) = receive(stream, &store) {
                        // Killed senders end connections anywhere; what counts is what arrived whole.
                        drop(why);
                    }
                });
            }
        });
        Ok(Self { seen, url })
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn receive(mut stream: TcpStream, store: &Mutex<Seen>) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut id, mut length, mut line) = (String::new(), 0_usize, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            bail!("it ended before it had begun");
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if let Some((name, value)) = text.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => value.trim().clone_into(&mut id),
                "content-length" => length = value.trim().parse()?,
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = keep(store, id, String::from_utf8(body)?);
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    Ok(())
}

fn keep(store: &Mutex<Seen>, id: String, body: String) -> &'static str {
    let mut seen = store.lock().unwrap_or_else(PoisonError::into_inner);
    seen.arrived += 1;
    if seen.arrived.is_multiple_of(FAILS_EVERY) {
        return "500 Internal Server Error";
    }
    match seen.bodies.get(&id) {
        Some(known) if *known != body => seen.changed.push(id),
        Some(_) => {}
        None => {
            seen.bodies.insert(id, body);
        }
    }
    "204 No Content"
}
