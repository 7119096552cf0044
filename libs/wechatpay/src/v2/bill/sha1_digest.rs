use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use crate::v3::RawResponse;

/// True unless the header `Digest: SHA=..` names another content. Not a proof of origin: it finds broken files.
pub(super) fn is_sha1(response: &RawResponse) -> bool {
    let actual = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &response.body));
    response
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Digest"))
        .filter_map(|(_, value)| value.trim().strip_prefix("SHA="))
        .all(|expected| expected.eq_ignore_ascii_case(&actual))
}
