//! Writing documents as WeChat does, signed, or wrong on purpose.

use std::borrow::Cow;

use wechatpay::v2::{ApiKey, SignType};

use crate::seal::Flaw;

/// The fields of a message in the order in which they are written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Document(Vec<(Name, String)>);

/// Most names are known, those of numbered fields are made.
type Name = Cow<'static, str>;

impl Document {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// With one more field.
    pub(crate) fn with(mut self, name: impl Into<Name>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// With one more field, if there is a value.
    pub(crate) fn with_some(self, name: impl Into<Name>, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a field, or gives it another value.
    pub(crate) fn set(&mut self, name: impl Into<Name>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) fn extend(mut self, other: Self) -> Self {
        for (name, value) in other.0 {
            self.set(name, value);
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    fn signature(&self, sign_type: SignType, key: &ApiKey) -> String {
        key.signature(sign_type, self.iter())
    }

    /// As WeChat writes it: texts in CDATA, one element per line, no declaration.
    pub(crate) fn to_xml(&self, root: &str, cdata: bool) -> String {
        let written = || self.iter().filter(|(_, value)| !value.is_empty());
        // "<name><![CDATA[value]]></name>\n"
        let length = written().map(|(name, value)| 2 * name.len() + value.len() + 18);
        let mut xml = String::with_capacity(length.sum::<usize>() + 2 * root.len() + 5);
        for part in ["<", root, ">"] {
            xml.push_str(part);
        }
        for (name, value) in written() {
            let (before, value, after) = if is_number(name, value) {
                ("", Cow::Borrowed(value), "")
            } else if !cdata {
                ("", Cow::Owned(escaped(value)), "")
            } else if value.contains("]]>") {
                let value = value.replace("]]>", "]]]]><![CDATA[>");
                ("<![CDATA[", Cow::Owned(value), "]]>")
            } else {
                ("<![CDATA[", Cow::Borrowed(value), "]]>")
            };
            for part in ["<", name, ">", before, &value, after, "</", name, ">\n"] {
                xml.push_str(part);
            }
        }
        for part in ["</", root, ">"] {
            xml.push_str(part);
        }
        xml
    }

    /// The bytes of a signed message, right or with a flaw.
    pub(crate) fn sealed(
        mut self,
        sign_type: SignType,
        key: &ApiKey,
        flaw: Flaw,
        cdata: bool,
    ) -> Vec<u8> {
        let signature = match flaw {
            Flaw::Unsigned => None,
            Flaw::WrongSignature | Flaw::Signtest | Flaw::UnknownSerial => {
                other_key().map(|key| self.signature(sign_type, &key))
            }
            Flaw::OtherSignType => Some(self.signature(other(sign_type), key)),
            // There is no time in a message of this protocol, so none can be old.
            Flaw::None
            | Flaw::Stale
            | Flaw::Tampered
            | Flaw::Truncated
            | Flaw::Replayed
            | Flaw::Misdirected
            | Flaw::Contradicting
            | Flaw::Doctype => Some(self.signature(sign_type, key)),
        };
        if let Some(signature) = signature {
            self.set("sign", signature);
        }
        if flaw == Flaw::Tampered {
            self.tamper();
        }
        let mut xml = self.to_xml("xml", cdata);
        if flaw == Flaw::Doctype {
            xml = with_entity(&xml);
        }
        let mut bytes = xml.into_bytes();
        if flaw == Flaw::Truncated {
            bytes.truncate(bytes.len() / 2);
        }
        bytes
    }

    /// What somebody on the way would like to change: the amount, if there is one.
    fn tamper(&mut self) {
        let other = if self.get("total_fee") == Some("1") {
            "2"
        } else {
            "1"
        };
        self.set("total_fee", other);
    }
}

/// A key nobody has, for signatures that must not verify.
pub(super) fn other_key() -> Option<ApiKey> {
    ApiKey::parse("nobodyhasthiskeynobodyhasthiskey").ok()
}

fn other(sign_type: SignType) -> SignType {
    match sign_type {
        SignType::Md5 => SignType::HmacSha256,
        SignType::HmacSha256 => SignType::Md5,
    }
}

/// The attack that readers of this protocol fell for (CVE-2018-13439): an entity that names a file.
fn with_entity(xml: &str) -> String {
    let doctype = "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/hostname\">]>\n";
    let xml = xml.replacen("<xml>", "<xml><trace>&x;</trace>", 1);
    format!("{doctype}{xml}")
}

/// Amounts and counts are written bare, everything else in CDATA.
fn is_number(name: &str, value: &str) -> bool {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    (stem.ends_with("fee") || stem.ends_with("count"))
        && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn escaped(value: &str) -> String {
    value
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use wechatpay::v2::Fields;

    use super::*;

    fn document() -> Document {
        Document::new()
            .with("return_code", "SUCCESS")
            .with("attach", "a & <b> ]]> c")
            .with("total_fee", "101")
            .with("coupon_fee_0", "1")
            .with("transaction_id", "4200")
            .with("empty", "")
    }

    #[test]
    fn texts_are_cdata_and_amounts_bare_and_both_are_read_back() {
        let xml = document().to_xml("xml", true);
        assert!(xml.contains("<attach><![CDATA[a & <b> ]]]]><![CDATA[> c]]></attach>"));
        assert!(xml.contains("<total_fee>101</total_fee>"));
        assert!(xml.contains("<coupon_fee_0>1</coupon_fee_0>"));
        assert!(xml.contains("<transaction_id><![CDATA[4200]]></transaction_id>"));
        assert!(!xml.contains("empty"));
        for cdata in [true, false] {
            let read = Fields::parse(document().to_xml("xml", cdata).as_bytes()).unwrap();
            assert_eq!(read.get("attach"), Some("a & <b> ]]> c"));
            assert_eq!(read.get("total_fee"), Some("101"));
        }
    }

    #[test]
    fn only_a_sound_message_verifies() {
        let key = ApiKey::parse("0123456789abcdef0123456789ABCDEF").unwrap();
        for sign_type in [SignType::Md5, SignType::HmacSha256] {
            let verifies = |flaw| {
                let bytes = document().sealed(sign_type, &key, flaw, true);
                Fields::parse(&bytes).is_ok_and(|fields| fields.is_signed(sign_type, &key))
            };
            assert!(verifies(Flaw::None));
            for flaw in [
                Flaw::Unsigned,
                Flaw::WrongSignature,
                Flaw::OtherSignType,
                Flaw::Tampered,
                Flaw::Truncated,
                Flaw::Doctype,
            ] {
                assert!(!verifies(flaw), "{flaw:?}");
            }
        }
    }
}
