//! How a user of the mini program, or of a page of the official account, gets a session.

use anyhow::bail;
use serde_json::json;

use super::check;
use crate::scenario::app::ShopApp;
use crate::scenario::step::Login;
use crate::scenario::world::{Call, World};

pub(super) async fn take(world: &mut World, login: &Login) -> anyhow::Result<String> {
    let app = login.app.unwrap_or(ShopApp::of(world.product()));
    let known = world
        .phones
        .get(&login.login)
        .and_then(|phone| phone.codes.get(&app).cloned())
        .filter(|_| login.again);
    let code = match known {
        Some(code) => code,
        None => fresh_code(world, app, &login.login).await?,
    };
    let appid = world.appid_of(login.claims.unwrap_or(app))?;
    let call = Call {
        method: "POST",
        path: "/mp/v1/login".to_owned(),
        bearer: None,
        key: None,
        body: Some(json!({ "appid": appid, "code": code })),
    };
    let answer = world.send(call).await?;
    let phone = world.phones.entry(login.login.clone()).or_default();
    phone.codes.insert(app, code);
    if let Some(token) = answer.body["session_token"].as_str() {
        phone.sessions.insert(app, token.to_owned());
    }
    check(&answer, login.answers.as_deref())
}

/// What the app's own way to WeChat gives.
async fn fresh_code(world: &World, app: ShopApp, who: &str) -> anyhow::Result<String> {
    let appid = world.appid_of(app)?;
    match app {
        ShopApp::MiniProgram => {
            let body = json!({ "appid": appid, "user": who });
            let made = world.control.post("/login-codes", body).await?;
            Ok(made["code"].as_str().unwrap_or_default().to_owned())
        }
        ShopApp::OfficialAccount => world.page_code(&appid, who).await,
        ShopApp::MobileApp => bail!("nobody logs in from a mobile app here"),
    }
}

/// The user's session in an app, made now if there is none.
pub(super) async fn session(
    world: &mut World,
    app: ShopApp,
    who: &str,
) -> anyhow::Result<Option<String>> {
    let known = |world: &World| {
        let phone = world.phones.get(who);
        phone.and_then(|phone| phone.sessions.get(&app).cloned())
    };
    if known(world).is_none() {
        let login = Login {
            login: who.to_owned(),
            again: false,
            app: Some(app),
            claims: None,
            answers: None,
        };
        take(world, &login).await?;
    }
    Ok(known(world))
}
