//! PEM: the text form keys and certificates are stored in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The bytes of the first block with this label. Zeroized when dropped, since it may be a private key.
pub(crate) fn block(text: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let begin = format!("-----BEGIN {label}-----");
    let end = format!("-----END {label}-----");
    let after = text.split_once(&begin)?.1;
    let inside = after.split_once(&end)?.0;
    let mut base64 = Zeroizing::new(String::with_capacity(inside.len()));
    base64.extend(inside.chars().filter(|c| !c.is_ascii_whitespace()));
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}
