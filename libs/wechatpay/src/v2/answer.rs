//! Reading an answer in the documented order: `return_code`, signature, owner, `result_code`.

use fen::Fen;

use super::fields::Fields;
use super::key::{ApiKey, SignType};
use crate::v3::{
    ApiError, ErrorSignature, Outcome, ParseError, RawResponse, Unknown, UnknownReason,
    VerificationError,
};

/// The fields of a message that was signed with the merchant's key and names the merchant. Made here only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified(Fields);

impl Verified {
    /// A field that is there and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// All fields.
    pub fn fields(&self) -> &Fields {
        &self.0
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn text(&self, name: &'static str) -> Result<&str, ParseError> {
        self.get(name)
            .ok_or_else(|| ParseError::Malformed(format!("{name} is missing")))
    }

    /// An amount in fen that must be there.
    ///
    /// # Errors
    /// When it is not, or is not a whole number.
    pub fn fen(&self, name: &'static str) -> Result<Fen, ParseError> {
        self.some_fen(name)?
            .ok_or_else(|| ParseError::Malformed(format!("{name} is missing")))
    }

    /// An amount in fen that may be there.
    ///
    /// # Errors
    /// When it is not a whole number.
    pub fn some_fen(&self, name: &str) -> Result<Option<Fen>, ParseError> {
        let read = |text: &str| {
            Fen::parse(text)
                .map_err(|error| ParseError::Malformed(format!("{name} is no amount: {error}")))
        };
        self.get(name).map(read).transpose()
    }
}

/// Whose message it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner<'a> {
    pub(super) mch_id: &'a str,
    /// Not checked when the call named no app.
    pub(super) appid: Option<&'a str>,
}

/// Verifies a message: signature of the expected type, then merchant and app.
pub(super) fn verify(
    fields: Fields,
    owner: Owner<'_>,
    sign_type: SignType,
    key: &ApiKey,
) -> Result<Verified, UnknownReason> {
    if fields.get("sign").is_none() {
        let missing = VerificationError::MissingHeader("sign");
        return Err(UnknownReason::Unverified(missing));
    }
    if !fields.is_signed(sign_type, key) {
        return Err(UnknownReason::Unverified(VerificationError::BadSignature));
    }
    let other = |name: &str, expected: &str| fields.get(name).is_some_and(|it| it != expected);
    if fields.get("mch_id").is_none() || other("mch_id", owner.mch_id) {
        return Err(UnknownReason::Unparsable(
            "it is for another merchant".into(),
        ));
    }
    if owner.appid.is_some_and(|appid| other("appid", appid)) {
        return Err(UnknownReason::Unparsable("it is for another app".into()));
    }
    Ok(Verified(fields))
}

/// What an answer proves.
pub(super) fn judge(
    response: &RawResponse,
    owner: Owner<'_>,
    sign_type: SignType,
    key: &ApiKey,
) -> Outcome<Verified> {
    let unknown = |reason| Outcome::Unknown(Unknown::because(reason));
    // Only 200 is documented, for refusals as well.
    if response.status != 200 {
        return unknown(UnknownReason::ServerError);
    }
    let fields = match Fields::parse(&response.body) {
        Ok(fields) => fields,
        Err(error) => return unknown(UnknownReason::Unparsable(error.to_string())),
    };
    if fields.get("return_code") != Some("SUCCESS") {
        // Not signed, so it is for people: the caller shows it, and nothing is decided by it.
        return Outcome::Rejected(error(
            &fields,
            "RETURN_FAIL",
            "return_msg",
            ErrorSignature::Absent,
        ));
    }
    let verified = match verify(fields, owner, sign_type, key) {
        Ok(verified) => verified,
        Err(reason) => return unknown(reason),
    };
    if verified.get("result_code") == Some("SUCCESS") {
        return Outcome::Done(verified);
    }
    let code = verified.get("err_code").unwrap_or_default().to_owned();
    let error = error(
        verified.fields(),
        &code,
        "err_code_des",
        ErrorSignature::Verified,
    );
    // A reversal says itself when it is to be called again, whatever the code beside it.
    if verified.get("recall") == Some("Y") || UNDECIDED.iter().any(|code| error.is(code)) {
        return Outcome::Unknown(Unknown::undecided(error));
    }
    match reason(&error) {
        None => Outcome::Rejected(error),
        Some(reason) => Outcome::Unknown(Unknown {
            reason,
            error: Some(error),
            request_id: None,
        }),
    }
}

fn error(fields: &Fields, code: &str, message: &str, signature: ErrorSignature) -> ApiError {
    ApiError {
        status: 200,
        code: code.to_ascii_uppercase(),
        message: fields.get(message).unwrap_or_default().to_owned(),
        detail: None,
        request_id: None,
        signature,
    }
}

/// Codes that mean "this request changed nothing" (WeChat Pay v2 documentation, error codes of each call). What is on no list proves nothing.
const DEFINITE: &[&str] = &[
    "INVALID_REQUEST",
    "OUT_TRADE_NO_USED",
    "ORDERPAID",
    "ORDERCLOSED",
    "ORDERREVERSED",
    "ORDERNOTEXIST",
    "REFUNDNOTEXIST",
    "NOAUTH",
    "NOTENOUGH",
    "NOTSUPORTCARD",
    "APPID_NOT_EXIST",
    "MCHID_NOT_EXIST",
    "APPID_MCHID_NOT_MATCH",
    "LACK_PARAMS",
    "PARAM_ERROR",
    "SIGNERROR",
    "XML_FORMAT_ERROR",
    "POST_DATA_EMPTY",
    "REQUIRE_POST_METHOD",
    "NOT_UTF8",
    "TRADE_STATE_ERROR",
    "TRADE_OVERDUE",
    "USER_ACCOUNT_ABNORMAL",
    "INVALID_TRANSACTIONID",
    "REFUND_FEE_INVALID",
    "AUTHCODEEXPIRE",
    "AUTH_CODE_ERROR",
    "AUTH_CODE_INVALID",
    "BUYER_MISMATCH",
    "TRADE_ERROR",
    "RULELIMIT",
    "REVERSE_EXPIRE",
    "OPENID_MISMATCH",
];

const RATE_LIMITED: &[&str] = &["FREQUENCY_LIMITED", "INVALID_REQ_TOO_MUCH"];

const SERVER_ERROR: &[&str] = &["SYSTEMERROR", "BANKERROR", "BIZERR_NEED_RETRY"];

/// The payer is typing the password.
const UNDECIDED: &[&str] = &["USERPAYING"];

/// Why this error proves nothing; none if it is definite.
fn reason(error: &ApiError) -> Option<UnknownReason> {
    let among = |codes: &[&str]| codes.iter().any(|code| error.is(code));
    if among(RATE_LIMITED) {
        return Some(UnknownReason::RateLimited);
    }
    if among(SERVER_ERROR) {
        return Some(UnknownReason::ServerError);
    }
    (!among(DEFINITE)).then_some(UnknownReason::UnknownCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MCH_ID: &str = "1900000109";
    const APPID: &str = "wx1234567890abcdef";

    fn key() -> ApiKey {
        ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap()
    }

    fn answer() -> Fields {
        Fields::new()
            .with("return_code", "SUCCESS")
            .with("appid", APPID)
            .with("mch_id", MCH_ID)
            .with("nonce_str", "n")
            .with("result_code", "SUCCESS")
            .with("prepay_id", "wx1")
    }

    fn judged(fields: &Fields) -> Outcome<Verified> {
        judged_bytes(200, fields.to_xml().as_bytes())
    }

    fn judged_bytes(status: u16, body: &[u8]) -> Outcome<Verified> {
        let response = RawResponse {
            status,
            headers: vec![],
            body: body.to_vec(),
        };
        let owner = Owner {
            mch_id: MCH_ID,
            appid: Some(APPID),
        };
        judge(&response, owner, SignType::HmacSha256, &key())
    }

    fn signed(fields: Fields) -> Fields {
        fields.signed(SignType::HmacSha256, &key())
    }

    #[test]
    fn a_signed_success_counts() {
        let Outcome::Done(verified) = judged(&signed(answer())) else {
            panic!("not done")
        };
        assert_eq!(verified.text("prepay_id"), Ok("wx1"));
        assert!(verified.text("code_url").is_err());
    }

    #[test]
    fn whatever_is_not_signed_for_us_proves_nothing() {
        let md5 = answer().signed(SignType::Md5, &key());
        let other_merchant = signed(answer().with("mch_id", "1900000110"));
        let other_app = signed(answer().with("appid", "wx0000000000000000"));
        let tampered = signed(answer()).with("prepay_id", "wx2");
        for fields in [answer(), md5, other_merchant, other_app, tampered] {
            assert!(matches!(judged(&fields), Outcome::Unknown(_)), "{fields:?}");
        }
        let good = signed(answer()).to_xml();
        assert!(matches!(
            judged_bytes(500, good.as_bytes()),
            Outcome::Unknown(_)
        ));
        assert!(matches!(
            judged_bytes(200, b"<html>busy</html>"),
            Outcome::Unknown(_)
        ));
        assert!(matches!(judged_bytes(200, b""), Outcome::Unknown(_)));
    }

    #[test]
    fn a_refusal_without_signature_is_shown_as_such() {
        let fail = Fields::new()
            .with("return_code", "FAIL")
            .with("return_msg", "签名错误")
            .with("result_code", "SUCCESS");
        let Outcome::Rejected(error) = judged(&fail) else {
            panic!("not rejected")
        };
        assert_eq!(error.signature, ErrorSignature::Absent);
        assert_eq!(error.message, "签名错误");
        // A bare FAIL was seen in the wild.
        let bare = judged_bytes(200, b"<xml><return_code>FAIL</return_code></xml>");
        assert!(matches!(bare, Outcome::Rejected(_)));
    }

    #[test]
    fn only_documented_codes_are_definite() {
        let failed =
            |code: &str| signed(answer().with("result_code", "FAIL").with("err_code", code));
        for code in ["ORDERPAID", "ORDER_PAID", "NOTENOUGH", "PARAM_ERROR"] {
            let Outcome::Rejected(error) = judged(&failed(code)) else {
                panic!("{code} is definite")
            };
            assert_eq!(error.signature, ErrorSignature::Verified);
        }
        for code in [
            "SYSTEMERROR",
            "BANKERROR",
            "USERPAYING",
            "ERROR",
            "NEW_CODE",
            "",
        ] {
            assert!(
                matches!(judged(&failed(code)), Outcome::Unknown(_)),
                "{code}"
            );
        }
    }
}
