//! The APIs without a key, with a wrong one, with somebody else's; ids that are guessed.

use crate::case::{Expect, Group, NOT_FOUND, UNPROVEN};
use crate::desk::post;
use crate::shop::{Shop, keyed};
use crate::wire::Request;

/// Every address of the merchant API that an id stands in: method, path, body.
fn of_ids(
    payment: &str,
    refund: &str,
    endpoint: &str,
    event: &str,
) -> Vec<(&'static str, String, &'static str)> {
    let payments = format!("/v1/payments/{payment}");
    let refunds = format!("/v1/refunds/{refund}");
    let endpoints = format!("/v1/webhook_endpoints/{endpoint}");
    vec![
        ("GET", payments.clone(), ""),
        ("POST", format!("{payments}/close"), "{}"),
        ("POST", format!("{payments}/sync"), "{}"),
        ("POST", format!("{payments}/pay"), "{}"),
        ("GET", format!("{payments}/qr.svg"), ""),
        ("GET", format!("{payments}/qr.png"), ""),
        ("POST", format!("{payments}/revise"), r#"{"amount_fen":1}"#),
        (
            "POST",
            format!("{payments}/refunds"),
            r#"{"refund_no":"guess","amount_fen":1}"#,
        ),
        ("GET", format!("{payments}/refunds"), ""),
        ("GET", refunds.clone(), ""),
        ("POST", format!("{refunds}/sync"), "{}"),
        (
            "POST",
            format!("{refunds}/remedy"),
            r#"{"type":"merchant_bank_card"}"#,
        ),
        ("GET", endpoints.clone(), ""),
        (
            "PATCH",
            endpoints.clone(),
            r#"{"url":"https://evil.example.com/"}"#,
        ),
        ("DELETE", endpoints.clone(), ""),
        ("POST", format!("{endpoints}/rotate_secret"), "{}"),
        ("GET", format!("{endpoints}/deliveries"), ""),
        ("GET", format!("{endpoints}/deliveries/{event}"), ""),
        ("POST", format!("{endpoints}/resend"), r#"{"after":"0"}"#),
    ]
}

/// And those without.
const LISTS: [(&str, &str, &str); 8] = [
    (
        "POST",
        "/v1/payments",
        r#"{"order_no":"x","amount_fen":1,"description":"x"}"#,
    ),
    ("GET", "/v1/payments", ""),
    ("GET", "/v1/refunds", ""),
    ("GET", "/v1/events", ""),
    ("GET", "/v1/balance", ""),
    ("GET", "/v1/incidents", ""),
    (
        "POST",
        "/v1/webhook_endpoints",
        r#"{"url":"https://evil.example.com/"}"#,
    ),
    ("GET", "/v1/webhook_endpoints", ""),
];

fn ours(shop: &Shop) -> Vec<(&'static str, String, &'static str)> {
    let mut all = of_ids(&shop.open.id, &shop.refund, &shop.endpoint, &shop.event);
    all.extend(LISTS.map(|(method, path, body)| (method, path.to_owned(), body)));
    all
}

fn request(method: &str, path: &str, body: &str) -> Request {
    Request::new(method, path)
        .header("Content-Type", "application/json")
        .header("Idempotency-Key", "attack")
        .body(body)
}

pub(crate) fn keys(shop: &Shop) -> Group {
    let mut group =
        Group::new("every address of the merchant API without a key, or with one that is none");
    let unknown = format!("Bearer sk_{}", "0".repeat(64));
    let session = format!("Bearer {}", shop.alice);
    for (method, path, body) in ours(shop) {
        let plain = request(method, &path, body);
        let name = |what: &str| format!("{method} {path} {what}");
        group.add(name("without a key"), &plain, UNPROVEN);
        group.add(
            name("with an unknown key"),
            &plain.clone().header("Authorization", &unknown),
            UNPROVEN,
        );
        group.add(
            name("with a buyer's session"),
            &plain.clone().header("Authorization", &session),
            UNPROVEN,
        );
    }
    let key = &shop.desk.api_key;
    let path = format!("/v1/payments/{}", shop.paid.id);
    for (name, value) in [
        ("Basic", format!("Basic {key}")),
        ("no scheme", key.clone()),
        ("Bearer twice", format!("Bearer Bearer {key}")),
        ("a list", format!("Bearer {key}, Bearer {key}")),
        ("quoted", format!("Bearer \"{key}\"")),
        (
            "in capitals",
            format!("Bearer {}", key.to_ascii_uppercase()),
        ),
        (
            "one character less",
            format!("Bearer {}", &key[..key.len() - 1]),
        ),
        ("one character more", format!("Bearer {key}0")),
        ("the prefix alone", "Bearer sk_".to_owned()),
        ("empty", "Bearer ".to_owned()),
        ("null", "Bearer null".to_owned()),
        ("a pattern", "Bearer sk_%".to_owned()),
        ("SQL", "Bearer sk_' OR '1'='1".to_owned()),
        ("8000 characters", format!("Bearer sk_{}", "a".repeat(8000))),
        (
            "characters that are not ASCII",
            format!("Bearer {key}\u{200b}"),
        ),
        (
            "a hash instead of the key",
            "Bearer sk_e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
        ),
    ] {
        let request = Request::new("GET", &path).header("Authorization", value);
        group.add(format!("a key: {name}"), &request, UNPROVEN);
    }
    let bearer = format!("Bearer {key}");
    let twice = Request::new("GET", &path)
        .header("Authorization", &bearer)
        .header("Authorization", &bearer);
    group.add("a key: the header twice", &twice, UNPROVEN);
    group.add(
        "a key: in the query",
        &Request::new("GET", format!("{path}?api_key={key}")),
        UNPROVEN,
    );
    group.add(
        "a key: in a cookie",
        &Request::new("GET", &path).header("Cookie", format!("Authorization={bearer}")),
        UNPROVEN,
    );
    group.add(
        "a key: in X-Api-Key",
        &Request::new("GET", &path).header("X-Api-Key", key),
        UNPROVEN,
    );
    group.add(
        "a key: in Proxy-Authorization",
        &Request::new("GET", &path).header("Proxy-Authorization", &bearer),
        UNPROVEN,
    );
    group
}

pub(crate) fn guesses(shop: &Shop) -> Group {
    let mut group = Group::new("ids of another merchant, with a key that is good");
    let bearer = format!("Bearer {}", shop.desk.other_api_key);
    for (method, path, body) in of_ids(&shop.paid.id, &shop.refund, &shop.endpoint, &shop.event) {
        let request = request(method, &path, body).header("Authorization", &bearer);
        group.add(format!("{method} {path}"), &request, NOT_FOUND);
    }
    // Our payment, their endpoint, and the other way round.
    let path = format!("/v1/webhook_endpoints/{}/resend", shop.others_endpoint);
    let theirs =
        post(&shop.desk.api_key, &path, r#"{"after":"0"}"#).header("Idempotency-Key", "guess-1");
    group.add("our key, their endpoint", &theirs, NOT_FOUND);
    let body = format!(r#"{{"event_id":"{}"}}"#, shop.event);
    let path = format!("/v1/webhook_endpoints/{}/resend", shop.others_endpoint);
    let event = post(&shop.desk.other_api_key, &path, body).header("Idempotency-Key", "guess-2");
    group.add("their endpoint, our event", &event, NOT_FOUND);
    let key = &shop.desk.api_key;
    for id in ids(&shop.others.id) {
        let short: String = id.chars().take(60).collect();
        let get = Request::new("GET", format!("/v1/payments/{id}"))
            .header("Authorization", format!("Bearer {key}"));
        group.add(
            format!("GET payment {short}"),
            &get,
            Expect::Status(&[400, 404]),
        );
        let back = keyed(
            key,
            &format!("/v1/payments/{id}/refunds"),
            r#"{"refund_no":"g"}"#,
            "guess-3",
        );
        group.add(
            format!("refund of payment {short}"),
            &back,
            Expect::Status(&[400, 404]),
        );
    }
    for (path, name) in [
        (
            "/v1/payments?order_no=%27%20OR%20%271%27%3D%271&mchid=1900000002",
            "mchid in the query",
        ),
        ("/v1/payments?limit=-1", "a negative limit"),
        ("/v1/payments?limit=0", "no limit at all"),
        ("/v1/payments?limit=1000000", "a huge limit"),
        (
            "/v1/payments?limit=99999999999999999999",
            "a limit of 20 digits",
        ),
        (
            "/v1/payments?after=%27%3B%20drop%20table%20payments%3B--",
            "SQL as the cursor",
        ),
        (
            "/v1/payments?state=paid%27%20OR%201%3D1",
            "SQL as the state",
        ),
        ("/v1/payments?state=%00", "a zero byte as the state"),
        ("/v1/refunds?payment_id=*", "a pattern as the payment"),
        ("/v1/refunds?payment_id=%25", "SQL's pattern as the payment"),
        (
            "/v1/events?after=-9223372036854775809",
            "a cursor below all numbers",
        ),
        (
            "/v1/events?after=1%20UNION%20SELECT%20*%20FROM%20api_keys",
            "SQL as the place of an event",
        ),
        ("/v1/payments?limit=1&limit=2", "a parameter there twice"),
        ("/v1/payments?unknown=1", "a parameter nobody knows"),
    ] {
        let get = Request::new("GET", path).header("Authorization", format!("Bearer {key}"));
        group.add(format!("list: {name}"), &get, Expect::Status(&[400]));
    }
    group
}

/// Ids that exist for somebody else, never existed, or are none.
fn ids(others: &str) -> Vec<String> {
    vec![
        others.to_owned(),
        format!("pay_{}", "0".repeat(32)),
        format!("pay_{}", "f".repeat(32)),
        others.to_ascii_uppercase(),
        others.replace("pay_", ""),
        others.replace("pay_", "ref_"),
        others[..others.len() - 1].to_owned(),
        format!("{others}0"),
        format!("{others}%00"),
        format!("{others}%20"),
        "%27%20OR%20%271%27%3D%271".to_owned(),
        "pay_%25".to_owned(),
        "*".to_owned(),
        "..%2f..%2fetc%2fpasswd".to_owned(),
        "%ff".to_owned(),
        "x".repeat(4000),
    ]
}
