//! Refunds: create, query, and another way out of abnormal ones. One interface serves all products.

mod abnormal;
mod create;
mod model;
mod query;

pub use abnormal::{AbnormalRefundTo, ApplyAbnormalRefund, BankCard};
pub use create::{CreateRefund, OrderNumber};
pub use model::{
    Refund, RefundAmount, RefundChannel, RefundNotice, RefundNoticeAmount, RefundStatus,
};
pub use query::QueryRefund;

#[cfg(test)]
mod tests;
