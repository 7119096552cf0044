//! The keys of a merchant: those of the protocols it uses, all of them, and no others.

use shouyin_core::id::Mchid;
use shouyin_wechat::Protocol;
use wechatpay::crypto::{ApiV3Key, PrivateKey, PublicKey};
use wechatpay::v2::{ApiKey, SignType};
use wechatpay::v3::http::ClientIdentity;

use super::Checker;
use crate::config::raw::{RawMerchant, RawProtocol};
use crate::config::{Keys, V2Keys, V3Keys};

pub(super) fn keys(
    raw: &RawMerchant,
    place: &str,
    mchid: Option<&Mchid>,
    checker: &mut Checker<'_>,
) -> Option<Keys> {
    let both = |new_orders, checker: &mut Checker<'_>| {
        let (v3, v2) = (v3(raw, place, checker), v2(raw, place, mchid, checker));
        Some(Keys::Both {
            v3: Box::new(v3?),
            v2: Box::new(v2?),
            new_orders,
        })
    };
    match raw.protocol.unwrap_or_default() {
        RawProtocol::V3 => {
            if raw.api_key_file.is_some() || raw.api_key.is_some() {
                let problem = "is not used with protocol = \"v3\": set protocol = \"v3_accepting_v2\" as long as there are orders of the older protocol to refund, or remove it";
                checker.wrong(format!("{place}.api_key"), problem);
            }
            Some(Keys::V3(Box::new(v3(raw, place, checker)?)))
        }
        RawProtocol::V2 => {
            if raw.api_v3_key_file.is_some() || raw.api_v3_key.is_some() {
                let problem = "is not used with protocol = \"v2\": set protocol = \"v3_accepting_v2\" to move to APIv3, \"v2_accepting_v3\" to move back, or remove it";
                checker.wrong(format!("{place}.api_v3_key"), problem);
            }
            Some(Keys::V2(Box::new(v2(raw, place, mchid, checker)?)))
        }
        RawProtocol::V3AcceptingV2 => both(Protocol::V3, checker),
        RawProtocol::V2AcceptingV3 => both(Protocol::V2, checker),
    }
}

// --------------------------------------------------------------------------------------------- APIv3

fn v3(raw: &RawMerchant, place: &str, checker: &mut Checker<'_>) -> Option<V3Keys> {
    let at = |key: &str| format!("{place}.{key}");
    let serial_no = raw.serial_no.clone().unwrap_or_default();
    let hexadecimal =
        (8..=64).contains(&serial_no.len()) && serial_no.bytes().all(|b| b.is_ascii_hexdigit());
    if !hexadecimal {
        checker.wrong(
            at("serial_no"),
            "must be the certificate's serial number in hexadecimal: openssl x509 -in apiclient_cert.pem -noout -serial",
        );
    }
    let private_key = private_key(raw, place, checker).and_then(|(name, pem)| {
        let key = PrivateKey::from_pem(&pem)
            .map_err(|e| format!("{name} is not usable: {e}; use WeChat's apiclient_key.pem"));
        checker.note(at("private_key_file"), key)
    });
    let what = "the APIv3 key";
    let api_v3_key = secret(
        (&raw.api_v3_key_file, &raw.api_v3_key),
        ("api_v3_key", what),
        place,
        checker,
    )
    .and_then(|text| checker.note(at("api_v3_key"), ApiV3Key::new(&text)));
    let public_key = public_key(raw, place, checker);
    if public_key.is_none() && !raw.platform_certificates {
        checker.wrong(
            place,
            "nothing to check WeChat's signatures with: set public_key_id and public_key_file, or platform_certificates = true",
        );
    }
    Some(V3Keys {
        serial_no: serial_no.to_ascii_uppercase(),
        private_key: private_key?,
        api_v3_key: api_v3_key?,
        public_key,
        platform_certificates: raw.platform_certificates,
    })
}

/// The name and content of the private key's file.
fn private_key<'a>(
    raw: &'a RawMerchant,
    place: &str,
    checker: &mut Checker<'_>,
) -> Option<(&'a str, String)> {
    let place = format!("{place}.private_key_file");
    let Some(name) = &raw.private_key_file else {
        checker.wrong(
            place,
            "is missing: set it to WeChat's apiclient_key.pem, the private key of the merchant's API certificate",
        );
        return None;
    };
    checker.file(&place, name).map(|pem| (name.as_str(), pem))
}

/// A secret that stands in a file of its own, or in the settings.
fn secret(
    (file, text): (&Option<String>, &Option<String>),
    (key, what): (&str, &str),
    place: &str,
    checker: &mut Checker<'_>,
) -> Option<String> {
    let place = format!("{place}.{key}");
    match (file, text) {
        (Some(name), None) => checker.secret_file(&format!("{place}_file"), name),
        (None, Some(text)) => Some(text.clone()),
        (None, None) => {
            let problem = format!(
                "is missing: set {key}_file to a file with {what} from WeChat's merchant console"
            );
            checker.wrong(place, problem);
            None
        }
        (Some(_), Some(_)) => {
            let problem = format!("is set twice: keep either {key}_file or {key}");
            checker.wrong(place, problem);
            None
        }
    }
}

fn public_key(
    raw: &RawMerchant,
    place: &str,
    checker: &mut Checker<'_>,
) -> Option<(String, PublicKey)> {
    let (id, name) = match (&raw.public_key_id, &raw.public_key_file) {
        (Some(id), Some(name)) => (id, name),
        (None, None) => return None,
        _ => {
            checker.wrong(
                place,
                "public_key_id and public_key_file belong together: set both",
            );
            return None;
        }
    };
    if !id.starts_with("PUB_KEY_ID_") {
        checker.wrong(
            format!("{place}.public_key_id"),
            "must begin with PUB_KEY_ID_: copy it from WeChat's merchant console",
        );
    }
    let place = format!("{place}.public_key_file");
    let pem = checker.file(&place, name)?;
    let key = PublicKey::from_pem(&pem)
        .map_err(|e| format!("{name} is not usable: {e}; use WeChat's pub_key.pem"));
    checker.note(place, key).map(|key| (id.clone(), key))
}

// ------------------------------------------------------------------------------- the older protocol

fn v2(
    raw: &RawMerchant,
    place: &str,
    mchid: Option<&Mchid>,
    checker: &mut Checker<'_>,
) -> Option<V2Keys> {
    let at = |key: &str| format!("{place}.{key}");
    let what = "the API key of the older protocol (not the APIv3 key)";
    let api_key = secret(
        (&raw.api_key_file, &raw.api_key),
        ("api_key", what),
        place,
        checker,
    )
    .and_then(|text| checker.note(at("api_key"), ApiKey::parse(&text)));
    let sign_type = match raw.sign_type.as_deref() {
        None => Some(SignType::default()),
        Some(name) => {
            let found = [SignType::HmacSha256, SignType::Md5]
                .into_iter()
                .find(|known| known.as_str() == name)
                .ok_or_else(|| format!("{name:?} must be \"HMAC-SHA256\" or \"MD5\""));
            checker.note(at("sign_type"), found)
        }
    };
    let identity = identity(raw, place, mchid, checker);
    Some(V2Keys {
        api_key: api_key?,
        sign_type: sign_type?,
        identity: identity?,
    })
}

/// The certificate that refunds are sent with.
fn identity(
    raw: &RawMerchant,
    place: &str,
    mchid: Option<&Mchid>,
    checker: &mut Checker<'_>,
) -> Option<ClientIdentity> {
    match (&raw.p12_file, &raw.certificate_file) {
        (Some(name), None) => {
            let place = format!("{place}.p12_file");
            let file = checker.binary_file(&place, name)?;
            // Its password is the merchant number, whose own mistakes are named elsewhere.
            let identity = ClientIdentity::from_p12(&file, mchid?.as_str())
                .map_err(|e| format!("{name}: {e}; use WeChat's apiclient_cert.p12"));
            checker.note(place, identity)
        }
        (None, Some(name)) => {
            let key = private_key(raw, place, checker);
            let place = format!("{place}.certificate_file");
            let certificate = checker.file(&place, name);
            let (certificate, (_, key)) = (certificate?, key?);
            let identity = ClientIdentity::from_pem(&certificate, &key).map_err(|e| {
                format!("{name}: {e}; use WeChat's apiclient_cert.pem and apiclient_key.pem")
            });
            checker.note(place, identity)
        }
        (None, None) => {
            checker.wrong(
                format!("{place}.p12_file"),
                "is missing: the older protocol refunds with the merchant's certificate; set it to WeChat's apiclient_cert.p12, or set certificate_file and private_key_file to apiclient_cert.pem and apiclient_key.pem",
            );
            None
        }
        (Some(_), Some(_)) => {
            checker.wrong(
                format!("{place}.p12_file"),
                "and certificate_file hold the same certificate: keep one of them",
            );
            None
        }
    }
}
