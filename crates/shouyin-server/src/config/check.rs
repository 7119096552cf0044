//! From what is written to what is valid. Everything that is wrong is found in one go.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use shouyin_core::id::{Appid, Mchid};
use shouyin_core::policy::Policy;
use shouyin_wechat::{AppKind, H5Site};
use wechat_miniprogram::AppSecret;
use wechatpay::text::NotifyUrl;

use super::raw::{
    Raw, RawApp, RawAppKind, RawH5Site, RawLimits, RawMerchant, RawTimeouts, RawWebhooks,
    RawWechat, RawWechatLimits,
};
use super::{
    AppConfig, Config, ConfigError, ConfigErrors, Limits, Merchant, Timeouts, Webhooks, WechatHosts,
};

mod keys;

/// A task's lease is 30 s; a call that outlives it would be made twice.
const LONGEST_CALL_MS: u64 = 25_000;
/// WeChat Pay gives up on a notification after five seconds (WeChat Pay APIv3, "payment notification").
const LONGEST_NOTIFICATION_MS: u64 = 5_000;
/// A delivery must end before half of its task's lease of 30 s.
const LONGEST_DELIVERY_S: u64 = 14;
/// Stands in for a merchant number where only the address is checked.
const ANY_MCHID: &str = "1900000001";

/// Collects what is wrong.
struct Checker<'a> {
    errors: Vec<ConfigError>,
    folder: &'a Path,
}

impl Checker<'_> {
    fn wrong(&mut self, place: impl Into<String>, problem: impl Display) {
        self.errors.push(ConfigError {
            place: place.into(),
            problem: problem.to_string(),
        });
    }

    fn note<T, E: Display>(&mut self, place: impl Into<String>, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(place, problem);
                None
            }
        }
    }

    /// Reads a file beside the settings file.
    fn file(&mut self, place: &str, name: &str) -> Option<String> {
        self.read(place, name, |path| std::fs::read_to_string(path))
    }

    /// Reads a file that is no text.
    fn binary_file(&mut self, place: &str, name: &str) -> Option<Vec<u8>> {
        self.read(place, name, |path| std::fs::read(path))
    }

    fn read<T>(
        &mut self,
        place: &str,
        name: &str,
        read: fn(&Path) -> std::io::Result<T>,
    ) -> Option<T> {
        let path = self.folder.join(name);
        let content = read(&path).map_err(|error| {
            format!(
                "cannot read {} ({error}); put the file there or correct the path",
                path.display()
            )
        });
        self.note(place, content)
    }

    /// Reads a file that holds one secret and perhaps a line break at its end.
    fn secret_file(&mut self, place: &str, name: &str) -> Option<String> {
        self.file(place, name).map(|text| text.trim().to_owned())
    }
}

pub(super) fn check(raw: Raw, folder: &Path) -> Result<Config, ConfigErrors> {
    let mut checker = Checker {
        errors: Vec::new(),
        folder,
    };
    let listen = checker.note(
        "listen",
        raw.listen.parse().map_err(|_| {
            format!("{:?} is not an address and port; write for example 127.0.0.1:8790, or 0.0.0.0:8790 for all addresses", raw.listen)
        }),
    );
    let public_url = public_url(raw.public_url.as_deref(), &mut checker);
    let wechat = hosts(raw.wechat, &mut checker);
    let timeouts = timeouts(&raw.timeouts, &mut checker);
    let webhooks = webhooks(&raw.webhooks, &mut checker);
    let limits = limits(&raw.limits, &mut checker);
    let mut merchants = Vec::new();
    for (index, merchant) in raw.merchants.into_iter().enumerate() {
        let place = format!("merchants[{index}]");
        merchants.extend(self::merchant(
            merchant,
            &place,
            public_url.as_deref(),
            &mut checker,
        ));
    }
    let mut apps = Vec::new();
    for (index, app) in raw.apps.into_iter().enumerate() {
        apps.extend(self::app(app, &format!("apps[{index}]"), &mut checker));
    }
    if checker.errors.is_empty() {
        consistent(&merchants, &apps, &mut checker);
    }
    let data_dir: PathBuf = folder.join(&raw.data_dir);
    match (listen, public_url, checker.errors.is_empty()) {
        (Some(listen), Some(public_url), true) => Ok(Config {
            listen,
            data_dir,
            public_url,
            wechat,
            timeouts,
            webhooks,
            limits,
            log_format: raw.log.format,
            merchants,
            apps,
        }),
        _ => Err(ConfigErrors(checker.errors)),
    }
}

fn public_url(text: Option<&str>, checker: &mut Checker<'_>) -> Option<String> {
    let Some(text) = text else {
        checker.wrong(
            "public_url",
            "is missing; set it to the https address under which WeChat reaches this server, for example https://pay.example.com",
        );
        return None;
    };
    let base = text.trim_end_matches('/').to_owned();
    // Both halves are checked by the rules for notify_url, which is what the address is for.
    let checked = NotifyUrl::parse(&notify_url(&base, ANY_MCHID)).map_err(|error| {
        format!(
            "{text:?}: an address made of it {}; write for example https://pay.example.com",
            error.reason
        )
    });
    checker.note("public_url", checked).map(|_| base)
}

fn notify_url(public_url: &str, mchid: &str) -> String {
    format!("{public_url}/wechat/notify/{mchid}")
}

fn hosts(raw: RawWechat, checker: &mut Checker<'_>) -> WechatHosts {
    let pay_extra_root = Some(raw.pay_extra_root_file)
        .filter(|name| !name.is_empty())
        .and_then(|name| checker.file("wechat.pay_extra_root_file", &name));
    let mut host = |key: &str, text: String| {
        let rest = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', '?', '#', '@'])) {
            checker.wrong(
                format!("wechat.{key}"),
                format!("{text:?} must be https://host or https://host:port, without a path"),
            );
        }
        text
    };
    WechatHosts {
        pay_base_url: host("pay_base_url", raw.pay_base_url),
        pay_secondary_url: Some(raw.pay_secondary_url)
            .filter(|text| !text.is_empty())
            .map(|text| host("pay_secondary_url", text)),
        api_base_url: host("api_base_url", raw.api_base_url),
        pages_base_url: host("pages_base_url", raw.pages_base_url),
        pay_extra_root,
    }
}

fn timeouts(raw: &RawTimeouts, checker: &mut Checker<'_>) -> Timeouts {
    for (key, value) in [
        ("connect_ms", raw.connect_ms),
        ("call_ms", raw.call_ms),
        ("request_ms", raw.request_ms),
        ("notification_ms", raw.notification_ms),
    ] {
        if value == 0 {
            checker.wrong(
                format!("timeouts.{key}"),
                "must be more than 0 milliseconds",
            );
        }
    }
    let longest_call = raw.connect_ms.saturating_add(raw.call_ms);
    if longest_call > LONGEST_CALL_MS {
        checker.wrong(
            "timeouts.call_ms",
            format!("connect_ms and call_ms together must be at most {LONGEST_CALL_MS}, they are {longest_call}"),
        );
    }
    if raw.request_ms <= longest_call {
        checker.wrong(
            "timeouts.request_ms",
            format!("must be more than connect_ms and call_ms together ({longest_call}), or requests end before WeChat answers"),
        );
    }
    if raw.notification_ms > LONGEST_NOTIFICATION_MS {
        checker.wrong(
            "timeouts.notification_ms",
            format!("must be at most {LONGEST_NOTIFICATION_MS}: WeChat does not wait longer"),
        );
    }
    Timeouts {
        connect: Duration::from_millis(raw.connect_ms),
        call: Duration::from_millis(raw.call_ms),
        request: Duration::from_millis(raw.request_ms),
        notification: Duration::from_millis(raw.notification_ms),
        drain: Duration::from_millis(raw.drain_ms),
    }
}

fn webhooks(raw: &RawWebhooks, checker: &mut Checker<'_>) -> Webhooks {
    if !(1..=LONGEST_DELIVERY_S).contains(&raw.timeout_seconds) {
        checker.wrong(
            "webhooks.timeout_seconds",
            format!("must be from 1 to {LONGEST_DELIVERY_S}: a delivery that takes longer would be made twice"),
        );
    }
    let mut allowed_networks = Vec::new();
    for text in &raw.allowed_networks {
        let network = text.parse::<IpNet>().map_err(|_| {
            format!("{text:?} is not a network; write for example \"10.1.2.0/24\", or \"127.0.0.1/32\" for one address")
        });
        allowed_networks.extend(checker.note("webhooks.allowed_networks", network));
    }
    Webhooks {
        allow_http: raw.allow_http,
        allowed_networks,
        timeout_ms: raw.timeout_seconds.saturating_mul(1_000),
    }
}

fn limits(raw: &RawLimits, checker: &mut Checker<'_>) -> Limits {
    if raw.burst < raw.requests_per_second {
        checker.wrong(
            "limits.burst",
            "must be at least requests_per_second, or nobody could reach that",
        );
    }
    if raw.concurrent == 0 {
        checker.wrong("limits.concurrent", "must be at least 1");
    }
    Limits {
        requests_per_second: raw.requests_per_second,
        burst: raw.burst,
        concurrent: raw.concurrent,
    }
}

fn merchant(
    raw: RawMerchant,
    place: &str,
    public_url: Option<&str>,
    checker: &mut Checker<'_>,
) -> Option<Merchant> {
    let at = |key: &str| format!("{place}.{key}");
    let mchid = checker.note(
        at("mchid"),
        Mchid::parse(raw.mchid.as_str()).map_err(|e| e.problem),
    );
    let keys = keys::keys(&raw, place, mchid.as_ref(), checker);
    let mut appids = Vec::new();
    for appid in raw.appids {
        appids.extend(checker.note(at("appids"), Appid::parse(appid).map_err(|e| e.problem)));
    }
    if appids.is_empty() {
        checker.wrong(
            at("appids"),
            "is empty: name the apps in which this merchant takes payments",
        );
    }
    let h5_site = raw.h5_site.and_then(|site| h5_site(site, place, checker));
    let wechat_limits = wechat_limits(&raw.wechat_limits, place, checker);
    let usual = Policy::default();
    let policy = Policy {
        late: raw.late_payment.unwrap_or(usual.late),
        surplus: raw.surplus_payment.unwrap_or(usual.surplus),
    };
    let (mchid, public_url) = (mchid?, public_url?);
    let notify_url = NotifyUrl::parse(&notify_url(public_url, mchid.as_str()));
    Some(Merchant {
        notify_url: checker.note("public_url", notify_url)?,
        mchid,
        keys: keys?,
        appids,
        v3_codes: raw.v3_codes,
        h5_site,
        wechat_limits,
        policy,
    })
}

fn h5_site(raw: RawH5Site, place: &str, checker: &mut Checker<'_>) -> Option<H5Site> {
    let is_address = raw.url.starts_with("https://") || raw.url.starts_with("http://");
    if !is_address || raw.url.chars().any(char::is_whitespace) {
        checker.wrong(
            format!("{place}.h5_site.url"),
            "must be the address of the shop's site, on the domain that is registered for H5 payments in WeChat's console",
        );
        return None;
    }
    if raw.name.trim().is_empty() {
        checker.wrong(
            format!("{place}.h5_site.name"),
            "is empty: say what the shop's site is called",
        );
        return None;
    }
    Some(H5Site {
        url: raw.url,
        name: raw.name,
    })
}

fn wechat_limits(
    raw: &RawWechatLimits,
    place: &str,
    checker: &mut Checker<'_>,
) -> shouyin_wechat::Limits {
    let usual = shouyin_wechat::Limits::default();
    let mut limit = |key: &str, value: Option<u32>, usual: u32| {
        if value == Some(0) {
            checker.wrong(
                format!("{place}.wechat_limits.{key}"),
                "must be at least 1, or WeChat would never be called",
            );
        }
        value.unwrap_or(usual)
    };
    shouyin_wechat::Limits {
        prepay_per_second: limit(
            "prepay_per_second",
            raw.prepay_per_second,
            usual.prepay_per_second,
        ),
        charge_per_second: limit(
            "charge_per_second",
            raw.charge_per_second,
            usual.charge_per_second,
        ),
        query_per_second: limit(
            "query_per_second",
            raw.query_per_second,
            usual.query_per_second,
        ),
        close_per_second: limit(
            "close_per_second",
            raw.close_per_second,
            usual.close_per_second,
        ),
        refund_per_second: limit(
            "refund_per_second",
            raw.refund_per_second,
            usual.refund_per_second,
        ),
        failing_refunds_per_second: limit(
            "failing_refunds_per_second",
            raw.failing_refunds_per_second,
            usual.failing_refunds_per_second,
        ),
        refund_query_per_second: limit(
            "refund_query_per_second",
            raw.refund_query_per_second,
            usual.refund_query_per_second,
        ),
    }
}

fn app(raw: RawApp, place: &str, checker: &mut Checker<'_>) -> Option<AppConfig> {
    let appid = checker.note(
        format!("{place}.appid"),
        Appid::parse(raw.appid).map_err(|e| e.problem),
    );
    let kind = match raw.kind {
        RawAppKind::MiniProgram => AppKind::MiniProgram,
        RawAppKind::OfficialAccount => AppKind::OfficialAccount,
        RawAppKind::MobileApp => AppKind::MobileApp,
    };
    let app_secret = app_secret(raw.app_secret_file, kind, place, checker)?;
    Some(AppConfig {
        appid: appid?,
        kind,
        app_secret,
    })
}

/// The outer `None`: something is wrong with it.
#[expect(
    clippy::option_option,
    reason = "a mobile app without a secret is right, a broken file is not"
)]
fn app_secret(
    file: Option<String>,
    kind: AppKind,
    place: &str,
    checker: &mut Checker<'_>,
) -> Option<Option<AppSecret>> {
    let place = format!("{place}.app_secret_file");
    let Some(file) = file else {
        if kind == AppKind::MobileApp {
            return Some(None);
        }
        checker.wrong(
            place,
            "is missing: put the app secret from WeChat's console into a file and name it here, or users cannot log in",
        );
        return None;
    };
    let secret = checker.secret_file(&place, &file)?;
    if secret.is_empty() {
        checker.wrong(
            place,
            "is empty: put the app secret from WeChat's console into it",
        );
        return None;
    }
    Some(Some(AppSecret::new(secret)))
}

/// What each part says of the others.
fn consistent(merchants: &[Merchant], apps: &[AppConfig], checker: &mut Checker<'_>) {
    if merchants.is_empty() {
        checker.wrong("merchants", "there is none: add a [[merchants]] block (config/default.toml shows one), or try `shouyin demo`");
    }
    let mut numbers = BTreeSet::new();
    for merchant in merchants {
        if !numbers.insert(&merchant.mchid) {
            checker.wrong("merchants", format!("{} is there twice", merchant.mchid));
        }
        for appid in &merchant.appids {
            if !apps.iter().any(|app| app.appid == *appid) {
                checker.wrong(
                    "apps",
                    format!("merchant {} takes payments in {appid}, but there is no [[apps]] block for it: its users could not log in", merchant.mchid),
                );
            }
        }
    }
    let mut ids = BTreeSet::new();
    for app in apps {
        if !ids.insert(&app.appid) {
            checker.wrong("apps", format!("{} is there twice", app.appid));
        }
    }
}
