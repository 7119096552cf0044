//! Orders of mini programs and pages inside WeChat (JSAPI): create, query, close.

mod close;
mod prepay;
mod query;
mod transaction;

pub use close::CloseOrder;
pub use prepay::PrepayJsapi;
pub use query::{QueryByOutTradeNo, QueryByTransactionId};
pub use transaction::{Payer, Promotion, TradeAmount, TradeState, TradeType, Transaction};

#[cfg(test)]
mod tests;
