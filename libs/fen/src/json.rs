//! JSON: integers only. A fraction or a text is refused with a message that tells what to send instead.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::Fen;

impl Serialize for Fen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.get())
    }
}

impl<'de> Deserialize<'de> for Fen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // `any`, not `i64`: a format that could convert for us must not.
        deserializer.deserialize_any(IntegerFen)
    }
}

struct IntegerFen;

impl Visitor<'_> for IntegerFen {
    type Value = Fen;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer number of fen, for example 1990 for 19.90 yuan")
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Fen, E> {
        Ok(Fen::new(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Fen, E> {
        i64::try_from(value)
            .map(Fen::new)
            .map_err(|_| E::custom("the amount is too large"))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Fen, E> {
        Err(E::custom(format_args!(
            "an amount must be an integer number of fen, not {value}: send 1990 for 19.90 yuan"
        )))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Fen, E> {
        Err(E::custom(
            "an amount must be a JSON number, not a text: send 1990 (without quotes) for 19.90 yuan",
        ))
    }
}
