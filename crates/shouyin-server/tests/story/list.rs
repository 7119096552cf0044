use serde_json::Value;

use crate::world::World;

fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().unwrap();
    data.iter()
        .map(|p| p["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn pages_run_from_new_to_old_without_gaps() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(world.order(&format!("A-{n}")).await);
        world.clock.advance_ms(1_000);
    }
    made.reverse();
    let mut seen = Vec::new();
    let mut path = "/v1/payments?limit=2".to_owned();
    for pages in 1.. {
        let page = world.get(&path).await.ok(200);
        seen.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/payments?limit=2&after={next}"),
            None => {
                assert_eq!(pages, 3);
                break;
            }
        }
    }
    assert_eq!(seen, made);
    // Exactly full is the end as well.
    assert_eq!(
        world.get("/v1/payments?limit=5").await.ok(200)["next"],
        Value::Null
    );
}

#[tokio::test]
async fn lists_are_filtered_and_belong_to_one_merchant() {
    let world = World::new().await;
    let first = world.order("A-1").await;
    let second = world.order("A-2").await;
    world
        .post(
            &format!("/v1/payments/{first}/close"),
            &serde_json::json!({}),
        )
        .await
        .ok(200);
    let list = |query: &'static str| async { ids(&world.get(query).await.ok(200)) };
    assert_eq!(
        list("/v1/payments?state=closed").await,
        std::slice::from_ref(&first)
    );
    assert_eq!(
        list("/v1/payments?state=open").await,
        std::slice::from_ref(&second)
    );
    assert_eq!(list("/v1/payments?order_no=A-2").await, [second]);
    assert_eq!(list("/v1/payments?order_no=A-9").await, [""; 0]);
    let other = world
        .get_as(&world.other_api_key, "/v1/payments")
        .await
        .ok(200);
    assert!(ids(&other).is_empty());
}

#[tokio::test]
async fn bad_parameters_are_named() {
    let world = World::new().await;
    for (query, says) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("state=done", "state must be open, closing, paid or closed"),
        ("after=pay_1", "after"),
        ("order_no=", "order_no"),
        ("color=red", "color"),
        ("limit=1&limit=2", "limit"),
    ] {
        let problem = world
            .get(&format!("/v1/payments?{query}"))
            .await
            .problem(400, "invalid_query");
        assert!(
            problem["detail"].as_str().unwrap().contains(says),
            "{query}: {problem}"
        );
    }
    for query in ["after=x", "after=-1", "limit=0", "before=1"] {
        world
            .get(&format!("/v1/events?{query}"))
            .await
            .problem(400, "invalid_query");
    }
}
