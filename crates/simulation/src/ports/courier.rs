//! The way to the merchants' own servers: a webhook leaves into the world, which decides its fate.

use std::sync::Arc;

use shouyin_core::ports::{BoxFuture, WebhookSender};
use shouyin_core::webhook::model::{Message, Reply};

use crate::hub::{Answer, Boot, Hub};

/// The sender of one life of a server. It carries the message as it is: signing it is the business of the HTTP layer.
#[derive(Debug)]
pub(crate) struct Courier {
    hub: Arc<Hub>,
    boot: Boot,
}

impl Courier {
    pub(crate) fn new(hub: &Arc<Hub>, boot: Boot) -> Self {
        Self {
            hub: Arc::clone(hub),
            boot,
        }
    }
}

impl WebhookSender for Courier {
    fn accepts(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") {
            Ok(())
        } else {
            Err("must begin with https://".to_owned())
        }
    }

    fn send<'a>(&'a self, message: &'a Message) -> BoxFuture<'a, Reply> {
        let answer = self.hub.deliver(self.boot, message.clone());
        Box::pin(async move {
            match answer.await {
                Answer::Reply(reply) => reply,
                Answer::Go | Answer::Response(_) => Reply::None {
                    reason: "the world ended".to_owned(),
                },
            }
        })
    }
}
