//! What we answer to a notification, in a word: the protocols have different numbers for the same answer.

use std::fmt;

use serde::Deserialize;

/// An answer to a notification.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeAnswer {
    /// Verified and stored.
    Accepted,
    /// Not proven to be WeChat's, or too old.
    Refused,
    /// WeChat's, but it cannot be decrypted or understood.
    Unreadable,
    /// WeChat's, but it contradicts our record.
    Contradicts,
    /// Not stored: WeChat is asked to come again.
    ComeAgain,
    /// None: it never came, or we were away.
    Nothing,
    /// Any other HTTP status; no scenario expects one.
    #[serde(skip)]
    Other(u64),
}

impl NoticeAnswer {
    /// What this HTTP status says to a notification; none if there was no answer. APIv3 takes 204, the older protocol 200 with a
    /// document that says so (the simulator checks the document).
    pub(crate) fn of(status: Option<u64>, protocol: &str) -> Self {
        match status {
            None | Some(0) => Self::Nothing,
            Some(204) if protocol == "v3" => Self::Accepted,
            Some(200) if protocol != "v3" => Self::Accepted,
            Some(400) => Self::Unreadable,
            Some(401) => Self::Refused,
            Some(422) => Self::Contradicts,
            Some(503) => Self::ComeAgain,
            Some(other) => Self::Other(other),
        }
    }
}

impl fmt::Display for NoticeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Refused => f.write_str("refused"),
            Self::Unreadable => f.write_str("unreadable"),
            Self::Contradicts => f.write_str("contradicts"),
            Self::ComeAgain => f.write_str("come_again"),
            Self::Nothing => f.write_str("nothing"),
            Self::Other(status) => write!(f, "{status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_protocol_accepts_in_its_own_way() {
        let of = |status, protocol| NoticeAnswer::of(status, protocol).to_string();
        assert_eq!(of(Some(204), "v3"), "accepted");
        assert_eq!(of(Some(200), "v2_md5"), "accepted");
        assert_eq!(of(Some(200), "v3"), "200");
        assert_eq!(of(Some(204), "v2_md5"), "204");
        assert_eq!(of(None, "v3"), "nothing");
    }
}
