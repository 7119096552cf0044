//! What goes into the simulator and what comes out of it.

use wechatpay::v3::RawResponse;

use crate::control::{Command, CommandAnswer, CommandError};
use crate::phone::{PhoneAction, PhoneAnswer, PhoneRefusal};

/// Something that happens to WeChat.
#[derive(Debug)]
pub enum Input {
    /// An HTTP request to either of WeChat's hosts; their paths are disjoint.
    Request(WireRequest),
    /// Somebody does something on a phone.
    Phone(PhoneAction),
    /// A switch is thrown.
    Control(Command),
    /// Nothing but the passing of time: whatever is due is done.
    Tick,
    /// A receiver answered a notification, or (status `None`) the connection failed.
    NotificationAnswered {
        /// [`Dispatch::delivery`]
        delivery: u64,
        /// [`Dispatch::attempt`]
        attempt: u32,
        /// The HTTP status.
        status: Option<u16>,
        /// What came with it. The older protocol says there whether it was accepted; for APIv3 it means nothing.
        body: Vec<u8>,
    },
}

/// [`Output::Answer`] with this wait is held back until somebody releases it.
pub const UNTIL_RELEASED: i64 = i64::MAX;

/// Something WeChat does.
#[derive(Debug)]
pub enum Output {
    /// The answer to the request of this step.
    Answer {
        /// Status, headers, body.
        response: RawResponse,
        /// How long to hold it back, milliseconds; see [`UNTIL_RELEASED`].
        after_ms: i64,
    },
    /// The request of this step is never answered; its connection ends.
    NoAnswer {
        /// How long the connection stays open and silent, milliseconds.
        after_ms: i64,
        /// Whether it ends with a reset instead of an orderly close.
        reset: bool,
    },
    /// A notification leaves.
    SendNotification(Dispatch),
    /// The result of [`Input::Phone`].
    Phone(Result<PhoneAnswer, PhoneRefusal>),
    /// The result of [`Input::Control`].
    Control(Result<CommandAnswer, CommandError>),
}

/// A request as it arrived, byte for byte.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WireRequest {
    /// Upper-case method.
    pub method: String,
    /// Path and query exactly as on the request line.
    pub target: String,
    /// All headers, in any order and spelling.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// What it came through.
    pub connection: Connection,
}

/// What a request came through.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Connection {
    /// Plain HTTP, where no certificate can be asked for.
    #[default]
    Plain,
    /// TLS.
    Tls {
        /// Serial number of the certificate the client presented and proved to own, 40 upper-case hexadecimal digits.
        certificate: Option<String>,
    },
}

impl WireRequest {
    /// The first header with this name, whatever its spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The part of the target before the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// One attempt to deliver a notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispatch {
    /// Which delivery; goes back in [`Input::NotificationAnswered`].
    pub delivery: u64,
    /// Which attempt of it, from 1.
    pub attempt: u32,
    /// Where to `POST` it.
    pub url: String,
    /// All headers but those of the transport.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}
