//! Refunds: create and query. One interface serves all products.

mod create;
mod model;
mod query;

pub use create::{CreateRefund, OrderNumber};
pub use model::{
    Refund, RefundAmount, RefundChannel, RefundNotice, RefundNoticeAmount, RefundStatus,
};
pub use query::QueryRefund;

#[cfg(test)]
mod tests;
