use serde_json::json;

use super::Refund;
use crate::text::{BankType, OutRefundNo, RefundId};
use crate::v3::operation::{json as read, same};
use crate::v3::{EncryptionError, Encryptor, Operation, ParseError, Request, Target, Verified};

/// Asks for another way for the money of a refund that is `ABNORMAL`, and of no other:
/// `POST /v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund`. The answer tells the state afterwards.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApplyAbnormalRefund {
    /// WeChat's number of the refund.
    pub refund_id: RefundId,
    /// The merchant's number of the same refund.
    pub out_refund_no: OutRefundNo,
    /// Where the money is to go.
    pub to: AbnormalRefundTo,
}

/// Where the money of an abnormal refund is to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AbnormalRefundTo {
    /// To a bank card of the payer (`USER_BANK_CARD`).
    UserBankCard(BankCard),
    /// To the merchant's settlement account (`MERCHANT_BANK_CARD`); the merchant pays the payer in another way.
    MerchantBankCard,
}

/// A bank card, number and name encrypted: what they say can be read by WeChat Pay only.
#[derive(Clone, PartialEq, Eq)]
pub struct BankCard {
    bank_type: BankType,
    bank_account: String,
    real_name: String,
    serial_no: String,
}

impl BankCard {
    /// Encrypts the number of the card and the name of its holder. Encrypting again gives other texts, so a repetition of
    /// the same request is a clone of it.
    ///
    /// # Errors
    /// When one of them is empty or too long.
    pub fn encrypt(
        encryptor: &Encryptor,
        bank_type: BankType,
        bank_account: &str,
        real_name: &str,
    ) -> Result<Self, EncryptionError> {
        Ok(Self {
            bank_type,
            bank_account: encryptor.encrypt("bank_account", bank_account)?,
            real_name: encryptor.encrypt("real_name", real_name)?,
            serial_no: encryptor.serial_no().to_owned(),
        })
    }
}

impl std::fmt::Debug for BankCard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BankCard({:?}, ***)", self.bank_type)
    }
}

impl Operation for ApplyAbnormalRefund {
    type Answer = Refund;

    fn request(&self) -> Request {
        let target = Target::path(&[
            "v3",
            "refund",
            "domestic",
            "refunds",
            self.refund_id.as_str(),
            "apply-abnormal-refund",
        ]);
        let mut body = json!({ "out_refund_no": self.out_refund_no.as_str() });
        match &self.to {
            AbnormalRefundTo::MerchantBankCard => {
                body["type"] = json!("MERCHANT_BANK_CARD");
                Request::post_json(target, &body)
            }
            AbnormalRefundTo::UserBankCard(card) => {
                body["type"] = json!("USER_BANK_CARD");
                body["bank_type"] = json!(card.bank_type.as_str());
                body["bank_account"] = json!(card.bank_account);
                body["real_name"] = json!(card.real_name);
                Request {
                    encryption_serial: Some(card.serial_no.clone()),
                    ..Request::post_json(target, &body)
                }
            }
        }
    }

    fn parse(&self, status: u16, verified: &Verified) -> Result<Refund, ParseError> {
        let refund: Refund = read(status, verified)?;
        same("refund_id", self.refund_id.as_str(), &refund.refund_id)?;
        same(
            "out_refund_no",
            self.out_refund_no.as_str(),
            &refund.out_refund_no,
        )?;
        Ok(refund)
    }
}
