//! The calls in `docs/products.md`, in both languages, do what is printed under them: run by a shell, as they stand there.

use std::path::Path;

use serde_json::{Value, json};

use crate::desk::Desk;

/// The blocks of this language in a document.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    document
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// The first answer that is printed in a block, if there is one: `# {...}`, over one or more lines.
fn printed(block: &str) -> Option<Value> {
    let text: String = block
        .lines()
        .filter_map(|line| line.strip_prefix('#'))
        .collect();
    let mut values = serde_json::Deserializer::from_str(&text).into_iter();
    values.next().map(Result::unwrap)
}

/// The names of all members, with those of their members.
fn names(value: &Value) -> Value {
    match value.as_object() {
        None => Value::Null,
        Some(members) => members
            .iter()
            .map(|(name, one)| (name.clone(), names(one)))
            .collect(),
    }
}

/// Runs a script; what it prints, one JSON document a line.
fn run(desk: &Desk, script: &str) -> Vec<Value> {
    // A shell without a proxy: the server is on this machine.
    let output = tokio::task::block_in_place(|| {
        std::process::Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(desk.folder())
            .env("no_proxy", "127.0.0.1")
            .output()
            .unwrap()
    });
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
    let mut values = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    values.by_ref().map(Result::unwrap).collect()
}

async fn pay(desk: &Desk, given: &Value) {
    if let Some(url) = given.get("code_url").or_else(|| given.get("h5_url")) {
        desk.control("cashier/pay-link", json!({ "url": url }))
            .await;
    } else if let Some(app) = given.get("app") {
        let cashier = desk.control("cashier/app", app.clone()).await;
        let pay = json!({ "prepay_id": cashier["prepay_id"], "action": "pay" });
        assert_eq!(
            desk.control("cashier/pay", pay).await["errMsg"],
            "errCode:0"
        );
    }
}

async fn every_recipe_works(document: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let document = std::fs::read_to_string(path.join(document)).unwrap();
    let settings = blocks(&document, "toml")[0];
    let (merchants, apps) = settings.split_once("[[apps]]").unwrap();
    // With which protocol codes are charged is the table's to say; here it is APIv3.
    let desk = Desk::make(&format!("{merchants}v3_codes = true\nKEYS\n[[apps]]{apps}"));
    let key = desk.api_key();
    let _server = desk.serve();
    let scripts = blocks(&document, "sh");
    let (function, recipes) = scripts.split_first().unwrap();
    assert_eq!(recipes.len(), 6, "one for each product");
    let here = format!("http://{}", desk.address());
    for recipe in recipes {
        let code = desk.control("payment-codes", json!({})).await;
        let code = code["auth_code"].as_str().unwrap();
        let as_it_is_here = |text: &str| {
            desk.with_real_appids(text)
                .replace("https://pay.example.com", &here)
                .replace("134567890123456789", code)
        };
        let begin = format!("KEY={key}\n{function}");
        let (create, rest) = recipe.split_once('\n').unwrap();
        let created = run(&desk, &as_it_is_here(&format!("{begin}{create}")));
        let id = created[0]["id"].as_str().unwrap();
        assert_eq!(created[0]["state"], "open");
        let rest = as_it_is_here(&format!("ID={id}\n{begin}{rest}"));
        let answers = run(&desk, &rest);
        let Some(printed) = printed(recipe) else {
            assert!(answers.is_empty(), "{recipe} has no answer to compare");
            continue;
        };
        assert_eq!(names(&answers[0]), names(&printed), "{recipe}");
        assert_eq!(answers[0]["state"], printed["state"], "{recipe}");
        pay(&desk, &answers[0]).await;
        desk.wait_until_paid(id, &key).await;
    }
    let drawn = std::fs::read_to_string(desk.folder().join("qr.svg")).unwrap();
    assert!(drawn.contains("<svg"), "{drawn}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_for_every_product_do_what_is_printed() {
    every_recipe_works("products.md").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_for_every_product_do_what_is_printed_in_chinese() {
    every_recipe_works("products.zh-CN.md").await;
}
