//! A page of the official account in a browser inside WeChat: how it learns who looks at it.

use anyhow::{Context, bail};
use reqwest::Url;

use super::World;

/// A page of the shop's.
const PAGE: &str = "https://shop.example.com/pay";

impl World {
    /// The page sends its visitor to our server, that one to WeChat, and WeChat back to the page with a code: the code.
    pub(crate) async fn page_code(&self, appid: &str, user: &str) -> anyhow::Result<String> {
        let ours = Url::parse_with_params(
            &format!("{}/mp/v1/authorize", self.ours.url()),
            [("appid", appid), ("redirect_uri", PAGE), ("state", "s1")],
        )?;
        let to_wechat = self.redirected(ours, user).await?;
        let back = self.redirected(Url::parse(&to_wechat)?, user).await?;
        let code = back
            .strip_prefix(PAGE)
            .and_then(|query| query.strip_prefix("?code="))
            .and_then(|rest| rest.strip_suffix("&state=s1"));
        code.map(str::to_owned)
            .with_context(|| format!("the browser is sent to {back}"))
    }

    /// Where this address sends the browser on this user's phone.
    async fn redirected(&self, url: Url, user: &str) -> anyhow::Result<String> {
        let cookie = format!("simulated_user={user}");
        let request = self.http.get(url.clone()).header("Cookie", cookie);
        let answer = request.send().await?;
        let location = answer.headers().get("Location");
        if let Some(location) = location {
            return Ok(location.to_str()?.to_owned());
        }
        let status = answer.status();
        bail!("{url} shows a page: {status} {}", answer.text().await?)
    }
}
