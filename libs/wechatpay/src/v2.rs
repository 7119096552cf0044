//! The older protocol: XML, signed with a key of 32 characters.
//!
//! A message is a flat list of fields ([`Fields`]). Whoever knows the key can sign; there is no other proof. Order of judgement, as WeChat
//! documents it: `return_code`, then the signature, then `result_code`, and only then anything else. An answer that is not signed proves nothing
//! ([`Outcome::Unknown`](crate::v3::Outcome)).
//!
//! Outcomes and errors are those of [`crate::v3`], so that one table serves both protocols.

mod answer;
pub mod bill;
mod client;
pub mod code;
mod fields;
mod invoke;
mod key;
pub mod notification;
mod operation;
pub mod pay;
pub mod refund;
pub mod report;
mod xml;

pub use answer::Verified;
pub use client::{Account, Client};
pub use fields::Fields;
pub use invoke::{AppPayment, RequestPayment};
pub use key::{ApiKey, InvalidApiKey, SignType};
pub use operation::{Operation, Path};
pub use xml::XmlError;
