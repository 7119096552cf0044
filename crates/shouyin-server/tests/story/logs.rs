//! What is in the log, and what never is.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::wechat::{API_V3_KEY, APP_SECRET, SESSION_KEY, Trouble, openid};
use crate::world::World;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn logs_have_numbers_to_search_for_and_no_secrets() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .with_ansi(false)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    // While one subscriber lives, a log line that another test's thread reaches first is switched off for everybody: so all of
    // them are reached once, and looked at again.
    everything_that_is_logged(&World::new().await).await;
    tracing::callsite::rebuild_interest_cache();
    lines.0.lock().unwrap().clear();
    let world = World::new().await;
    let (session, id, number) = everything_that_is_logged(&world).await;

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for part in [
        format!("Payment {id} created payment.id={id} order_no=\"A-1\""),
        format!("Payment {id} is paid payment.id={id} order_no=\"A-1\" out_trade_no=\"{number}\""),
        "acquirer.code=\"SYSTEM_ERROR\" acquirer.request_id=\"08F5-4711\"".to_owned(),
        "Notification refused".to_owned(),
        "WeChat refuses this server's logins".to_owned(),
    ] {
        assert!(log.contains(&part), "{part} in\n{log}");
    }
    for secret in [
        session.as_str(),
        &world.api_key,
        "sk_",
        &openid("alice"),
        APP_SECRET,
        SESSION_KEY,
        API_V3_KEY,
        "PRIVATE KEY",
    ] {
        assert!(!log.contains(secret), "{secret} in\n{log}");
    }
}

async fn everything_that_is_logged(world: &World) -> (String, String, String) {
    let session = world.session("alice-1").await;
    let id = world.order("A-1").await;
    let pay = format!("/mp/v1/payments/{id}/pay");
    world
        .wechat
        .trouble("prepay", Trouble::Refuse(500, "SYSTEM_ERROR"));
    world
        .phone(&session, &pay)
        .await
        .problem(503, "wechat_unavailable");
    world.phone(&session, &pay).await.ok(200);
    let number = world.wechat.the_order();
    world.wechat.buyer_pays(&number);
    let said = world.wechat.transaction(&number);
    let (headers, body) = world.wechat.notification(&said);
    world.notify((vec![], body.clone())).await;
    world.notify((headers, body)).await;
    world.login("secret").await.problem(500, "misconfigured");
    world.login("busy").await.problem(503, "wechat_unavailable");
    world
        .get_as("sk_unknown", "/v1/payments")
        .await
        .problem(401, "api_key_invalid");
    (session, id, number)
}
