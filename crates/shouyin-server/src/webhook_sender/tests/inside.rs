//! Internal addresses, and names that lead there.

use super::desk::{Answer, Names, Receiver, message, refused, sender_with};
use super::*;

#[tokio::test]
async fn a_literal_internal_address_is_not_called_in_any_spelling() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let port = receiver.address.port();
    let names = Names::new(&[&["127.0.0.1"]]);
    let strict = sender_with(&[], 5_000, names.clone());
    // What would happen without the check: the client takes all of these for 127.0.0.1.
    let lenient = sender_with(&["127.0.0.0/8"], 5_000, names.clone());
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.0.0.1.",
        "127。0。0。1",
        "[::ffff:127.0.0.1]",
    ] {
        let before = receiver.count();
        let message = message(format!("http://{host}:{port}/"));
        assert!(strict.accepts(&message.url).is_err(), "{host}");
        let said = refused(strict.send(&message).await);
        assert!(said.contains("internal host"), "{host}: {said}");
        assert_eq!(before, receiver.count(), "{host}");
        if host != "[::ffff:127.0.0.1]" {
            assert_eq!(lenient.send(&message).await, Reply::Status(200), "{host}");
            assert_eq!(receiver.count(), before + 1);
        }
    }
    assert!(names.asked().is_empty(), "literals are not looked up");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let port = receiver.address.port();
    for inside in [
        &["127.0.0.1"][..],
        &["::ffff:127.0.0.1"],
        &["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254"],
        &["64:ff9b::127.0.0.1"],
    ] {
        let names = Names::new(&[inside]);
        let sender = sender_with(&[], 5_000, names.clone());
        let message = message(format!("http://shop.example:{port}/"));
        assert_eq!(
            sender.accepts(&message.url),
            Ok(()),
            "the name itself is harmless"
        );
        let said = refused(sender.send(&message).await);
        assert_eq!(said, "no connection: the name has no public address");
        assert_eq!(names.asked(), ["shop.example"]);
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
async fn the_machines_own_way_to_look_up_names_is_checked_like_any_other() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let message = message(format!("http://localhost:{}/", receiver.address.port()));
    let open = sender_with(&["127.0.0.0/8"], 5_000, Arc::new(SystemLookup));
    assert_eq!(open.send(&message).await, Reply::Status(200));
    // The same name with another network listed: its addresses are found, and dropped.
    let other = sender_with(&["::1/128"], 5_000, Arc::new(SystemLookup));
    assert_eq!(other.accepts(&message.url), Ok(()));
    refused(other.send(&message).await);
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_is_told_without_the_name_servers() {
    for names in [Names::new(&[]), Names::new(&[&[]])] {
        let sender = sender_with(&[], 5_000, names);
        let said = refused(
            sender
                .send(&message("http://shop.example/".to_owned()))
                .await,
        );
        assert_eq!(said, "no connection: the name cannot be resolved");
    }
}

/// DNS rebinding: the name server gives an allowed address first and an internal one for every later question. A sender that
/// checked the name and then let the HTTP client look it up again would land inside.
#[tokio::test]
async fn dns_that_changes_its_mind_between_check_and_connection_gains_nothing() {
    let good = Receiver::new(Answer::Close).await;
    let port = good.address.port();
    // Where the second answer leads: another address of this machine, which is not allowed.
    let trap = Receiver::at(format!("127.0.0.2:{port}").parse().unwrap(), Answer::Close).await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let sender = sender_with(&["127.0.0.1/32"], 5_000, names.clone());
    let message = message(format!("http://shop.example:{port}/"));

    assert_eq!(sender.send(&message).await, Reply::Status(200));
    assert_eq!(good.count(), 1);
    assert_eq!(
        names.asked().len(),
        1,
        "looked up once: checked and connected"
    );
    let host = &good.requests()[0].headers["host"];
    assert_eq!(host.to_str().unwrap(), format!("shop.example:{port}"));

    let said = refused(sender.send(&message).await);
    assert_eq!(said, "no connection: the name has no public address");
    assert_eq!(names.asked().len(), 2);
    assert_eq!(good.count(), 1);
    assert_eq!(
        trap.map_or(0, |trap| trap.count()),
        0,
        "the trap stayed empty"
    );
}

#[tokio::test]
async fn internal_addresses_among_public_ones_are_left_out() {
    let good = Receiver::new(Answer::Close).await;
    let port = good.address.port();
    let trap = Receiver::at(format!("127.0.0.2:{port}").parse().unwrap(), Answer::Close).await;
    let names = Names::new(&[&["127.0.0.2", "::1", "127.0.0.1", "127.0.0.2"]]);
    let sender = sender_with(&["127.0.0.1/32"], 5_000, names);
    for _ in 0..3 {
        let message = message(format!("http://shop.example:{port}/"));
        assert_eq!(sender.send(&message).await, Reply::Status(200));
    }
    assert_eq!(good.count(), 3);
    assert_eq!(trap.map_or(0, |trap| trap.count()), 0);
}

#[tokio::test]
async fn an_endpoint_that_was_accepted_under_other_options_is_checked_again() {
    let receiver = Receiver::new(Answer::Status(StatusCode::OK)).await;
    let message = message(receiver.url("/"));
    let strict = HttpWebhookSender::with_lookup(
        WebhookOptions {
            allowed_networks: vec!["127.0.0.0/8".parse().unwrap()],
            ..WebhookOptions::default()
        },
        Names::new(&[]),
    )
    .unwrap();
    let said = refused(strict.send(&message).await);
    assert_eq!(said, "the address must begin with https://");
    assert_eq!(receiver.count(), 0);
}
