//! WeChat Pay APIv3.
//!
//! A call is made in separate steps that can be used one by one: an [`Operation`] gives a [`Request`] (data), a
//! [`Client`] signs it to a [`SignedRequest`], a [`Transport`] carries it, a [`KeyRing`] verifies the [`RawResponse`]
//! and only then the operation may read it. What a caller receives is an [`Outcome`]: what the call *proved*.

mod account;
mod app_payment;
pub mod bill;
pub mod certificates;
mod client;
mod encryption;
mod error;
#[cfg(feature = "client")]
pub mod http;
mod keys;
pub mod notification;
mod operation;
mod outcome;
pub mod pay;
pub mod refund;
mod request;
mod request_payment;
mod sign;
mod transport;
mod verify;

pub use account::Account;
pub use app_payment::AppPayment;
pub use client::{Client, Clock, Nonces, random_nonce};
pub use encryption::{EncryptionError, Encryptor};
pub use error::{ApiError, ErrorSignature};
pub use keys::{KeyInfo, KeyKind, KeyRing, VerifyingKey};
pub use operation::{Operation, ParseError};
pub use outcome::{Outcome, Unknown, UnknownReason};
pub use request::{Method, RawResponse, Request, SignedRequest, Target, TargetError};
pub use request_payment::RequestPayment;
pub use sign::{
    RsaSigner, SIGNATURE_TYPE, Signer, authorization, signature_headers, text_to_sign,
    text_to_verify,
};
pub use transport::{Transport, TransportError};
pub use verify::{FRESH_SECONDS, SIGNATURE_PROBE, SignatureHeaders, VerificationError, Verified};
