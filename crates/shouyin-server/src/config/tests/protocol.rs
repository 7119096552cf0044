//! The two protocols: what each needs, and what is said when it is missing.

use super::*;

const CERTIFICATE: &str =
    include_str!("../../../../../libs/wechatpay/tests/vectors/c_certificate.pem");
/// As WeChat hands it out: old algorithms, and the merchant number as its password.
const P12: &[u8] = include_bytes!("apiclient_cert.p12");
const API_KEY: &str = "0123456789abcdef0123456789ABCDEF";

const V3: &str = r#"
serial_no = "5157f09efdc096de15ebe81a47057a7232f1b8e1"
private_key_file = "key.pem"
api_v3_key_file = "apiv3.txt"
public_key_id = "PUB_KEY_ID_0119000000012026010500000000000001"
public_key_file = "pub.pem"
"#;
const V2: &str = "api_key_file = \"api_key.txt\"\np12_file = \"apiclient_cert.p12\"\n";

fn merchant(lines: &[&str]) -> Result<Config, ConfigErrors> {
    let settings = format!(
        "public_url = \"https://pay.example.com\"\n[[apps]]\nappid = \"wx1111222233334444\"\napp_secret_file = \"secret.txt\"\n[[merchants]]\nmchid = \"1900000001\"\nappids = [\"wx1111222233334444\"]\n{}",
        lines.join("\n")
    );
    let folder = folder(&settings);
    std::fs::write(folder.path().join("api_key.txt"), format!("{API_KEY}\n")).unwrap();
    std::fs::write(folder.path().join("apiclient_cert.p12"), P12).unwrap();
    std::fs::write(folder.path().join("cert.pem"), CERTIFICATE).unwrap();
    load(folder.path(), &[])
}

/// One line, at this place, that says this.
#[track_caller]
fn wrong(lines: &[&str], place: &str, says: &str) {
    let errors = merchant(lines).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    let error = &errors.0[0];
    assert_eq!(error.place, format!("merchants[0].{place}"), "{errors}");
    assert!(error.problem.contains(says), "{errors}");
    assert!(!errors.to_string().contains(API_KEY), "{errors}");
}

#[test]
fn a_merchant_of_the_older_protocol_needs_no_keys_of_apiv3() {
    let config = merchant(&["protocol = \"v2\"", V2]).unwrap();
    let keys = &config.merchants[0].keys;
    assert!(keys.v3().is_none());
    assert_eq!(keys.v2().unwrap().sign_type, SignType::HmacSha256);
    for picture in [config.to_string(), format!("{config:?}")] {
        assert!(!picture.contains(API_KEY), "{picture}");
    }
    for line in [
        "protocol = \"v2\"",
        "api_key = \"***\"",
        "sign_type = \"HMAC-SHA256\"",
    ] {
        assert!(config.to_string().contains(line), "{line} in {config}");
    }
    assert!(!config.to_string().contains("api_v3_key"));
}

#[test]
fn the_certificate_may_be_pem_and_the_signature_md5() {
    let config = merchant(&[
        "protocol = \"v2\"",
        "api_key_file = \"api_key.txt\"",
        "sign_type = \"MD5\"",
        "certificate_file = \"cert.pem\"",
        "private_key_file = \"key.pem\"",
    ])
    .unwrap();
    let keys = config.merchants[0].keys.v2().unwrap().clone();
    assert_eq!(keys.sign_type, SignType::Md5);
}

#[test]
fn while_moving_both_are_there() {
    for (name, expected) in [
        ("v3_accepting_v2", Protocol::V3),
        ("v2_accepting_v3", Protocol::V2),
    ] {
        let config = merchant(&[&format!("protocol = {name:?}"), V3, V2]).unwrap();
        let keys = &config.merchants[0].keys;
        assert!(keys.v3().is_some() && keys.v2().is_some());
        assert!(matches!(keys, Keys::Both { new_orders, .. } if *new_orders == expected));
        assert!(config.to_string().contains(&format!("protocol = {name:?}")));
    }
}

#[test]
fn what_is_missing_for_the_protocol_is_named() {
    let v2 = "protocol = \"v2\"";
    wrong(
        &[v2, "p12_file = \"apiclient_cert.p12\""],
        "api_key",
        "api_key_file",
    );
    wrong(
        &[v2, "api_key_file = \"api_key.txt\""],
        "p12_file",
        "apiclient_cert.p12",
    );
    wrong(
        &[v2, V2, "api_key = \"0123456789abcdef0123456789ABCDEF\""],
        "api_key",
        "twice",
    );
    wrong(
        &[
            v2,
            "api_key = \"short\"",
            "p12_file = \"apiclient_cert.p12\"",
        ],
        "api_key",
        "32",
    );
    wrong(&[v2, V2, "sign_type = \"SHA1\""], "sign_type", "MD5");
    wrong(
        &[v2, V2, "certificate_file = \"cert.pem\""],
        "p12_file",
        "one of them",
    );
    let key = "api_key_file = \"api_key.txt\"";
    wrong(
        &[v2, key, "p12_file = \"cert.pem\""],
        "p12_file",
        "apiclient_cert.p12",
    );
    wrong(
        &[v2, key, "certificate_file = \"cert.pem\""],
        "private_key_file",
        "apiclient_key.pem",
    );
    let swapped = "certificate_file = \"key.pem\"\nprivate_key_file = \"cert.pem\"";
    wrong(
        &[v2, key, swapped],
        "certificate_file",
        "apiclient_cert.pem",
    );
    let both = "protocol = \"v3_accepting_v2\"";
    wrong(
        &[both, V3, "p12_file = \"apiclient_cert.p12\""],
        "api_key",
        "api_key_file",
    );
}

#[test]
fn a_key_that_would_not_be_used_is_a_mistake() {
    wrong(&[V3, V2], "api_key", "v3_accepting_v2");
    wrong(
        &["protocol = \"v2\"", V2, "api_v3_key_file = \"apiv3.txt\""],
        "api_v3_key",
        "v2_accepting_v3",
    );
    let errors = merchant(&["protocol = \"v4\"", V3]).unwrap_err();
    assert!(errors.to_string().contains("v4"), "{errors}");
}

#[test]
fn the_password_of_the_p12_is_the_merchant_number() {
    let settings =
        "protocol = \"v2\"\napi_key_file = \"api_key.txt\"\np12_file = \"apiclient_cert.p12\"";
    assert!(merchant(&[settings]).is_ok());
    let opened = ClientIdentity::from_p12(P12, "1900000002");
    assert!(opened.is_err());
}
