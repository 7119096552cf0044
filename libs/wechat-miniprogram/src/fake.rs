//! WeChat as a list of answers, for tests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::{AppSecret, BoxFuture, Client, Request, Response, Transport, TransportError};

type Answer = Result<Response, TransportError>;

pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NOW: i64 = 1_700_000_000;

#[derive(Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<(String, String)>>,
    now: Mutex<i64>,
}

impl Script {
    /// Target and body of every request.
    pub(crate) fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        *self.now.lock().unwrap() += seconds;
    }
}

impl Transport for Script {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Answer> {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let target = request.target.to_string();
        Box::pin(async move {
            // Others may run while a request is under way.
            tokio::task::yield_now().await;
            self.asked.lock().unwrap().push((target, body));
            let answer = self.answers.lock().unwrap().pop_front();
            answer.expect("more requests than the script has answers")
        })
    }
}

pub(crate) fn json(text: &str) -> Answer {
    Ok(Response {
        status: 200,
        body: text.as_bytes().to_vec(),
    })
}

pub(crate) fn failing(errcode: i64) -> Answer {
    json(&format!(
        r#"{{"errcode":{errcode},"errmsg":"text rid: 1a-2b"}}"#
    ))
}

pub(crate) fn desk(answers: Vec<Answer>) -> (Client, Arc<Script>) {
    let script = Arc::new(Script {
        answers: Mutex::new(answers.into()),
        asked: Mutex::default(),
        now: Mutex::new(NOW),
    });
    let clock = Arc::clone(&script);
    let client = Client::new(
        "wx1111222233334444",
        AppSecret::new(SECRET),
        script.clone(),
        Arc::new(move || *clock.now.lock().unwrap()),
    );
    (client, script)
}
