//! The switches of the heart: what a test or a developer can make WeChat do.

mod throw;

use std::sync::Arc;

use fen::Fen;
use wechatpay::crypto::ApiV3Key;
use wechatpay::v2::ApiKey;
use wechatpay::v3::VerifyingKey;

use crate::assumptions::Assumptions;
use crate::book::{App, AppKind, Merchant, OrderKey, RefundKey};
use crate::fault::Fault;
use crate::keys::{PlatformCertificate, PlatformKey, SigningMode};
use crate::payment_code::CodeStory;
use crate::refund::RefundEnd;
use crate::seal::Flaw;

/// A switch.
#[derive(Clone, Debug)]
pub enum Command {
    /// Registers an app, or replaces it.
    AddApp(App),
    /// Registers a merchant, or replaces it.
    AddMerchant(Box<Merchant>),
    /// Binds an app to a merchant, or removes the binding.
    Bind {
        /// Merchant number.
        mchid: String,
        /// App.
        appid: String,
        /// Whether they are bound from now on.
        bound: bool,
    },
    /// `wx.login` on a user's phone.
    LoginCode {
        /// The running mini program.
        appid: String,
        /// Whose phone.
        user: String,
    },
    /// Says what an app is; a mini program otherwise.
    SetAppKind {
        /// Which.
        appid: String,
        /// From now on.
        kind: AppKind,
    },
    /// The payer whose code was scanned types the password, or refuses to.
    DecideCode {
        /// The code.
        auth_code: String,
        /// Whether the money is paid.
        pays: bool,
    },
    /// What a phone shows at the till: a payment code.
    PaymentCode {
        /// Whose phone.
        user: String,
        /// What happens once it is scanned.
        story: CodeStory,
        /// How long the payer takes, for the stories that wait, milliseconds.
        after_ms: Option<i64>,
    },
    /// Adds a fault.
    AddFault(Fault),
    /// Forgets all faults.
    ClearFaults,
    /// Changes the points the documentation leaves open.
    SetAssumptions(Box<Assumptions>),
    /// Changes which kind of key signs.
    SetSigningMode {
        /// Merchant number.
        mchid: String,
        /// From now on.
        mode: SigningMode,
    },
    /// Gives the merchant a WeChat Pay public key.
    SetPublicKey {
        /// Merchant number.
        mchid: String,
        /// The key.
        key: PlatformKey,
    },
    /// Announces a platform certificate: it is in the list, but does not sign unless it is asked for.
    AddCertificate {
        /// Merchant number.
        mchid: String,
        /// The certificate.
        certificate: Box<PlatformCertificate>,
    },
    /// Lets an announced platform certificate sign.
    UseCertificate {
        /// Merchant number.
        mchid: String,
        /// Its serial number.
        serial_no: String,
    },
    /// Withdraws a platform certificate.
    WithdrawCertificate {
        /// Merchant number.
        mchid: String,
        /// Its serial number.
        serial_no: String,
    },
    /// The merchant sets another APIv3 key.
    SetApiV3Key {
        /// Merchant number.
        mchid: String,
        /// `None`: no notifications any more.
        key: Option<ApiV3Key>,
    },
    /// The merchant sets another key of API v2. It counts at once, for notifications too.
    SetApiKey {
        /// Merchant number.
        mchid: String,
        /// `None`: the older protocol is closed to the merchant.
        key: Option<ApiKey>,
    },
    /// The merchant gets a further API certificate.
    AddMerchantCertificate {
        /// Merchant number.
        mchid: String,
        /// Its serial number.
        serial_no: String,
        /// Verifies the merchant's signatures.
        key: Arc<dyn VerifyingKey>,
    },
    /// An API certificate of the merchant is replaced: its signatures are refused.
    ReplaceMerchantCertificate {
        /// Merchant number.
        mchid: String,
        /// Its serial number.
        serial_no: String,
    },
    /// Sets the money refunds are paid from; `None` is enough for everything.
    SetBalance {
        /// Merchant number.
        mchid: String,
        /// The balance.
        balance: Option<Fen>,
    },
    /// Sends a payment notification that WeChat did not send.
    Forge {
        /// About which order, paid or not.
        order: OrderKey,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Sends a notification once more.
    Resend {
        /// Which.
        delivery: u64,
    },
    /// Somebody who listened sends a genuine notification again, byte for byte. Needs the log to be on.
    Replay {
        /// Which.
        delivery: u64,
        /// To this address; `None`: to the one it was sent to.
        url: Option<String>,
    },
    /// WeChat reports, signed and encrypted as always, something else than the order or refund.
    Misreport {
        /// About which order, paid or not.
        order: OrderKey,
        /// About this refund of it, by the merchant's number; `None`: about the payment.
        out_refund_no: Option<String>,
        /// What differs, as a JSON Merge Patch of the decrypted resource.
        changes: serde_json::Value,
    },
    /// A refund made by hand in WeChat's console.
    ConsoleRefund {
        /// Of which paid order.
        order: OrderKey,
        /// How much.
        amount: Fen,
        /// Its number; `None`: the console makes one up.
        out_refund_no: Option<String>,
    },
    /// Where notifications of refunds go that name no address, such as those made in the console.
    SetRefundNotifyUrl {
        /// Merchant number.
        mchid: String,
        /// The address set in the console.
        url: Option<String>,
    },
    /// Another server with the same secret forces a new access token: the one in use ends at once.
    ReplaceToken {
        /// Of which app.
        appid: String,
    },
    /// What the button with open-type `getPhoneNumber` gives.
    PhoneCode {
        /// The running mini program.
        appid: String,
        /// Whose phone.
        user: String,
    },
    /// Ends a refund now, as the bank or WeChat's console would.
    FinishRefund {
        /// Which.
        refund: RefundKey,
        /// How; `None`: as it was to end.
        end: Option<RefundEnd>,
    },
    /// How far the clock in signatures is behind the simulated one, milliseconds: clients with a real clock keep
    /// working while simulated time runs ahead.
    SetWireOffset {
        /// The offset.
        offset_ms: i64,
    },
}

/// What a switch answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CommandAnswer {
    /// It is done.
    Done,
    /// A login code, and the openid it will be exchanged for.
    LoginCode {
        /// The code.
        code: String,
        /// The openid.
        openid: String,
    },
    /// What the merchant scans at the till.
    PaymentCode(String),
    /// A code for the phone number.
    PhoneCode(String),
    /// The merchant's number of a refund made in the console.
    Refund(String),
}

/// Why a switch could not be thrown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no such app, merchant, order, refund, certificate or delivery.
    #[error("there is no {0}")]
    Unknown(String),
    /// WeChat's own rules forbid it.
    #[error("WeChat refuses: {0}")]
    Refused(String),
}
