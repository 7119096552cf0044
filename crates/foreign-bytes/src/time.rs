//! Times as WeChat writes them.

use wechatpay::time::{WechatTime, format_beijing, parse_rfc3339};

/// 0001-01-01 and 9999-01-01, Unix milliseconds: what has four digits of a year and is within what jiff can hold.
const FOUR_DIGITS: std::ops::Range<i64> = -62_135_596_800_000..253_370_764_800_000;

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = text.trim_end_matches('\n');
    let read = parse_rfc3339(text);
    let time = WechatTime::from(text.to_owned());
    assert_eq!(time.as_str(), text);
    assert_eq!(time.unix_ms(), read);
    if let Some(expected) = by_hand(text) {
        assert_eq!(read, Some(expected), "{text:?}");
    }
    if let Some(ms) = read.filter(|ms| FOUR_DIGITS.contains(ms)) {
        let printed = format_beijing(ms);
        let again = parse_rfc3339(&printed);
        assert!(
            again.is_some_and(|again| ms.abs_diff(again) < 1000),
            "{text:?} is {ms}, printed {printed}, read again {again:?}"
        );
    }
    // Any number is printed, however absurd.
    if let Ok(ms) = text.parse::<i64>() {
        assert!(format_beijing(ms).ends_with("+08:00"));
    }
}

/// The usual form, computed with the calendar alone: `2018-06-08T10:34:56+08:00`.
fn by_hand(text: &str) -> Option<i64> {
    let digits = |range: std::ops::Range<usize>| -> Option<i64> {
        let part = text.get(range)?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let form: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    if form != "0000-00-00T00:00:00+00:00" || text.get(19..) != Some("+08:00") {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
    let (hour, minute, second) = (digits(11..13)?, digits(14..16)?, digits(17..19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [
        31,
        if leap { 29 } else { 28 },
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let index = usize::try_from(month - 1).ok()?;
    let length = *lengths.get(index)?;
    if !(1970..9999).contains(&year)
        || !(1..=length).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let earlier = year - 1;
    let years = (year - 1970) * 365 + (earlier / 4 - earlier / 100 + earlier / 400)
        - (1969 / 4 - 1969 / 100 + 1969 / 400);
    let months: i64 = lengths.iter().take(index).sum();
    let days = years + months + day - 1;
    Some(((days * 24 + hour - 8) * 3600 + minute * 60 + second) * 1000)
}
