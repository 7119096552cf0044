//! Times as WeChat Pay writes them: RFC 3339 text at +08:00, whatever zone this machine is in.
//!
//! Signing times are something else: Unix seconds, always named `..._unix` or `timestamp` here.

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// A time as WeChat wrote it, for example `2018-06-08T10:34:56+08:00`. The text is kept as it came.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WechatTime(String);

impl WechatTime {
    /// The time at +08:00 with whole seconds, as WeChat expects `time_expire`. Milliseconds are cut off.
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self(format_beijing(unix_ms))
    }

    /// The text as it came.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Unix milliseconds, or `None` when the text is not RFC 3339 with an offset.
    pub fn unix_ms(&self) -> Option<i64> {
        parse_rfc3339(&self.0)
    }
}

impl std::fmt::Display for WechatTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for WechatTime {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Unix milliseconds as RFC 3339 at +08:00 with whole seconds: `2018-06-08T10:34:56+08:00`.
///
/// Times outside the years -9999 to 9999 become the nearest one inside.
pub fn format_beijing(unix_ms: i64) -> String {
    let nearest = if unix_ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(nearest);
    Offset::constant(8)
        .to_datetime(time)
        .strftime("%Y-%m-%dT%H:%M:%S+08:00")
        .to_string()
}

/// RFC 3339 with an offset as Unix milliseconds; smaller parts are cut off. `None` for anything else.
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    // jiff also reads friendlier forms (a space, a bracketed zone), which WeChat does not write.
    if text.as_bytes().get(10) != Some(&b'T') || text.contains('[') {
        return None;
    }
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

/// Unix milliseconds as the v2 protocol writes them: `yyyyMMddHHmmss` in Beijing.
///
/// Times outside the years -9999 to 9999 become the nearest one inside.
pub fn format_compact(unix_ms: i64) -> String {
    let text = format_beijing(unix_ms);
    text.bytes()
        .take(19)
        .filter(u8::is_ascii_digit)
        .map(char::from)
        .collect()
}

/// `yyyyMMddHHmmss` or `yyyy-MM-dd HH:mm:ss` in Beijing, the two ways in which the v2 protocol writes times, as Unix milliseconds.
pub fn parse_compact(text: &str) -> Option<i64> {
    let pattern = if text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        "%Y%m%d%H%M%S"
    } else if text.len() == 19 && text.as_bytes().get(10) == Some(&b' ') {
        "%Y-%m-%d %H:%M:%S"
    } else {
        return None;
    };
    let local = jiff::civil::DateTime::strptime(pattern, text).ok()?;
    let time = Offset::constant(8).to_timestamp(local).ok()?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_v2_protocols_times_are_beijing_too() {
        let moment = 1_528_425_296_000;
        assert_eq!(format_compact(moment), "20180608103456");
        assert_eq!(parse_compact("20180608103456"), Some(moment));
        assert_eq!(parse_compact("2018-06-08 10:34:56"), Some(moment));
        for bad in [
            "",
            "2018060810345",
            "20180608103461",
            "2018-06-08T10:34:56",
            "20180608 10:34:56",
            "aaaaaaaaaaaaaa",
        ] {
            assert_eq!(parse_compact(bad), None, "{bad}");
        }
    }

    #[test]
    fn beijing_text_comes_back_as_the_same_moment() {
        assert_eq!(
            format_beijing(1_528_425_296_999),
            "2018-06-08T10:34:56+08:00"
        );
        assert_eq!(
            parse_rfc3339("2018-06-08T10:34:56+08:00"),
            Some(1_528_425_296_000)
        );
        assert_eq!(
            parse_rfc3339("2018-06-08T10:34:56.120+08:00"),
            Some(1_528_425_296_120)
        );
        assert_eq!(
            parse_rfc3339("2018-06-08T02:34:56Z"),
            Some(1_528_425_296_000)
        );
        assert_eq!(format_beijing(0), "1970-01-01T08:00:00+08:00");
    }

    #[test]
    fn text_without_an_offset_is_not_a_time() {
        for text in [
            "",
            "2018-06-08",
            "2018-06-08T10:34:56",
            "2018-06-08 10:34:56+08:00",
            "20180608103456",
            "2018-06-08T10:34:56+08:00[Asia/Shanghai]",
            "2018-13-08T10:34:56+08:00",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn absurd_times_are_printed_not_panicked_over() {
        assert!(format_beijing(i64::MAX).ends_with("+08:00"));
        assert!(format_beijing(i64::MIN).ends_with("+08:00"));
    }
}
