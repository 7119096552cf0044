//! What a call proved.

use std::fmt;

use super::error::ApiError;
use super::transport::TransportError;
use super::verify::VerificationError;

/// What a call proved. Only proof counts: whatever is neither a verified answer nor a definite error is [`Unknown`],
/// and the way on is to ask WeChat again under the same numbers.
#[derive(Clone, Debug)]
#[must_use]
pub enum Outcome<T> {
    /// A verified answer.
    Done(T),
    /// WeChat answered a definite error: this request changed nothing.
    Rejected(ApiError),
    /// It may have happened or not.
    Unknown(Unknown),
}

/// A call without proof.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// Why nothing is proven.
    pub reason: UnknownReason,
    /// The error body, when there was a readable one.
    pub error: Option<ApiError>,
    /// WeChat's tracing id, when there was an answer.
    pub request_id: Option<String>,
}

/// Why nothing is proven.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum UnknownReason {
    /// Nothing left this machine; repeating is safe.
    NotSent(String),
    /// It may have arrived; the answer did not.
    NoAnswer(String),
    /// WeChat failed (5xx, or a code that means the same): the request may have had an effect.
    ServerError,
    /// Too many requests. Slow down and repeat; for refunds acceptance is unknown.
    RateLimited,
    /// The answer is not proven to come from WeChat Pay.
    Unverified(VerificationError),
    /// The answer is verified but cannot be used: it cannot be read, is about something else, or says itself that
    /// nothing is decided yet ([`Unknown::undecided`]).
    Unparsable(String),
    /// An error with a code WeChat's documentation does not list.
    UnknownCode,
}

impl<T> Outcome<T> {
    /// Changes what a verified answer means, keeping everything else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(answer) => Outcome::Done(change(answer)),
            Self::Rejected(error) => Outcome::Rejected(error),
            Self::Unknown(unknown) => Outcome::Unknown(unknown),
        }
    }

    /// The verified answer, if there is one.
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(answer) => Some(answer),
            Self::Rejected(_) | Self::Unknown(_) => None,
        }
    }
}

impl Unknown {
    /// WeChat says itself that nothing is decided yet: the payer is typing the password, or a reversal is to be called
    /// again. The error has the code, for example `USERPAYING`.
    pub fn undecided(error: ApiError) -> Self {
        Self {
            reason: UnknownReason::Unparsable(format!("not decided yet: {}", error.code)),
            request_id: error.request_id.clone(),
            error: Some(error),
        }
    }

    /// Without an error body or tracing id.
    pub fn because(reason: UnknownReason) -> Self {
        Self {
            reason,
            error: None,
            request_id: None,
        }
    }
}

impl From<TransportError> for Unknown {
    fn from(error: TransportError) -> Self {
        Self::because(match error {
            TransportError::NotSent(why) => UnknownReason::NotSent(why),
            TransportError::NoAnswer(why) => UnknownReason::NoAnswer(why),
        })
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "not sent: {why}"),
            Self::NoAnswer(why) => write!(f, "no answer: {why}"),
            Self::ServerError => f.write_str("WeChat failed"),
            Self::RateLimited => f.write_str("too many requests"),
            Self::Unverified(why) => write!(f, "the answer is not verified: {why}"),
            Self::Unparsable(why) => write!(f, "the answer cannot be used: {why}"),
            Self::UnknownCode => f.write_str("an error code that is not documented"),
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        if let Some(error) = &self.error {
            write!(f, " ({error})")?;
        }
        Ok(())
    }
}
