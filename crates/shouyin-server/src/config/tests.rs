use std::path::Path;

use shouyin_core::policy::MoneyPolicy;

use super::*;

mod protocol;

const KEY: &str = include_str!("../../../../libs/wechatpay/tests/vectors/c_private.pem");
const PUBLIC: &str = include_str!("../../../../libs/wechatpay/tests/vectors/a_public.pem");
const API_V3_KEY: &str = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb";

const GOOD: &str = r#"
public_url = "https://pay.example.com/"

[[merchants]]
mchid = "1900000001"
serial_no = "5157f09efdc096de15ebe81a47057a7232f1b8e1"
private_key_file = "key.pem"
api_v3_key_file = "apiv3.txt"
public_key_id = "PUB_KEY_ID_0119000000012026010500000000000001"
public_key_file = "pub.pem"
appids = ["wx1111222233334444"]

[[apps]]
appid = "wx1111222233334444"
app_secret_file = "secret.txt"
"#;

fn folder(settings: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("shouyin.toml", settings),
        ("key.pem", KEY),
        ("pub.pem", PUBLIC),
        ("apiv3.txt", &format!("{API_V3_KEY}\n")),
        ("secret.txt", "very-secret\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(folder: &Path, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::load(Some(&folder.join("shouyin.toml")), |name| {
        variables
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_good_file_becomes_a_config_and_its_picture_has_no_secrets() {
    let folder = folder(GOOD);
    let config = load(folder.path(), &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8790");
    assert_eq!(config.data_dir, folder.path().join("data"));
    assert_eq!(config.public_url, "https://pay.example.com");
    let merchant = &config.merchants[0];
    assert_eq!(
        merchant.notify_url.as_str(),
        "https://pay.example.com/wechat/notify/1900000001"
    );
    assert_eq!(
        config.wechat.pay_secondary_url.as_deref(),
        Some("https://api2.mch.weixin.qq.com")
    );
    for picture in [config.to_string(), format!("{config:?}")] {
        for secret in [API_V3_KEY, "very-secret", "PRIVATE KEY", &KEY[40..80]] {
            assert!(!picture.contains(secret), "{secret} in {picture}");
        }
    }
    assert!(config.to_string().contains("api_v3_key = \"***\""));
}

#[test]
fn a_merchants_wishes_and_limits_are_read_and_shown() {
    let wishes = format!(
        "{}\n[webhooks]\nallow_http = true\nallowed_networks = [\"10.1.2.0/24\", \"::1/128\"]\ntimeout_seconds = 5\n[limits]\nrequests_per_second = 7\n",
        GOOD.replace(
            "appids = [\"wx1111222233334444\"]",
            "appids = [\"wx1111222233334444\"]\nlate_payment = \"refund\"\nsurplus_payment = \"keep\"\n[merchants.wechat_limits]\nprepay_per_second = 900",
        )
    );
    let folder = folder(&wishes);
    let config = load(folder.path(), &[]).unwrap();
    let merchant = &config.merchants[0];
    assert_eq!(merchant.policy.late, MoneyPolicy::Refund);
    assert_eq!(merchant.policy.surplus, MoneyPolicy::Keep);
    assert_eq!(merchant.wechat_limits.prepay_per_second, 900);
    assert_eq!(merchant.wechat_limits.refund_per_second, 150);
    assert!(config.webhooks.allow_http);
    assert_eq!(config.webhooks.allowed_networks.len(), 2);
    assert_eq!(config.webhooks.timeout_ms, 5_000);
    assert_eq!(config.limits.requests_per_second, 7);
    assert_eq!(config.limits.burst, 400);
    let picture = config.to_string();
    for line in [
        "late_payment = \"refund\"",
        "surplus_payment = \"keep\"",
        "prepay_per_second = 900",
        "allowed_networks = [\"10.1.2.0/24\", \"::1/128\"]",
        "requests_per_second = 7",
    ] {
        assert!(picture.contains(line), "{line} in {picture}");
    }
}

#[test]
fn the_defaults_in_the_code_are_those_of_the_manual() {
    let folder = folder(GOOD);
    let config = load(folder.path(), &[]).unwrap();
    assert_eq!(config.limits, Limits::default());
    assert!(!config.webhooks.allow_http && config.webhooks.allowed_networks.is_empty());
    assert_eq!(config.webhooks.timeout_ms, 10_000);
    assert_eq!(config.merchants[0].policy, Policy::default());
    let limits = config.merchants[0].wechat_limits;
    assert_eq!(limits, shouyin_wechat::Limits::default());
    for line in [
        format!("prepay_per_second = {}", limits.prepay_per_second),
        format!("query_per_second = {}", limits.query_per_second),
        format!("close_per_second = {}", limits.close_per_second),
        format!("refund_per_second = {}", limits.refund_per_second),
        format!(
            "failing_refunds_per_second = {}",
            limits.failing_refunds_per_second
        ),
        format!(
            "refund_query_per_second = {}",
            limits.refund_query_per_second
        ),
    ] {
        assert!(DEFAULT.contains(&format!("# {line}\n")), "{line}");
    }
}

#[test]
fn variables_count_more_than_the_file() {
    let folder = folder(GOOD);
    let config = load(
        folder.path(),
        &[
            ("SHOUYIN_LISTEN", "0.0.0.0:80"),
            ("SHOUYIN_TIMEOUTS_CALL_MS", "3000"),
            ("SHOUYIN_WECHAT_PAY_SECONDARY_URL", ""),
            ("SHOUYIN_LOG_FORMAT", "json"),
            ("SHOUYIN_SERVICE_HOST", "10.0.0.1"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.timeouts.call, Duration::from_secs(3));
    assert_eq!(config.wechat.pay_secondary_url, None);
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn the_defaults_are_valid_toml_and_lack_only_what_must_be_said() {
    let errors = Config::load(None, |_| None).unwrap_err();
    assert_eq!(errors.0.len(), 1, "{errors}");
    assert_eq!(errors.0[0].place, "public_url");
    let errors = Config::load(None, |name| {
        (name == "SHOUYIN_PUBLIC_URL").then(|| "http://127.0.0.1:8790".to_owned())
    })
    .unwrap_err();
    assert_eq!(errors.0[0].place, "merchants");
}

/// Changes one piece of the good file and expects one line about it.
#[track_caller]
fn check(from: &str, to: &str, place: &str, says: &str) {
    assert!(GOOD.contains(from), "{from}");
    let folder = folder(&GOOD.replace(from, to));
    let errors = load(folder.path(), &[]).unwrap_err();
    let text = errors.to_string();
    assert!(
        errors
            .0
            .iter()
            .any(|e| e.place.contains(place) && e.problem.contains(says)),
        "{text}"
    );
    assert!(
        errors.0.iter().all(|e| !e.to_string().contains('\n')),
        "{text}"
    );
    assert!(
        !text.contains(API_V3_KEY) && !text.contains("very-secret"),
        "{text}"
    );
}

#[test]
fn mistakes_are_named_with_their_place() {
    check(
        "https://pay.example.com/",
        "http://pay.example.com",
        "public_url",
        "https",
    );
    check(
        "https://pay.example.com/",
        "https://pay.example.com/?a=1",
        "public_url",
        "query",
    );
    check(
        "mchid = \"1900000001\"",
        "mchid = \"19x\"",
        "merchants[0].mchid",
        "digits",
    );
    check(
        "private_key_file = \"key.pem\"",
        "private_key_file = \"nokey.pem\"",
        "merchants[0].private_key_file",
        "nokey.pem",
    );
    check(
        "private_key_file = \"key.pem\"",
        "private_key_file = \"pub.pem\"",
        "merchants[0].private_key_file",
        "not usable",
    );
    check(
        "api_v3_key_file = \"apiv3.txt\"",
        "api_v3_key = \"short\"",
        "merchants[0].api_v3_key",
        "32",
    );
    check(
        "api_v3_key_file = \"apiv3.txt\"",
        "",
        "merchants[0].api_v3_key",
        "missing",
    );
    check(
        "public_key_file = \"pub.pem\"",
        "",
        "merchants[0]",
        "belong together",
    );
    check(
        "appids = [\"wx1111222233334444\"]",
        "appids = []",
        "merchants[0].appids",
        "empty",
    );
    check(
        "appids = [\"wx1111222233334444\"]",
        "appids = [\"wx9\"]",
        "apps",
        "no [[apps]] block",
    );
    check(
        "[[apps]]",
        "[wechat]\npay_base_url = \"https://a/b\"\n[[apps]]",
        "wechat.pay_base_url",
        "without a path",
    );
    check(
        "[[apps]]",
        "[timeouts]\ncall_ms = 60000\n[[apps]]",
        "timeouts.call_ms",
        "at most 25000",
    );
    check(
        "[[apps]]",
        "[timeouts]\nrequest_ms = 100\n[[apps]]",
        "timeouts.request_ms",
        "more than",
    );
    check(
        "[[apps]]",
        "[timeouts]\ncall_ms = \"soon\"\n[[apps]]",
        "shouyin.toml",
        "call_ms",
    );
    check(
        "[[apps]]",
        "[webhooks]\ntimeout_seconds = 15\n[[apps]]",
        "webhooks.timeout_seconds",
        "from 1 to 14",
    );
    check(
        "[[apps]]",
        "[webhooks]\nallowed_networks = [\"intranet\"]\n[[apps]]",
        "webhooks.allowed_networks",
        "10.1.2.0/24",
    );
    check(
        "[[apps]]",
        "[limits]\nburst = 1\n[[apps]]",
        "limits.burst",
        "at least requests_per_second",
    );
    check(
        "[[apps]]",
        "[limits]\nconcurrent = 0\n[[apps]]",
        "limits.concurrent",
        "at least 1",
    );
    check(
        "appids = [\"wx1111222233334444\"]",
        "appids = [\"wx1111222233334444\"]\nwechat_limits = { refund_per_second = 0 }",
        "merchants[0].wechat_limits.refund_per_second",
        "at least 1",
    );
    check(
        "appids = [\"wx1111222233334444\"]",
        "appids = [\"wx1111222233334444\"]\nlate_payment = \"maybe\"",
        "shouyin.toml",
        "maybe",
    );
    check("public_url =", "public_ulr =", "shouyin.toml", "public_ulr");
    check("public_url =", "public_url", "shouyin.toml", "line 2");
}

#[test]
fn a_missing_file_is_one_line() {
    let errors = Config::load(Some(Path::new("/nowhere/shouyin.toml")), |_| None).unwrap_err();
    assert!(
        errors
            .to_string()
            .starts_with("/nowhere/shouyin.toml: cannot be read"),
        "{errors}"
    );
}
