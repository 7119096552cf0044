#![doc = include_str!("../README.md")]

mod assumptions;
mod authorization;
mod bill;
mod book;
mod clock;
mod control;
mod credentials;
mod fault;
mod files;
mod heart;
mod http;
mod ids;
mod keys;
mod log;
mod login;
mod message;
mod notice;
mod notify_url;
mod official_account;
mod order;
mod payment_code;
mod phone;
mod protocol;
mod refund;
mod refusal;
mod request;
mod route;
mod seal;
mod simulator;
mod strict;
#[cfg(test)]
mod testing;
mod timer;
mod v2;

pub use assumptions::{
    AssociatedData, Assumptions, ClientCertificate, CloseUnknown, LengthUnit, NullMembers,
    RateLimitCode, RepeatedPrepay, SpecificOrGeneral, UsedNumber, UserPaying,
};
pub use bill::BillLine;
pub use book::{App, AppKind, Merchant, MerchantCertificate, OrderKey, RefundKey};
pub use control::{Command, CommandAnswer, CommandError};
pub use credentials::{AppKeys, Credentials, SimulatorError};
pub use fault::{Fault, FaultKind};
pub use files::{MerchantFile, MerchantFiles, write_merchant_files};
pub use heart::{Options, Timing, Wechat};
pub use ids::{openid, unionid};
pub use keys::{Opener, PlatformCertificate, PlatformKey, PlatformKeys, SigningMode};
pub use log::{Check, Entry, Message};
pub use message::{Connection, Dispatch, Input, Output, UNTIL_RELEASED, WireRequest};
pub use notice::{ANSWER_TIMEOUT_MS, Attempt, Delivery, DeliveryState, Finding, RETRY_LADDER_MS};
pub use order::{
    CodePhase, Coupon, LEAST_PAY_TIME_MS, ORDER_LIFE_MS, Order, OrderState, PREPAY_LIFE_MS,
    Payment, Prepay, TradeType,
};
pub use payment_code::{CodeStory, PAYMENT_CODE_LIFE_MS};
pub use phone::{
    BuyerAction, Cashier, CashierAction, CashierResult, FollowLink, MWEB_URL_LIFE_MS, OpenCashier,
    OpenFromApp, PhoneAction, PhoneAnswer, PhoneRefusal,
};
pub use protocol::Protocol;
pub use refund::{REFUND_LIMIT_MS, REFUNDS_PER_ORDER, Refund, RefundEnd, RefundState};
pub use route::Operation;
pub use seal::Flaw;
pub use simulator::{Handle, Simulator, SimulatorOptions, run};
