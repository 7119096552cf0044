//! What a page inside WeChat passes to its bridge.

use serde::{Deserialize, Serialize};

/// The parameters of `WeixinJSBridge.invoke('getBrandWCPayRequest', ...)`: those of a mini program and the app.
///
/// For the older protocol the page of official accounts was not at hand; that the same six values go there is UNCONFIRMED.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BridgePayment<P> {
    /// The app of the order, which is signed.
    #[serde(rename = "appId")]
    pub app_id: String,
    /// The other five.
    #[serde(flatten)]
    pub parameters: P,
}

impl<P> BridgePayment<P> {
    /// With the app that the parameters were signed for.
    pub fn new(appid: &str, parameters: P) -> Self {
        Self {
            app_id: appid.to_owned(),
            parameters,
        }
    }
}
