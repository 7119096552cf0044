//! What users see: the real router as a function, the memory store, the real SDK, and a small WeChat that signs its answers.

mod close;
mod create;
mod events;
mod journal;
mod limits;
mod list;
mod login;
mod notification;
mod openapi;
mod pay;
mod serve;
mod wechat;
mod worker;
mod world;
