use crate::world::World;

#[tokio::test]
async fn a_reader_that_keeps_its_cursor_sees_every_event_once() {
    let world = World::new().await;
    let empty = world.get("/v1/events").await.ok(200);
    assert_eq!(
        (
            empty["data"].as_array().unwrap().len(),
            empty["next"].as_str()
        ),
        (0, Some("0"))
    );
    let mut made = Vec::new();
    for n in 0..3 {
        made.push(world.order(&format!("A-{n}")).await);
    }
    let mut cursor = "0".to_owned();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let page = world
            .get(&format!("/v1/events?limit=2&after={cursor}"))
            .await
            .ok(200);
        page["next"].as_str().unwrap().clone_into(&mut cursor);
        seen.extend(page["data"].as_array().unwrap().iter().cloned());
    }
    let payments: Vec<_> = seen
        .iter()
        .map(|e| e["payment_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(payments, made);
    let event = &seen[0];
    assert_eq!(event["type"], "payment.created");
    assert!(event["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(event["created_at"], "2026-01-05T04:03:04.000Z");
    assert_eq!(event["data"]["order_no"], "A-0");
    assert_eq!(event["data"]["state"], "open");
    // Another merchant's events are not these.
    let other = world
        .get_as(&world.other_api_key, "/v1/events")
        .await
        .ok(200);
    assert!(other["data"].as_array().unwrap().is_empty());
}
