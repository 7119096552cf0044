//! A small HTTP client, one connection a call. A server that is killed ends connections at any place, so everything but a
//! whole answer is an error, and the caller goes on as a real client would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Longer than a server's own limits, and than WeChat needs to live through an hour; only a hang reaches it.
const PATIENCE: Duration = Duration::from_secs(300);

/// One side to talk to.
#[derive(Debug, Clone)]
pub(super) struct Http {
    address: SocketAddr,
    /// Goes before every path.
    base: String,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// The body of a success.
    pub(super) fn ok(self) -> Result<Value> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            bail!("status {}: {}", self.status, self.body)
        }
    }
}

impl Http {
    /// From an address such as `http://127.0.0.1:8790/_control`.
    pub(super) fn new(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").context("only http here")?;
        let (address, base) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        Ok(Self {
            address: address.parse().context("an address and a port")?,
            base: base.to_owned(),
        })
    }

    pub(super) fn get(&self, path: &str, token: &str) -> Result<Value> {
        self.call("GET", path, token, "", None)?.ok()
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call("POST", path, "", "", Some(body))?.ok()
    }

    /// One call. `key` is the idempotency key.
    pub(super) fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        key: &str,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!(
            "{method} {}{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/json\r\n",
            self.base,
            self.address,
            body.len()
        );
        for (name, value) in [("Authorization: Bearer", token), ("Idempotency-Key:", key)] {
            if !value.is_empty() {
                head.push_str(&format!("{name} {value}\r\n"));
            }
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        read(&received)
    }
}

fn read(bytes: &[u8]) -> Result<Answer> {
    let text = std::str::from_utf8(bytes).context("an answer that is not text")?;
    let (head, body) = text.split_once("\r\n\r\n").context("no whole answer")?;
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|status| status.parse().ok())
        .context("no status")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, length)| length.trim().parse().ok());
    // A killed server ends an answer anywhere.
    if length.is_some_and(|length: usize| length != body.len()) {
        bail!("half an answer");
    }
    Ok(Answer {
        status,
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_answer_is_read_and_half_of_one_is_an_error() {
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 7\r\n\r\n{\"a\":1}";
        let answer = read(whole).unwrap();
        assert_eq!((answer.status, answer.body["a"].as_i64()), (201, Some(1)));
        assert!(read(&whole[..whole.len() - 1]).is_err());
        assert!(read(b"HTTP/1.1 20").is_err());
        let empty = read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!((empty.status, empty.body), (204, Value::Null));
    }

    #[test]
    fn an_address_has_a_base() {
        let http = Http::new("http://127.0.0.1:80/_control").unwrap();
        assert_eq!((http.address.port(), http.base.as_str()), (80, "/_control"));
        assert!(Http::new("https://127.0.0.1/").is_err());
    }
}
