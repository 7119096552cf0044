//! HTTP by hand: requests that a library would correct, and their answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any answer takes, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// For requests that are never whole: silence is what they may be answered with.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);

/// A request that is well-formed unless its parts are not.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: impl Into<String>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    #[must_use]
    pub(crate) fn headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    #[must_use]
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    /// As it travels; Host, Content-Length and Connection are added unless they are there.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            text.push_str("Host: pay.example.com\r\n");
        }
        if !self.has("content-length") && !self.has("transfer-encoding") {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        if !self.has("connection") {
            text.push_str("Connection: close\r\n");
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// What came back on the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// The status of every answer on it, in order. None: it ended, or stayed silent.
    pub(crate) statuses: Vec<u16>,
    /// Everything as text.
    pub(crate) text: String,
}

impl Answer {
    /// The body of the first answer.
    pub(crate) fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }
}

/// Sends the bytes on a connection of their own and takes what comes until it ends, or nothing comes for so long.
pub(crate) async fn exchange(
    server: SocketAddr,
    bytes: &[u8],
    patience: Duration,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(server).await?;
    let (mut reader, mut writer) = stream.split();
    let mut received = Vec::new();
    // The server may answer and hang up before it has read everything: both directions at once.
    let sending = async {
        let sent = writer.write_all(bytes).await;
        if let Err(why) = sent {
            // It had enough; what it said is read below.
            assert!(
                matches!(
                    why.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ),
                "{why}"
            );
        }
    };
    let receiving = async {
        let mut buffer = [0; 4096];
        loop {
            match timeout(patience, reader.read(&mut buffer)).await {
                Ok(Ok(0)) | Ok(Err(_)) | Err(_) => return,
                Ok(Ok(length)) => received.extend_from_slice(&buffer[..length]),
            }
        }
    };
    tokio::join!(sending, receiving);
    let text = String::from_utf8_lossy(&received).into_owned();
    let statuses = text
        .match_indices("HTTP/1.")
        .filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok())
        .collect();
    Ok(Answer { statuses, text })
}
