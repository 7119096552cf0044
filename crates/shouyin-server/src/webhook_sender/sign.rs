//! Signatures of the Standard Webhooks format.

use shouyin_core::webhook::model::Message;
use standardwebhooks::Webhook;

/// The header `webhook-signature`: one `v1,` and Base64 for each secret, with spaces between them. A receiver that knows any
/// one of the secrets accepts, so a secret can be changed without a moment in which webhooks are refused.
///
/// # Errors
/// There is nothing to sign with: nothing must be sent then.
pub(super) fn signatures(message: &Message) -> Result<String, String> {
    let unusable = || "the endpoint has no usable secret; rotate it".to_owned();
    let mut signatures = Vec::new();
    for secret in &message.secrets {
        let signature = Webhook::new(&secret.text)
            .and_then(|key| {
                key.sign(
                    message.event_id.as_str(),
                    message.timestamp_s,
                    message.body.as_bytes(),
                )
            })
            // What the library says may quote the secret.
            .map_err(|_| unusable())?;
        signatures.push(signature);
    }
    if signatures.is_empty() {
        return Err(unusable());
    }
    Ok(signatures.join(" "))
}
