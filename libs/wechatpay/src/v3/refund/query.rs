use super::Refund;
use crate::text::OutRefundNo;
use crate::v3::operation::{json as read, same};
use crate::v3::{Operation, ParseError, Request, Target, Verified};

/// Queries a refund: `GET /v3/refund/domestic/refunds/{out_refund_no}`.
///
/// `RESOURCE_NOT_EXISTS` right after a create call without an answer does not prove that it was refused: repeat the
/// create call with the same number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryRefund {
    /// The merchant's number of the refund.
    pub out_refund_no: OutRefundNo,
}

impl Operation for QueryRefund {
    type Answer = Refund;

    fn request(&self) -> Request {
        let number = self.out_refund_no.as_str();
        Request::get(Target::path(&[
            "v3", "refund", "domestic", "refunds", number,
        ]))
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Refund, ParseError> {
        let refund: Refund = read(status, verified)?;
        same(
            "out_refund_no",
            self.out_refund_no.as_str(),
            &refund.out_refund_no,
        )?;
        Ok(refund)
    }
}
