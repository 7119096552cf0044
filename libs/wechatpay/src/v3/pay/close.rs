use serde_json::json;

use crate::text::{Mchid, OutTradeNo};
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Closes an unpaid order: `POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close`.
///
/// Closing twice is fine. A paid order is refused (`ORDER_PAID`). After any other answer query the order: closing
/// races with paying, and may lose.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CloseOrder {
    /// Who would have got the money.
    pub mchid: Mchid,
    /// The merchant's number of the order.
    pub out_trade_no: OutTradeNo,
}

impl Operation for CloseOrder {
    type Answer = ();

    fn request(&self) -> Request {
        let number = self.out_trade_no.as_str();
        Request::post_json(
            Target::path(&["v3", "pay", "transactions", "out-trade-no", number, "close"]),
            &json!({ "mchid": self.mchid.as_str() }),
        )
    }

    fn parse(&self, status: u16, _: &Verified) -> Result<(), ParseError> {
        match status {
            200 | 204 => Ok(()),
            other => Err(ParseError::UnexpectedStatus(other)),
        }
    }
}
