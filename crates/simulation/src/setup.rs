//! Who takes part: two merchants in one mini program, three people, and WeChat.

use std::sync::Arc;

use shouyin_core::id::{Appid, InvalidId, Mchid, Openid};
use wechat_simulator::{App, Command, Input, Merchant, Options, PlatformKey, PlatformKeys, Wechat};
use wechatpay::crypto::{ApiV3Key, KeyError};
use wechatpay::text::{self, TextError};

use crate::hub::BEGIN_MS;
use crate::ports::CheapKey;
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
}

/// One merchant as both sides know it.
#[derive(Debug, Clone)]
pub(crate) struct Party {
    pub(crate) mchid: Mchid,
    pub(crate) wire_mchid: text::Mchid,
    /// Signs our requests.
    pub(crate) signer: CheapKey,
    /// What WeChat signs with, oldest first; the last one is in use.
    pub(crate) platform: Vec<CheapKey>,
    /// How many of the platform keys our configuration knows.
    pub(crate) configured: usize,
    pub(crate) api_v3_key: ApiV3Key,
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
}

impl Setup {
    pub(crate) fn new(seed: u64, swarm: &Swarm) -> Result<Self, SetupError> {
        let appid = Appid::parse(APPID)?;
        let mut wechat = Wechat::new(Options {
            seed,
            log: false,
            assumptions: swarm.assumptions.clone(),
            ..Options::default()
        })
        .with_app(App {
            appid: APPID.to_owned(),
            secret: "secret".to_owned(),
            platform: None,
        });
        let mut parties = Vec::new();
        for (index, mchid) in MCHIDS.iter().enumerate() {
            let party = party(index, mchid, swarm)?;
            wechat = wechat.with_merchant(at_wechat(&party));
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
        })
    }
}

fn party(index: usize, mchid: &str, swarm: &Swarm) -> Result<Party, SetupError> {
    let number = u64::try_from(index).unwrap_or(0);
    let key = if swarm.one_api_v3_key || index == 0 {
        "0123456789abcdef0123456789abcdef"
    } else {
        "fedcba9876543210fedcba9876543210"
    };
    let url = format!("https://pay.example.com/wechat/notify/{mchid}");
    Ok(Party {
        mchid: Mchid::parse(mchid)?,
        wire_mchid: text::Mchid::parse(mchid)?,
        signer: CheapKey::new(
            format!("5157F09EFDC096DE15EBE81A47057A7{index}"),
            100 + number,
        ),
        platform: vec![platform_key(1)],
        configured: 1,
        api_v3_key: ApiV3Key::new(key)?,
        notify_url: text::NotifyUrl::parse(&url)?,
    })
}

/// WeChat's key number `number`. Both merchants are told the same ones, so that only the cross-checks keep their
/// notifications apart.
pub(crate) fn platform_key(number: usize) -> CheapKey {
    let secret = u64::try_from(number).unwrap_or(0);
    CheapKey::new(
        format!("PUB_KEY_ID_01000000000020000101{number:010}"),
        200 + secret,
    )
}

fn at_wechat(party: &Party) -> Merchant {
    let key = PlatformKey {
        signer: Arc::new(platform_key(1)),
        opener: None,
    };
    Merchant::new(
        party.mchid.as_str(),
        "Coffee",
        PlatformKeys::public_key(key),
    )
    .with_app(APPID)
    .with_api_v3_key(party.api_v3_key.clone())
    .with_certificate(
        wechatpay::v3::Signer::serial_no(&party.signer),
        Arc::new(party.signer.clone()),
    )
}
