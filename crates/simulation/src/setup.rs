//! Who takes part: two merchants in one mini program, three people, and WeChat.

use std::sync::Arc;

use shouyin_core::id::{Appid, InvalidId, Mchid, Openid};
use wechat_simulator::{
    App, Command, Input, Merchant, Options, PlatformKey, PlatformKeys, Timing, Wechat,
};
use wechatpay::crypto::{ApiV3Key, KeyError};
use wechatpay::text::{self, TextError};
use wechatpay::v2::{ApiKey, InvalidApiKey};

use crate::hub::BEGIN_MS;
use crate::ports::{KeyPair, Signatures, Whose};
use crate::speaks::Speaks;
use crate::swarm::Swarm;

/// The mini program both merchants sell in.
pub(crate) const APPID: &str = "wx1111222233334444";
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
/// The secret of the mini program.
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
    pub(crate) notify_url: text::NotifyUrl,
}

/// A person with a phone.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) openid: Openid,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) appid: Appid,
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
        let appid = Appid::parse(APPID)?;
        let mut wechat = Wechat::new(Options {
            seed,
            log: false,
            assumptions: swarm.assumptions.clone(),
            timing: Timing {
                refund_ms: swarm.refund_ms,
                ..Timing::default()
            },
        })
        .with_app(App {
            appid: APPID.to_owned(),
            secret: APP_SECRET.to_owned(),
            platform: None,
        });
        let mut parties = Vec::new();
        for (index, mchid) in MCHIDS.iter().enumerate() {
            let first = platform_key(1, signatures)?;
            let party = party(index, mchid, swarm, signatures)?;
            wechat = wechat.with_merchant(at_wechat(&party, &first));
            parties.push(party);
        }
        let mut people = Vec::new();
        for name in USERS {
            // A login makes WeChat give out the openid; until then orders for it are refused.
            wechat.step(
                BEGIN_MS,
                Input::Control(Command::LoginCode {
                    appid: APPID.to_owned(),
                    user: name.to_owned(),
                }),
            );
            let openid = Openid::parse(wechat_simulator::openid(APPID, name))?;
            people.push(Person { openid });
        }
        Ok(Self {
            appid,
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
        .with_app(APPID)
        .with_api_v3_key(party.api_v3_key.clone())
        .with_certificate(party.key.serial_no(), Arc::clone(&party.key.verifier));
    if party.speaks.sign_type().is_some() {
        merchant = merchant.with_api_key(party.api_key.clone());
    }
    // Refunds made in the console name no address.
    merchant.refund_notify_url = Some(party.notify_url.as_str().to_owned());
    merchant
}
