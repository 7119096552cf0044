//! Reconciliation: WeChat's bill of a day against our books, in both directions. It is the last safety net: what neither a notification nor a query has
//! told is found the next day. A bill never changes money by itself; what it says differently is asked of WeChat, and the ordinary rules apply.

pub mod decide;
pub mod model;
pub mod schedule;
pub mod service;
pub mod view;
