//! What every typed call consists of.

use super::request::Request;
use super::verify::Verified;

/// One typed call: how to ask, and how to read the answer once it is verified.
pub trait Operation: Sync {
    /// What the answer means.
    type Answer: Send;

    /// The request. The same operation always gives the same bytes, so repeating it is safe where WeChat says so.
    fn request(&self) -> Request;

    /// Reads a verified answer with a status of 200 to 299.
    ///
    /// # Errors
    /// When the answer is not what this operation expects, or is about another object: WeChat's signature does not
    /// cover the question, so an answer must name what it answers.
    fn parse(&self, status: u16, verified: &Verified) -> Result<Self::Answer, ParseError>;
}

/// Why a verified answer could not be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseError {
    /// It is not the JSON that was expected.
    #[error("the answer cannot be read: {0}")]
    Malformed(String),
    /// It says that nothing is decided yet, with this code or state.
    #[error("not decided yet: {0}")]
    Undecided(String),
    /// Its status is not one this operation knows.
    #[error("unexpected status {0}")]
    UnexpectedStatus(u16),
    /// It is about another object than the one asked for.
    #[error("the answer is about another {0}")]
    AnotherObject(&'static str),
}

/// Reads the JSON body of a 200 answer.
pub(crate) fn json<T: serde::de::DeserializeOwned>(
    status: u16,
    verified: &Verified,
) -> Result<T, ParseError> {
    if status != 200 {
        return Err(ParseError::UnexpectedStatus(status));
    }
    serde_json::from_slice(verified.body())
        .map_err(|error| ParseError::Malformed(error.to_string()))
}

/// An answer must be about what was asked.
pub(crate) fn same(what: &'static str, asked: &str, answered: &str) -> Result<(), ParseError> {
    if asked == answered {
        Ok(())
    } else {
        Err(ParseError::AnotherObject(what))
    }
}
