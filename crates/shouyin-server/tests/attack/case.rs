//! One attack: what it is called, the bytes that are sent, and which answers count as refused.

use std::time::Duration;

use crate::wire::{PATIENCE, Request, SILENCE};

/// Which answers mean that the attack was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// One of these statuses.
    Status(&'static [u16]),
    /// Any 4xx.
    Refused,
    /// Any 4xx, or a connection that ends (or stays silent) without an answer.
    RefusedOrClosed,
}

impl Expect {
    /// How long an answer is waited for.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Self::Status(_) | Self::Refused => PATIENCE,
            Self::RefusedOrClosed => SILENCE,
        }
    }
}

/// A wrong signature, wrong key or missing proof of who is asking.
pub(crate) const UNPROVEN: Expect = Expect::Status(&[401]);
/// Proven, but not about anything that we know in this form.
pub(crate) const CONTRADICTION: Expect = Expect::Status(&[400, 422]);
/// Somebody else's, so it does not exist.
pub(crate) const NOT_FOUND: Expect = Expect::Status(&[404]);
/// Not what this address takes.
pub(crate) const INVALID: Expect = Expect::Status(&[400]);

/// One request of the corpus.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Unique within its group.
    pub(crate) name: String,
    /// Sent byte for byte.
    pub(crate) bytes: Vec<u8>,
    /// What counts as refused.
    pub(crate) expect: Expect,
}

/// Attacks of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// What they try.
    pub(crate) tries: &'static str,
    /// The attacks.
    pub(crate) cases: Vec<Case>,
}

impl Group {
    pub(crate) fn new(tries: &'static str) -> Self {
        Self {
            tries,
            cases: Vec::new(),
        }
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, name: impl Into<String>, request: &Request, expect: Expect) {
        self.add_raw(name, request.bytes(), expect);
    }

    /// Adds bytes that no HTTP library would send.
    pub(crate) fn add_raw(&mut self, name: impl Into<String>, bytes: Vec<u8>, expect: Expect) {
        let name = name.into();
        assert!(
            self.cases.iter().all(|case| case.name != name),
            "{name} is there twice"
        );
        self.cases.push(Case {
            name,
            bytes,
            expect,
        });
    }
}
