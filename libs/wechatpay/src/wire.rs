//! Tolerant reading of what WeChat sends: values we know and values we do not, members that are absent, null or empty.

use std::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// A name from WeChat: one we know, or the text of one we do not. A new name there must not break us here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Wire<T> {
    /// A name of WeChat's documentation.
    Known(T),
    /// Any other text, kept as it came.
    Other(String),
}

/// The names an enum has on the wire.
pub trait WireName: Copy + PartialEq + 'static {
    /// Every value with its name.
    const NAMES: &'static [(Self, &'static str)];

    /// The name on the wire.
    fn name(self) -> &'static str {
        Self::NAMES
            .iter()
            .find(|(value, _)| *value == self)
            .map_or("", |(_, name)| name)
    }
}

impl<T: WireName> Wire<T> {
    /// Reads a name. Never fails.
    pub fn from_name(name: &str) -> Self {
        T::NAMES
            .iter()
            .find(|(_, known)| *known == name)
            .map_or_else(
                || Self::Other(name.to_owned()),
                |(value, _)| Self::Known(*value),
            )
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(value) => value.name(),
            Self::Other(name) => name,
        }
    }

    /// The value, when it is a known one.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Other(_) => None,
        }
    }
}

impl<T: WireName> From<T> for Wire<T> {
    fn from(value: T) -> Self {
        Self::Known(value)
    }
}

impl<T: WireName> fmt::Display for Wire<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: WireName> Serialize for Wire<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: WireName> Deserialize<'de> for Wire<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::from_name(&name))
    }
}

/// For optional texts: absent, `null` and `""` all mean that there is none.
pub(crate) fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: From<String>,
{
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()).map(T::from))
}

/// For optional names: absent, `null` and `""` all mean that there is none.
pub(crate) fn name<'de, D, T>(deserializer: D) -> Result<Option<Wire<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: WireName,
{
    let name = Option::<String>::deserialize(deserializer)?;
    Ok(name
        .filter(|name| !name.is_empty())
        .map(|name| Wire::from_name(&name)))
}

/// For lists and objects that may be absent or `null`: both mean the empty one.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}
