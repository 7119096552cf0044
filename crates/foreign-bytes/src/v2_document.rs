//! Documents of the older interface: XML that anybody may send, and notifications that only the key makes true.

use wechatpay::v2::notification::{Merchant, Notification, open, seal};
use wechatpay::v2::{ApiKey, Fields, SignType};

const MCHID: &str = "1900000001";
/// Not that of any vector: nothing in a seed is signed with it.
const KEY: &str = "fuzzfuzzfuzzfuzzfuzzfuzzfuzzfuzz";

pub(crate) fn check(bytes: &[u8]) {
    let key = match ApiKey::parse(KEY) {
        Ok(key) => key,
        Err(why) => panic!("{why}"),
    };
    let merchant = Merchant {
        mch_id: MCHID,
        sign_type: SignType::Md5,
        key: &key,
    };
    assert!(
        open(merchant, bytes).is_err(),
        "a stranger's document was believed"
    );
    let Ok(fields) = Fields::parse(bytes) else {
        return;
    };
    // Entities were not expanded: text only grows by what was there.
    let length: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(
        length <= bytes.len(),
        "{length} bytes of fields from {}",
        bytes.len()
    );
    let written = fields.to_xml();
    match Fields::parse(written.as_bytes()) {
        Ok(again) => assert!(
            again
                .iter()
                .eq(fields.iter().filter(|(_, value)| !value.is_empty())),
            "{written} is read otherwise"
        ),
        // Escaping makes it longer, and only so much is read.
        Err(why) => assert!(written.len() > 64 * 1024, "{written}: {why}"),
    }
    let signed = fields.clone().signed(SignType::Md5, &key);
    assert!(signed.is_signed(SignType::Md5, &key) && !signed.is_signed(SignType::HmacSha256, &key));
    let opened = open(merchant, signed.to_xml().as_bytes());
    if let Ok(Notification::Payment(verified)) = opened {
        assert_eq!(fields.get("return_code"), Some("SUCCESS"));
        assert_eq!(fields.get("mch_id"), Some(MCHID));
        assert!(
            verified
                .fields()
                .iter()
                .all(|(name, _)| name == "sign" || fields.get(name).is_some())
        );
    }
    // What is sealed opens again, and with one field changed it is no document of ours.
    if let Some(sealed) = seal(&key, &written) {
        let hint = Fields::new()
            .with("return_code", "SUCCESS")
            .with("mch_id", MCHID)
            .with("req_info", sealed);
        assert!(open(merchant, hint.to_xml().as_bytes()).is_ok() || written.len() > 40_000);
        let other = hint.with("mch_id", "1900000002");
        assert!(open(merchant, other.to_xml().as_bytes()).is_err());
    }
}
