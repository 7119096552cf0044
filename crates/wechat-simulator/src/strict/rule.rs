//! What texts may hold, and checking them.

use serde_json::Value;

use crate::assumptions::LengthUnit;
use crate::refusal::{Refusal, number};

/// What a text member may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) shortest: usize,
    pub(crate) longest: usize,
    pub(crate) allowed: fn(char) -> bool,
    /// The documentation states bytes for this member, whatever the assumption about the others.
    pub(crate) bytes: bool,
}

impl Text {
    pub(crate) const fn up_to(longest: usize) -> Self {
        Self {
            shortest: 1,
            longest,
            allowed: any,
            bytes: false,
        }
    }

    const fn of(self, allowed: fn(char) -> bool) -> Self {
        Self { allowed, ..self }
    }
}

fn any(_: char) -> bool {
    true
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn id(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn trade_no(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '|' | '*')
}

fn refund_no(c: char) -> bool {
    trade_no(c) || c == '@'
}

pub(crate) const APPID: Text = Text::up_to(32).of(id);
pub(crate) const MCHID: Text = Text::up_to(32).of(digit);
pub(crate) const OPENID: Text = Text::up_to(128).of(id);
pub(crate) const GOODS_ID: Text = Text::up_to(32).of(id);
/// 18 digits; which of them are codes is for WeChat to say.
pub(crate) const AUTH_CODE: Text = Text {
    shortest: 18,
    ..Text::up_to(18).of(digit)
};
pub(crate) const TRANSACTION_ID: Text = Text::up_to(32).of(digit);
pub(crate) const OUT_TRADE_NO: Text = Text {
    shortest: 6,
    ..Text::up_to(32).of(trade_no)
};
pub(crate) const OUT_REFUND_NO: Text = Text {
    bytes: true,
    ..Text::up_to(64).of(refund_no)
};

pub(super) fn check_text(
    pointer: &str,
    label: &str,
    text: &str,
    rule: Text,
    unit: LengthUnit,
) -> Result<(), Refusal> {
    let (length, unit) = match unit {
        LengthUnit::Characters if !rule.bytes => (text.chars().count(), "字符数"),
        LengthUnit::Characters | LengthUnit::Bytes => (text.len(), "字节数"),
    };
    let issue = if length < rule.shortest {
        format!("{unit} {length}，小于最小值 {}", rule.shortest)
    } else if length > rule.longest {
        format!("{unit} {length}，大于最大值 {}", rule.longest)
    } else if !text.chars().all(rule.allowed) {
        "含有不允许的字符".to_owned()
    } else {
        return Ok(());
    };
    let issue = format!("输入源“/body{pointer}”映射到字符串字段“{label}”规则校验失败，{issue}");
    let value = Value::from(text);
    let number = if length < rule.shortest || length > rule.longest {
        number::OUT_OF_RANGE
    } else {
        number::ILLEGAL_PARAMETER
    };
    Err(Refusal::parameter(
        number,
        "body",
        pointer,
        Some(&value),
        issue,
    ))
}

/// Whether a path or query value has the characters and length of a number; `Err` says what is wrong.
pub(crate) fn check_number(name: &str, label: &str, text: &str, rule: Text) -> Result<(), Refusal> {
    check_text(
        &format!("/{name}"),
        label,
        text,
        rule,
        LengthUnit::Characters,
    )
    .map_err(|refusal| {
        Refusal::parameter(
            refusal.number,
            "url",
            name,
            Some(&Value::from(text)),
            refusal.message.replace("/body", "/path"),
        )
    })
}
