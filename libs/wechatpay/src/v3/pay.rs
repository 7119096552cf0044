//! Orders: placing them for every product, taking money by a payment code, asking, closing.

mod close;
mod code;
mod prepay;
mod product;
mod query;
mod transaction;

pub use close::CloseOrder;
pub use code::{CodePay, ReverseOrder, Store};
pub use prepay::Prepay;
pub use product::{H5App, H5Kind, H5Scene, Handle, Product};
pub use query::{QueryByOutTradeNo, QueryByTransactionId};
pub use transaction::{Payer, Promotion, TradeAmount, TradeState, TradeType, Transaction};

#[cfg(test)]
mod tests;
