//! What users see: the real router as a function, the memory store, the real SDK, and a small WeChat that signs its answers.

#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    reason = "a test that cannot go on fails, and its ports are made from what they stand for"
)]

mod books;
mod close;
mod create;
mod desk;
mod events;
mod flood;
mod journal;
mod late;
mod limits;
mod list;
mod login;
mod logs;
mod notification;
mod openapi;
mod pay;
mod products;
mod reconciliation;
mod refund;
mod revise;
mod serve;
mod v2;
mod webhook;
mod wechat;
mod worker;
mod world;
