use std::collections::BTreeMap;

use super::key::{ApiKey, SignType};
use super::xml::{self, XmlError};

/// The fields of a message, by name. Sorted by bytes, which is the order in which they are signed.
///
/// Values are the raw text: not escaped, not trimmed. `Debug` shows names only: values carry openids.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Fields(BTreeMap<String, String>);

impl Fields {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a document of WeChat's: one root, one level of elements (WeChat Pay v2 documentation, "protocol rules").
    ///
    /// # Errors
    /// When it is anything else, has a DOCTYPE or an entity of its own, a name twice, or is too large.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        xml::parse(document).map(Self)
    }

    /// As a document with the root `<xml>`.
    pub fn to_xml(&self) -> String {
        xml::write(&self.0)
    }

    /// With one more field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// With one more field, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds or replaces a field.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// A field that is there and not empty: empty ones count as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// All fields in the order of their names, empty ones too.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The signature over all fields but `sign` and the empty ones, unknown and numbered ones included.
    pub fn signature(&self, sign_type: SignType, key: &ApiKey) -> String {
        key.signature(sign_type, self.iter())
    }

    /// With its signature.
    #[must_use]
    pub fn signed(self, sign_type: SignType, key: &ApiKey) -> Self {
        let signature = self.signature(sign_type, key);
        self.with("sign", signature)
    }

    /// Whether `sign` is the signature of this type. Compared in constant time.
    pub fn is_signed(&self, sign_type: SignType, key: &ApiKey) -> bool {
        let expected = self.signature(sign_type, key);
        self.get("sign").is_some_and(|sign| {
            aws_lc_rs::constant_time::verify_slices_are_equal(sign.as_bytes(), expected.as_bytes())
                .is_ok()
        })
    }
}

impl std::fmt::Debug for Fields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
