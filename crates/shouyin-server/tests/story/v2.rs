//! The older protocol: everything a merchant does with APIv3, for merchants who are not there yet, and the way there.

mod certificate;
mod forgery;
mod moving;
mod refund;
mod sale;
mod speaks;

pub(crate) use speaks::{API_KEY, Speaks};

use wechatpay::v2::SignType;

use crate::desk::Desk;
use crate::world::Setup;

const BOTH_SIGN_TYPES: [SignType; 2] = [SignType::HmacSha256, SignType::Md5];

/// A shop that speaks the older protocol only.
async fn desk(sign_type: SignType) -> Desk {
    Desk::build(Setup {
        speaks: Speaks::V2(sign_type),
        ..Setup::default()
    })
    .await
}
