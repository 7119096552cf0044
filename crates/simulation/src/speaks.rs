//! Which of WeChat's protocols a merchant speaks, and the older one's documents as the world reads and writes them.

use wechatpay::v2::{ApiKey, Fields, SignType};
use wechatpay::v3::{RawResponse, SignedRequest};

/// What a merchant's settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// Only APIv3.
    V3,
    /// Only the older protocol.
    V2(SignType),
    /// The older one, until the operator moves on to APIv3 with orders of both under way; and perhaps back again.
    Moving(SignType, Stage),
}

/// How far a move is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `v2`
    Before,
    /// `v3_accepting_v2`
    Moved,
    /// `v2_accepting_v3`
    Back,
}

impl Speaks {
    /// How it signs in the older protocol, if it speaks that at all.
    pub(crate) fn sign_type(self) -> Option<SignType> {
        match self {
            Speaks::V3 => None,
            Speaks::V2(sign_type) | Speaks::Moving(sign_type, _) => Some(sign_type),
        }
    }

    /// Whether there is a client of APIv3.
    pub(crate) fn has_v3(self) -> bool {
        match self {
            Speaks::V3 | Speaks::Moving(_, Stage::Moved | Stage::Back) => true,
            Speaks::V2(_) | Speaks::Moving(_, Stage::Before) => false,
        }
    }

    /// The same after the operator's next step; nothing if there is none.
    pub(crate) fn next(self) -> Option<Self> {
        match self {
            Speaks::V3 | Speaks::V2(_) => None,
            Speaks::Moving(sign_type, Stage::Before | Stage::Back) => {
                Some(Speaks::Moving(sign_type, Stage::Moved))
            }
            Speaks::Moving(sign_type, Stage::Moved) => Some(Speaks::Moving(sign_type, Stage::Back)),
        }
    }

    /// As in the settings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Speaks::V3 => "v3",
            Speaks::V2(_) | Speaks::Moving(_, Stage::Before) => "v2",
            Speaks::Moving(_, Stage::Moved) => "v3_accepting_v2",
            Speaks::Moving(_, Stage::Back) => "v2_accepting_v3",
        }
    }
}

/// Whether a request is one of the older protocol.
pub(crate) fn is_v2(request: &SignedRequest) -> bool {
    request.target.starts_with("/pay/") || request.target.starts_with("/secapi/")
}

/// The fields of a document; none if it is not one.
pub(crate) fn fields(body: &[u8]) -> Fields {
    Fields::parse(body).unwrap_or_default()
}

/// A number or code in a document, found without reading all of it: this is asked for at every message.
pub(crate) fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(body).ok()?;
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let value = match rest.strip_prefix("<![CDATA[") {
        Some(quoted) => quoted.split_once("]]>")?.0,
        None => rest.split_once('<')?.0,
    };
    Some(value)
}

/// What somebody asks for, without what is different in every message.
pub(crate) fn parameters(body: &[u8]) -> Vec<u8> {
    let fields = fields(body);
    let asked = fields
        .iter()
        .filter(|(name, _)| !matches!(*name, "nonce_str" | "sign"))
        .fold(Fields::new(), |asked, (name, value)| {
            asked.with(name, value)
        });
    asked.to_xml().into_bytes()
}

/// A document as WeChat answers.
pub(crate) fn answer(fields: &Fields) -> RawResponse {
    RawResponse {
        status: 200,
        headers: vec![("Content-Type".to_owned(), "text/xml".to_owned())],
        body: fields.to_xml().into_bytes(),
    }
}

/// What every answer begins with.
pub(crate) fn head(appid: &str, mchid: &str) -> Fields {
    Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK")
        .with("appid", appid)
        .with("mch_id", mchid)
        .with("nonce_str", "nonce")
        .with("result_code", "SUCCESS")
}

/// A key nobody has.
pub(crate) fn thief() -> Option<ApiKey> {
    ApiKey::parse("thiefthiefthiefthiefthiefthiefth").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_call_asks_for_the_same() {
        let call = |nonce: &str| {
            let fields = Fields::new()
                .with("out_trade_no", "A-1")
                .with("total_fee", "1")
                .with("nonce_str", nonce)
                .with("sign", nonce);
            parameters(fields.to_xml().as_bytes())
        };
        assert_eq!(call("one"), call("two"));
        assert_ne!(
            call("one"),
            parameters(b"<xml><total_fee>2</total_fee></xml>")
        );
    }

    #[test]
    fn a_member_is_found_however_it_is_written() {
        for document in [
            "<xml><other>1</other><out_trade_no>A-1</out_trade_no></xml>",
            "<xml><out_trade_no><![CDATA[A-1]]></out_trade_no></xml>",
        ] {
            assert_eq!(member(document.as_bytes(), "out_trade_no"), Some("A-1"));
            assert_eq!(member(document.as_bytes(), "err_code"), None);
        }
    }

    #[test]
    fn a_move_goes_on_and_back() {
        let moving = Speaks::Moving(SignType::Md5, Stage::Before);
        let steps = std::iter::successors(Some(moving), |speaks| speaks.next());
        let names: Vec<&str> = steps.take(4).map(Speaks::as_str).collect();
        let both = ["v3_accepting_v2", "v2_accepting_v3", "v3_accepting_v2"];
        assert_eq!(names, [&["v2"][..], &both].concat());
        assert_eq!(Speaks::V3.next(), None);
    }
}
