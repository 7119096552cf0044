use super::answer::Verified;
use super::fields::Fields;
use super::key::SignType;
use crate::v3::ParseError;

/// Where a call goes, and whether WeChat asks for the merchant's certificate there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Path {
    /// For example `/pay/unifiedorder`.
    pub path: &'static str,
    /// True if the connection must present the merchant's client certificate (WeChat Pay v2 documentation, "certificates").
    pub needs_certificate: bool,
}

impl Path {
    /// A call over an ordinary connection.
    pub const fn open(path: &'static str) -> Self {
        Self {
            path,
            needs_certificate: false,
        }
    }

    /// A call that moves money out: the connection presents the merchant's certificate.
    pub const fn with_certificate(path: &'static str) -> Self {
        Self {
            path,
            needs_certificate: true,
        }
    }
}

/// One typed call: what to send, and how to read the answer once it is verified.
pub trait Operation: Sync {
    /// What the answer means.
    type Answer: Send;

    /// Where it goes.
    const PATH: Path;

    /// The only sign type that WeChat takes there, if there is only one.
    const ONLY_SIGN_TYPE: Option<SignType> = None;

    /// Everything but `mch_id`, `nonce_str`, `sign_type` and `sign`, which the client adds. The same operation always gives the same fields, so
    /// repeating it is safe where WeChat says so.
    fn fields(&self) -> Fields;

    /// Reads a verified answer whose `result_code` is `SUCCESS`.
    ///
    /// # Errors
    /// When the answer is not what this operation expects, or is about another object.
    fn parse(&self, verified: &Verified) -> Result<Self::Answer, ParseError>;
}
