//! Who takes part: two merchants with three apps, three people, and WeChat.

use std::collections::BTreeMap;
use std::sync::Arc;

use shouyin_core::id::{Appid, InvalidId, Mchid, Openid};
use shouyin_core::product::Product;
use wechat_simulator::{
    App, AppKind, Command, Input, Merchant, Options, PlatformKey, PlatformKeys, Timing, Wechat,
};
use wechatpay::crypto::{ApiV3Key, KeyError};
use wechatpay::text::{self, TextError};
use wechatpay::v2::{ApiKey, InvalidApiKey};

use crate::hub::BEGIN_MS;
use crate::ports::{KeyPair, Signatures, Whose};
use crate::speaks::Speaks;
use crate::swarm::Swarm;

/// The mini program both merchants sell in.
const MINI_PROGRAM: &str = "wx1111222233334444";
/// Their official account, with pages inside WeChat.
const OFFICIAL_ACCOUNT: &str = "wx5555666677778888";
/// Their mobile app.
const MOBILE_APP: &str = "wx9999000011112222";
/// All apps. To WeChat and to our settings they are not interchangeable.
pub(crate) const APPS: [(&str, AppKind); 3] = [
    (MINI_PROGRAM, AppKind::MiniProgram),
    (OFFICIAL_ACCOUNT, AppKind::OfficialAccount),
    (MOBILE_APP, AppKind::MobileApp),
];

/// The app that somebody pays in. What needs no certain kind of app is spread over them.
pub(crate) const fn app_of(product: Product) -> &'static str {
    match product {
        Product::MiniProgram | Product::Native | Product::Code => MINI_PROGRAM,
        Product::Jsapi | Product::H5 => OFFICIAL_ACCOUNT,
        Product::App => MOBILE_APP,
    }
}

/// The merchants' numbers.
pub(crate) const MCHIDS: [&str; 2] = ["1900000001", "1900000002"];
/// The people with phones.
pub(crate) const USERS: [&str; 3] = ["ann", "bob", "eve"];

/// Why the world could not be built: a constant of this crate is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    Id(#[from] InvalidId),
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    OlderKey(#[from] InvalidApiKey),
    #[error("no keys could be made: {0}")]
    NoKeys(String),
}

/// What must never be in a log, an event or an incident, besides the payers' openids.
pub(crate) const API_V3_KEYS: [&str; 2] = [
    "0123456789abcdef0123456789abcdef",
    "fedcba9876543210fedcba9876543210",
];
/// The merchants' keys of the older protocol, which must not be told either.
pub(crate) const API_KEYS: [&str; 2] = [
    "olderolderolderolderolderolder01",
    "olderolderolderolderolderolder02",
];
/// The secret of every app.
pub(crate) const APP_SECRET: &str = "secret-of-the-mini-program";

/// One merchant as both sides know it.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) mchid: Mchid,
    pub(crate) wire_mchid: text::Mchid,
    /// Signs our requests.
    pub(crate) key: KeyPair,
    /// What WeChat signs with, oldest first; the last one is in use.
    pub(crate) platform: Vec<KeyPair>,
    /// How many of the platform keys our configuration knows.
    pub(crate) configured: usize,
    pub(crate) api_v3_key: ApiV3Key,
    /// The key of the older protocol.
    pub(crate) api_key: ApiKey,
    /// What our settings say.
    pub(crate) speaks: Speaks,
    /// Whether WeChat granted it payment codes by APIv3.
    pub(crate) v3_codes: bool,
    pub(crate) notify_url: text::NotifyUrl,
}

impl Party {
    /// Whether it can take payment codes: by the older protocol, or by APIv3 if WeChat granted that.
    pub(crate) fn serves(&self, product: Product) -> bool {
        product != Product::Code || self.v3_codes || self.speaks.sign_type().is_some()
    }
}

/// A person with a phone, whom every app knows by another openid.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) openids: Vec<(Appid, Openid)>,
}

impl Person {
    /// Their openid, and the app it is of.
    pub(crate) fn known_in(&self, appid: &str) -> Option<(Appid, Openid)> {
        let mut openids = self.openids.iter();
        openids.find(|(app, _)| app.as_str() == appid).cloned()
    }
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Setup {
    /// The apps, and what they are, as our settings say.
    pub(crate) apps: BTreeMap<Appid, shouyin_wechat::AppKind>,
    pub(crate) parties: Vec<Party>,
    pub(crate) people: Vec<Person>,
    pub(crate) wechat: Wechat,
    pub(crate) signatures: Signatures,
}

impl Setup {
    pub(crate) fn new(
        seed: u64,
        swarm: &Swarm,
        signatures: Signatures,
    ) -> Result<Self, SetupError> {
        let mut wechat = Wechat::new(Options {
            seed,
            log: false,
            assumptions: swarm.assumptions.clone(),
            timing: Timing {
                refund_ms: swarm.refund_ms,
                ..Timing::default()
            },
        });
        for (appid, _) in APPS {
            wechat = wechat.with_app(App {
                appid: appid.to_owned(),
                secret: APP_SECRET.to_owned(),
                platform: None,
            });
        }
        let mut parties = Vec::new();
        for (index, mchid) in MCHIDS.iter().enumerate() {
            let first = platform_key(1, signatures)?;
            let party = party(index, mchid, swarm, signatures)?;
            wechat = wechat.with_merchant(at_wechat(&party, &first));
            parties.push(party);
        }
        let mut people = Vec::new();
        for name in USERS {
            let mut openids = Vec::new();
            for (appid, _) in APPS {
                // A login makes WeChat give out the openid; until then orders for it are refused. How somebody comes to be known in an
                // app that is no mini program is not what this is about: what each app is, is said below.
                wechat.step(
                    BEGIN_MS,
                    Input::Control(Command::LoginCode {
                        appid: appid.to_owned(),
                        user: name.to_owned(),
                    }),
                );
                let openid = Openid::parse(wechat_simulator::openid(appid, name))?;
                openids.push((Appid::parse(appid)?, openid));
            }
            people.push(Person { openids });
        }
        let mut apps = BTreeMap::new();
        for (appid, kind) in APPS {
            wechat = wechat.with_app_kind(appid, kind);
            let ours = match kind {
                AppKind::MiniProgram => shouyin_wechat::AppKind::MiniProgram,
                AppKind::OfficialAccount => shouyin_wechat::AppKind::OfficialAccount,
                AppKind::MobileApp => shouyin_wechat::AppKind::MobileApp,
            };
            apps.insert(Appid::parse(appid)?, ours);
        }
        Ok(Self {
            apps,
            parties,
            people,
            wechat,
            signatures,
        })
    }
}

fn party(
    index: usize,
    mchid: &str,
    swarm: &Swarm,
    signatures: Signatures,
) -> Result<Party, SetupError> {
    let number = u64::try_from(index).unwrap_or(0);
    let which = usize::from(!swarm.one_api_v3_key && index > 0);
    let pick = |keys: [&'static str; 2]| keys.get(which).copied().unwrap_or_default();
    let url = format!("https://pay.example.com/wechat/notify/{mchid}");
    let serial = format!("5157F09EFDC096DE15EBE81A47057A7{index}");
    let key = signatures.key(Whose::Merchant, &serial, 100 + number);
    Ok(Party {
        mchid: Mchid::parse(mchid)?,
        wire_mchid: text::Mchid::parse(mchid)?,
        key: key.map_err(SetupError::NoKeys)?,
        platform: vec![platform_key(1, signatures)?],
        configured: 1,
        api_v3_key: ApiV3Key::new(pick(API_V3_KEYS))?,
        api_key: ApiKey::parse(pick(API_KEYS))?,
        speaks: swarm.speaks.get(index).copied().unwrap_or(Speaks::V3),
        v3_codes: swarm.v3_codes.get(index).copied().unwrap_or(false),
        notify_url: text::NotifyUrl::parse(&url)?,
    })
}

/// WeChat's key number `number`. Both merchants are told the same ones, so that only the cross-checks keep their
/// notifications apart.
pub(crate) fn platform_key(number: usize, signatures: Signatures) -> Result<KeyPair, SetupError> {
    let secret = u64::try_from(number).unwrap_or(0);
    let serial = format!("PUB_KEY_ID_01000000000020000101{number:010}");
    let key = signatures.key(Whose::Wechat, &serial, 200 + secret);
    key.map_err(SetupError::NoKeys)
}

fn at_wechat(party: &Party, first: &KeyPair) -> Merchant {
    let keys = PlatformKeys::public_key(PlatformKey {
        signer: Arc::clone(&first.signer),
        opener: None,
    });
    let mut merchant = Merchant::new(party.mchid.as_str(), "Coffee", keys)
        .with_app(MINI_PROGRAM)
        .with_app(OFFICIAL_ACCOUNT)
        .with_app(MOBILE_APP)
        .with_api_v3_key(party.api_v3_key.clone())
        .with_certificate(party.key.serial_no(), Arc::clone(&party.key.verifier));
    if party.speaks.sign_type().is_some() {
        merchant = merchant.with_api_key(party.api_key.clone());
    }
    // Refunds made in the console name no address.
    merchant.refund_notify_url = Some(party.notify_url.as_str().to_owned());
    merchant
}
