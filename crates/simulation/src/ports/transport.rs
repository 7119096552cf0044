//! The way to WeChat: a request leaves into the world, which decides its fate.

use std::sync::Arc;

use wechatpay::BoxFuture;
use wechatpay::v3::{RawResponse, SignedRequest, Transport, TransportError};

use crate::hub::{Answer, Boot, Hub};

/// The transport of one life of a server.
#[derive(Debug)]
pub(crate) struct Wire {
    hub: Arc<Hub>,
    boot: Boot,
}

impl Wire {
    pub(crate) fn new(hub: &Arc<Hub>, boot: Boot) -> Self {
        Self {
            hub: Arc::clone(hub),
            boot,
        }
    }
}

impl Transport for Wire {
    fn send<'a>(
        &'a self,
        request: &'a SignedRequest,
    ) -> BoxFuture<'a, Result<RawResponse, TransportError>> {
        let answer = self.hub.send(self.boot, request.clone());
        Box::pin(async move {
            match answer.await {
                Answer::Response(response) => response,
                Answer::Go | Answer::Reply(_) => {
                    Err(TransportError::NoAnswer("the world ended".to_owned()))
                }
            }
        })
    }
}
