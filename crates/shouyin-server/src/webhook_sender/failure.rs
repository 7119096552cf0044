//! What merchants are told when nobody answered: one of a few sentences of ours, and never what the network said, which may
//! name addresses inside.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::resolve::ResolveError;

/// There was no answer in time.
pub(super) fn too_slow(timeout: Duration) -> String {
    format!("no answer within {} ms", timeout.as_millis())
}

/// Why there was no answer.
pub(super) fn reason(error: &reqwest::Error, timeout: Duration) -> String {
    if error.is_timeout() {
        return if error.is_connect() {
            format!("no connection within {} ms", (timeout / 2).as_millis())
        } else {
            too_slow(timeout)
        };
    }
    if let Some(why) = find::<ResolveError>(error) {
        return format!("no connection: {why}");
    }
    if let Some(why) = find::<rustls::Error>(error) {
        return tls(why).to_owned();
    }
    let kind = find::<io::Error>(error).map(io::Error::kind);
    let refused = kind == Some(io::ErrorKind::ConnectionRefused);
    match (error.is_connect(), refused) {
        (true, true) => "no connection: it was refused",
        (true, false) => "no connection could be made",
        (false, _) => "the connection ended without an answer",
    }
    .to_owned()
}

fn tls(error: &rustls::Error) -> &'static str {
    if matches!(error, rustls::Error::InvalidCertificate(_)) {
        "no connection: the certificate of the receiver is not valid for this address, or not trusted"
    } else {
        "no connection: the receiver does not speak TLS as it should"
    }
}

/// The first cause of this kind. Causes inside an [`io::Error`] are not among its sources, so they are unpacked.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref());
        cause = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
