use super::Transaction;
use crate::text::{Mchid, OutTradeNo, TransactionId};
use crate::v3::operation::{json as read, same};
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Queries an order by the merchant's number: `GET /v3/pay/transactions/out-trade-no/{out_trade_no}`.
///
/// `ORDER_NOT_EXIST` right after an order call without an answer does not prove that the order was never made:
/// repeat the order call with the same number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryByOutTradeNo {
    /// Who gets the money.
    pub mchid: Mchid,
    /// The merchant's number of the order.
    pub out_trade_no: OutTradeNo,
}

impl Operation for QueryByOutTradeNo {
    type Answer = Transaction;

    fn request(&self) -> Request {
        let number = self.out_trade_no.as_str();
        Request::get(
            Target::path(&["v3", "pay", "transactions", "out-trade-no", number])
                .with_query("mchid", self.mchid.as_str()),
        )
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Transaction, ParseError> {
        let transaction: Transaction = read(status, verified)?;
        same(
            "out_trade_no",
            self.out_trade_no.as_str(),
            &transaction.out_trade_no,
        )?;
        same_merchant(&self.mchid, &transaction)?;
        Ok(transaction)
    }
}

/// Queries a paid order by WeChat's number: `GET /v3/pay/transactions/id/{transaction_id}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryByTransactionId {
    /// Who gets the money.
    pub mchid: Mchid,
    /// WeChat's number of the payment.
    pub transaction_id: TransactionId,
}

impl Operation for QueryByTransactionId {
    type Answer = Transaction;

    fn request(&self) -> Request {
        let number = self.transaction_id.as_str();
        Request::get(
            Target::path(&["v3", "pay", "transactions", "id", number])
                .with_query("mchid", self.mchid.as_str()),
        )
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Transaction, ParseError> {
        let transaction: Transaction = read(status, verified)?;
        let answered = transaction.transaction_id.as_deref().unwrap_or_default();
        same("transaction_id", self.transaction_id.as_str(), answered)?;
        same_merchant(&self.mchid, &transaction)?;
        Ok(transaction)
    }
}

fn same_merchant(asked: &Mchid, transaction: &Transaction) -> Result<(), ParseError> {
    match &transaction.mchid {
        Some(answered) => same("mchid", asked.as_str(), answered),
        None => Ok(()),
    }
}
