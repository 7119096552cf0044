//! The attack corpus: hundreds of requests against a live server, none of which may be accepted, crash it, change its books or
//! make it call WeChat. A genuine message at the beginning and at the end, and one after every group, must be accepted, so
//! that silence is not mistaken for health.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod access;
mod amount;
mod buyer;
mod case;
mod contradiction;
mod desk;
mod field;
mod forge;
mod idempotency;
mod notice_body;
mod notice_envelope;
mod notice_header;
mod notice_path;
mod notice_time;
mod notice_v2;
mod products;
mod raw;
mod shop;
mod webhook_url;
mod wire;

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::case::{Case, Expect, Group};
use crate::forge::Notice;
use crate::shop::Shop;
use crate::wire::{Answer, Request, exchange};

/// Words that must stand in no answer: they are secrets, or show how the server is made.
const INTERNAL: [&str; 8] = [
    "panicked",
    ".rs:",
    "SELECT ",
    "sqlite",
    "openid\":\"o",
    "BEGIN ",
    "stack backtrace",
    "whsec_",
];

/// Attackers do not queue; and a server that hangs on one request must still answer the others.
const AT_ONCE: usize = 16;

#[derive(Default)]
struct Tally {
    requests: usize,
    accepted: usize,
    crashes: usize,
    problems: Vec<String>,
}

impl Tally {
    fn count(&mut self, group: &Group, case: &Case, answer: &Answer) {
        self.requests += 1;
        let mut problem = |what: String| {
            let text: String = answer.text.chars().take(400).collect();
            self.problems
                .push(format!("{} / {}: {what}: {text:?}", group.tries, case.name));
        };
        if answer
            .statuses
            .iter()
            .any(|status| (200..400).contains(status))
        {
            self.accepted += 1;
            problem("accepted".to_owned());
        } else if answer.statuses.contains(&500) {
            self.crashes += 1;
            problem("the server made a mistake".to_owned());
        } else if !is_as_expected(case.expect, answer) {
            problem(format!(
                "{:?} instead of {:?}",
                answer.statuses, case.expect
            ));
        }
        for word in INTERNAL {
            if answer.text.contains(word) {
                problem(format!("{word:?} is in the answer"));
            }
        }
    }
}

fn is_as_expected(expect: Expect, answer: &Answer) -> bool {
    let refused = answer
        .statuses
        .iter()
        .all(|status| (400..500).contains(status));
    match expect {
        Expect::Status(statuses) => {
            matches!(answer.statuses[..], [status] if statuses.contains(&status))
        }
        Expect::Refused => refused && answer.statuses.len() == 1,
        // 501 and 505 say that somebody speaks another HTTP.
        Expect::RefusedOrClosed => answer
            .statuses
            .iter()
            .all(|status| (400..500).contains(status) || matches!(status, 501 | 505)),
    }
}

async fn lives(shop: &Shop) -> bool {
    let answer = shop.desk.send(&Request::new("GET", "/healthz")).await;
    answer.statuses == [200]
}

/// The genuine notification of what is paid already: accepted, and nothing happens.
async fn genuine_is_accepted(shop: &Shop) -> bool {
    let notice = Notice::payment(shop.paid.success.clone());
    let answer = shop.desk.send(&shop.genuine(&notice)).await;
    answer.statuses == [204]
}

async fn attack(shop: &Shop, group: &Group, tally: &mut Tally) {
    let (books, calls) = (shop.desk.books(), shop.desk.calls().await);
    let exchanges = group
        .cases
        .iter()
        .map(|case| exchange(shop.desk.server, &case.bytes, case.expect.patience()));
    let answers: Vec<_> = stream::iter(exchanges).buffered(AT_ONCE).collect().await;
    for (case, answer) in group.cases.iter().zip(answers) {
        match answer {
            Ok(answer) => tally.count(group, case, &answer),
            Err(why) => {
                tally.requests += 1;
                tally.crashes += 1;
                tally.problems.push(format!(
                    "{} / {}: no connection: {why}",
                    group.tries, case.name
                ));
            }
        }
    }
    if !lives(shop).await {
        tally.crashes += 1;
        tally.problems.push(format!(
            "{}: the server is not healthy after this",
            group.tries
        ));
    }
    // Again and again the same: a replay within the time it is fresh is accepted, and changes nothing either.
    if !genuine_is_accepted(shop).await {
        tally.problems.push(format!(
            "{}: a genuine message is refused after this",
            group.tries
        ));
    }
    let called = shop.desk.calls().await - calls;
    if called > 0 {
        tally
            .problems
            .push(format!("{}: WeChat was called {called} times", group.tries));
    }
    if books != shop.desk.books() {
        let after = shop.desk.books();
        let changed = books
            .lines()
            .zip(after.lines())
            .find(|(old, new)| old != new);
        tally
            .problems
            .push(format!("{}: the books changed: {changed:?}", group.tries));
    }
    println!("{:4} requests: {}", group.cases.len(), group.tries);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_not_genuine_is_accepted() {
    let shop = Shop::new().await;
    assert!(lives(&shop).await);
    assert!(
        genuine_is_accepted(&shop).await,
        "the setting itself is refused"
    );

    let groups = [
        notice_header::group(&shop),
        notice_header::signatures(&shop),
        notice_header::expired(&shop),
        notice_time::times(&shop),
        notice_time::nonces(&shop),
        notice_envelope::group(&shop),
        notice_envelope::plaintexts(&shop),
        contradiction::payments(&shop),
        contradiction::refunds(&shop),
        contradiction::of_others(&shop).await,
        notice_body::group(&shop),
        notice_path::group(&shop),
        notice_v2::forged(&shop),
        notice_v2::documents(&shop),
        notice_v2::contradictions(&shop),
        notice_v2::refunds(&shop),
        access::keys(&shop),
        access::guesses(&shop),
        amount::group(&shop),
        field::texts_and_members(&shop),
        idempotency::group(&shop),
        buyer::sessions(&shop),
        buyer::prices(&shop),
        buyer::logins(&shop),
        products::asked_wrongly(&shop),
        products::contradictions(&shop),
        products::pages(&shop),
        webhook_url::group(&shop),
        raw::group(&shop),
    ];
    // Whether it is after ten in Beijing or not.
    shop.desk.rests().await;
    let mut tally = Tally::default();
    for group in &groups {
        attack(&shop, group, &mut tally).await;
    }

    // What contradicted the books was written down for people.
    assert!(shop.desk.incidents() > 0);
    // The very order that was attacked, with nothing changed, and another one paid at the cashier.
    let answer = shop.desk.send(&shop.control()).await;
    assert_eq!(
        answer.statuses,
        [204],
        "the genuine message itself: {}",
        answer.text
    );
    let key = shop.desk.api_key.clone();
    shop.desk
        .wait(&key, &shop.open.id, "state", &json!("paid"))
        .await;
    shop.desk.sign_with_the_public_key().await;
    shop.desk.pay("alice", &shop.last_parameters).await;
    shop.desk
        .wait(&key, &shop.last.id, "state", &json!("paid"))
        .await;

    println!(
        "attack corpus: {} requests, {} accepted, {} crashes",
        tally.requests, tally.accepted, tally.crashes
    );
    assert!(tally.requests >= 400, "{}", tally.requests);
    assert!(
        tally.problems.is_empty(),
        "{} problems:\n{}",
        tally.problems.len(),
        tally.problems.join("\n")
    );
}
