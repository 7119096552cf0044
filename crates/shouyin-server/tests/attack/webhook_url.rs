//! Webhook endpoints that point to where only this server can reach.

use serde_json::json;

use crate::case::{Expect, Group};
use crate::desk::post;
use crate::shop::{Shop, keyed};
use crate::wire::Request;

/// Internal addresses, in every spelling that some reader of addresses understands.
const INTERNAL: [&str; 58] = [
    "https://127.0.0.1/",
    "https://127.0.0.1:8790/",
    "https://127.1/",
    "https://127.0.1/",
    "https://127.255.255.254/",
    "https://0.0.0.0/",
    "https://0/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://017700000001/",
    "https://127.0.0.1./",
    "https://[::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fd12:3456:789a::1]/",
    "https://[ff02::1]/",
    "https://10.0.0.1/",
    "https://10.255.255.255/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.0.1/",
    "https://192.168.255.255/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.0.1/",
    "https://[fd00:ec2::254]/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://192.0.0.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://240.0.0.1/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://localhost./",
    "https://localhost:443/",
    "https://a.localhost/",
    "https://0xA9FEA9FE/",
    "https://2852039166/",
    "https://0251.0376.0251.0376/",
    "https://169.254.43518/",
    "https://%31%32%37.0.0.1/",
    "https://127%2e0%2e0%2e1/",
    "https://\u{2460}\u{2461}\u{2466}.\u{24ea}.\u{24ea}.\u{2460}/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1/",
    "https://127\u{3002}0\u{3002}0\u{3002}1/",
    "https://user:password@127.0.0.1/",
];

/// No addresses of a receiver of webhooks at all.
const NONE: [&str; 34] = [
    "",
    " ",
    "/hook",
    "//shop.example.com/hook",
    "shop.example.com/hook",
    "http://shop.example.com/hook",
    "HTTP://shop.example.com/hook",
    "ftp://shop.example.com/",
    "file:///etc/passwd",
    "gopher://shop.example.com/",
    "javascript:alert(1)",
    "data:text/plain,hello",
    "unix:/var/run/docker.sock",
    "jar:https://shop.example.com!/",
    "https://",
    "https:///hook",
    "https:/shop.example.com/",
    "https:shop.example.com/",
    "https:\\\\shop.example.com/",
    "ht\ttps://shop.example.com/",
    "https://:443/",
    "https://shop.example.com:0/",
    "https://shop.example.com:65536/",
    "https://shop.example.com:abc/",
    "https://user@shop.example.com/",
    "https://user:password@shop.example.com/",
    "https://shop.example.com@127.0.0.1/",
    "https://127.0.0.1#@shop.example.com/",
    "https://shop.example.com\\@127.0.0.1/",
    "https://shop.example.com/\r\nHost: evil",
    "https://shop.example.com/\0",
    "https://[::1/",
    "https://shop example.com/",
    "https://\u{202e}moc.elpmaxe/",
];

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group =
        Group::new("webhook endpoints at internal addresses, in all spellings, and at none");
    let key = &shop.desk.api_key;
    let refused = Expect::Status(&[400, 422]);
    for (number, url) in INTERNAL.iter().chain(&NONE).enumerate() {
        let body = json!({ "url": url }).to_string();
        let create = keyed(
            key,
            "/v1/webhook_endpoints",
            body.clone(),
            &format!("url-{number}"),
        );
        group.add(format!("create {url:?}"), &create, refused);
        if number % 4 == 0 {
            let mut change = post(
                key,
                &format!("/v1/webhook_endpoints/{}", shop.endpoint),
                body,
            );
            "PATCH".clone_into(&mut change.method);
            group.add(format!("change to {url:?}"), &change, refused);
        }
    }
    let long = format!("https://shop.example.com/{}", "a".repeat(5000));
    for (name, body) in [
        ("an address of 5000 characters", json!({ "url": long })),
        (
            "an address that is a list",
            json!({ "url": ["https://shop.example.com/"] }),
        ),
        (
            "an event that does not exist",
            json!({ "url": "https://shop.example.com/", "event_types": ["payment.*"] }),
        ),
        (
            "events that are a text",
            json!({ "url": "https://shop.example.com/", "event_types": "payment.paid" }),
        ),
        (
            "a secret of one's own",
            json!({ "url": "https://shop.example.com/", "secret": "whsec_AAAA" }),
        ),
        (
            "another merchant",
            json!({ "url": "https://shop.example.com/", "mchid": "1900000002" }),
        ),
        (
            "a description of 10,000 characters",
            json!({ "url": "https://shop.example.com/", "description": "x".repeat(10_000) }),
        ),
    ] {
        let create = keyed(
            key,
            "/v1/webhook_endpoints",
            body.to_string(),
            name.replace(' ', "").as_str(),
        );
        group.add(format!("create with {name}"), &create, refused);
    }
    let path = format!("/v1/webhook_endpoints/{}/rotate_secret", shop.endpoint);
    for seconds in ["-1", "604801", "1.5", "\"0\"", "9223372036854775807"] {
        let body = format!(r#"{{"overlap_seconds":{seconds}}}"#);
        let rotate = keyed(
            key,
            &path,
            body,
            &format!("rotate{seconds}").replace('"', ""),
        );
        group.add(
            format!("rotate with an overlap of {seconds}"),
            &rotate,
            refused,
        );
    }
    let path = format!("/v1/webhook_endpoints/{}/resend", shop.endpoint);
    for (number, body) in [
        r#"{"event_id":"evt_0"}"#,
        r#"{"event_id":1}"#,
        r#"{"after":"x"}"#,
        r#"{"after":-1,"event_id":"evt_0"}"#,
        r#"{"only_failed":"yes"}"#,
    ]
    .into_iter()
    .enumerate()
    {
        let resend = keyed(key, &path, body, &format!("resend{number}"));
        group.add(format!("resend {body}"), &resend, Expect::Refused);
    }
    let secret = Request::new(
        "GET",
        format!("/v1/webhook_endpoints/{}/secret", shop.endpoint),
    );
    let secret = secret.header("Authorization", format!("Bearer {key}"));
    group.add("read a secret again", &secret, Expect::Status(&[404]));
    group
}
