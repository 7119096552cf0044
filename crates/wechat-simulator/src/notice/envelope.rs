//! The bytes of a notification.

use serde_json::{Value, json};
use wechatpay::crypto::ApiV3Key;
use wechatpay::time::format_beijing;

use super::Delivery;
use crate::assumptions::{AssociatedData, Assumptions};
use crate::ids::Ids;

/// Builds the body: the resource encrypted with the APIv3 key inside its envelope. `None` when sealing fails, which
/// takes an associated data or nonce of the wrong length.
pub(super) fn body(
    delivery: &Delivery,
    id: &str,
    key: &ApiV3Key,
    assumptions: &Assumptions,
    ids: &mut Ids,
) -> Option<Vec<u8>> {
    let nonce = ids.resource_nonce();
    let associated = match assumptions.notification_associated_data {
        AssociatedData::Kind => Some(delivery.original_type),
        AssociatedData::Empty => Some(""),
        AssociatedData::Absent => None,
    };
    let mut resource = delivery.resource.clone();
    if assumptions.notification_extra_members
        && let Some(members) = resource.as_object_mut()
    {
        members.insert(
            "member_of_next_year".to_owned(),
            json!({ "nested": [1, null] }),
        );
    }
    let plaintext = resource.to_string();
    let ciphertext = key
        .seal(&nonce, associated.unwrap_or_default(), plaintext.as_bytes())
        .ok()?;
    let mut envelope = json!({
        "id": id,
        "create_time": format_beijing(delivery.created_ms),
        "resource_type": "encrypt-resource",
        "event_type": delivery.event_type,
        "summary": delivery.summary,
        "resource": {
            "original_type": delivery.original_type,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": ciphertext,
            "nonce": nonce,
        },
    });
    if let Some(associated) = associated {
        envelope["resource"]["associated_data"] = Value::from(associated);
    }
    if assumptions.notification_extra_members {
        envelope["trace_of_next_year"] = Value::from("x");
    }
    Some(envelope.to_string().into_bytes())
}
