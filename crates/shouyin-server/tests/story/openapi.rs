use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn the_document_is_what_it_was() {
    let document: Value = serde_json::from_str(&shouyin_server::openapi_document()).unwrap();
    insta::assert_json_snapshot!(document);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let text = shouyin_server::openapi_document();
    let document: Value = serde_json::from_str(&text).unwrap();
    let names: BTreeSet<&str> = text
        .split("\"#/components/schemas/")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(
            document["components"]["schemas"].get(name).is_some(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_binary_serves_its_own_documentation() {
    let world = World::new().await;
    let served = world.get("/openapi.json").await;
    assert_eq!(served.headers["content-type"], "application/json");
    assert_eq!(served.text, shouyin_server::openapi_document());
    let page = world.get("/docs").await;
    assert_eq!(
        (page.status, page.headers["content-type"].to_str().unwrap()),
        (200, "text/html; charset=utf-8")
    );
    for name in ["page.css", "page.js"] {
        assert!(page.text.contains(&format!("/docs/{name}")), "{name}");
        let asset = world.get(&format!("/docs/{name}")).await;
        assert_eq!(asset.status, 200);
        assert!(asset.text.len() > 500, "{name}");
        assert!(
            !asset.text.contains("http://") && !asset.text.contains("https://"),
            "nothing from elsewhere"
        );
    }
    assert!(!page.text.contains("src=\"http") && !page.text.contains("href=\"http"));
    // Every problem links to its description here.
    for code in [
        "order_no_conflict",
        "payment_closed",
        "session_expired",
        "wechat_unavailable",
    ] {
        assert!(page.text.contains(&format!("id=\"{code}\"")), "{code}");
    }
}
