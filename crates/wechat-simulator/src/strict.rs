//! Reading request bodies as strictly as WeChat does, or more: types, limits, characters, and nothing unknown.
//!
//! The limits are those of the WeChat Pay APIv3 documentation. Messages follow the wording of real answers.

use serde_json::{Map, Value};

use crate::assumptions::{Assumptions, LengthUnit, NullMembers};
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
pub(crate) const TRANSACTION_ID: Text = Text::up_to(32).of(digit);
pub(crate) const OUT_TRADE_NO: Text = Text {
    shortest: 6,
    ..Text::up_to(32).of(trade_no)
};
pub(crate) const OUT_REFUND_NO: Text = Text {
    bytes: true,
    ..Text::up_to(64).of(refund_no)
};

/// One object of a request body, being read member by member. [`Object::finish`] refuses what was not read.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    pointer: String,
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
    assumptions: &'a Assumptions,
}

impl<'a> Object<'a> {
    /// The body as an object; `parsed` is what [`parse`] gave.
    pub(crate) fn body(parsed: &'a Value, assumptions: &'a Assumptions) -> Result<Self, Refusal> {
        Self::at(String::new(), parsed, assumptions)
    }

    fn at(
        pointer: String,
        value: &'a Value,
        assumptions: &'a Assumptions,
    ) -> Result<Self, Refusal> {
        match value.as_object() {
            Some(members) => Ok(Self {
                pointer,
                members,
                known: Vec::with_capacity(members.len()),
                assumptions,
            }),
            None => Err(wrong_type(
                &pointer,
                &pointer,
                value,
                "此字段需要一个 JSON 对象",
            )),
        }
    }

    fn pointer(&self, name: &str) -> String {
        format!("{}/{name}", self.pointer)
    }

    fn member(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// An optional text.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        label: &str,
        rule: Text,
    ) -> Result<Option<&'a str>, Refusal> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let pointer = self.pointer(name);
        let Some(text) = value.as_str() else {
            return Err(wrong_type(&pointer, label, value, "此字段需要一个字符串"));
        };
        check_text(&pointer, label, text, rule, self.assumptions.length_unit)?;
        Ok(Some(text))
    }

    /// A text that must be there.
    pub(crate) fn required_text(
        &mut self,
        name: &'static str,
        label: &str,
        rule: Text,
    ) -> Result<&'a str, Refusal> {
        match self.text(name, label, rule)? {
            Some(text) => Ok(text),
            None => Err(self.missing(name, label)),
        }
    }

    /// An optional integer of at least `least`. Texts and fractions are refused, even `"1"` and `1.0`.
    pub(crate) fn integer(
        &mut self,
        name: &'static str,
        label: &str,
        least: i64,
    ) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let pointer = self.pointer(name);
        let Some(integer) = value.as_i64() else {
            let needed = "此字段需要一个合法的 64 位有符号整数";
            return Err(wrong_type(&pointer, label, value, needed));
        };
        if integer < least {
            let issue = format!(
                "输入源“/body{pointer}”映射到数值字段“{label}”规则校验失败，值低于最小值 {least}"
            );
            return Err(Refusal::parameter(
                number::OUT_OF_RANGE,
                "body",
                &pointer,
                Some(value),
                issue,
            ));
        }
        Ok(Some(integer))
    }

    /// An integer that must be there.
    pub(crate) fn required_integer(
        &mut self,
        name: &'static str,
        label: &str,
        least: i64,
    ) -> Result<i64, Refusal> {
        match self.integer(name, label, least)? {
            Some(integer) => Ok(integer),
            None => Err(self.missing(name, label)),
        }
    }

    /// An optional boolean.
    pub(crate) fn boolean(
        &mut self,
        name: &'static str,
        label: &str,
    ) -> Result<Option<bool>, Refusal> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        match value.as_bool() {
            Some(boolean) => Ok(Some(boolean)),
            None => Err(wrong_type(
                &self.pointer(name),
                label,
                value,
                "此字段需要一个布尔值",
            )),
        }
    }

    /// An optional object.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Object<'a>>, Refusal> {
        match self.member(name) {
            Some(value) => Object::at(self.pointer(name), value, self.assumptions).map(Some),
            None => Ok(None),
        }
    }

    /// An object that must be there.
    pub(crate) fn required_object(
        &mut self,
        name: &'static str,
        label: &str,
    ) -> Result<Object<'a>, Refusal> {
        match self.object(name)? {
            Some(object) => Ok(object),
            None => Err(self.missing(name, label)),
        }
    }

    /// An optional array of objects. An empty one is refused.
    pub(crate) fn objects(
        &mut self,
        name: &'static str,
        label: &str,
        most: usize,
    ) -> Result<Option<Vec<Object<'a>>>, Refusal> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let pointer = self.pointer(name);
        let Some(items) = value.as_array() else {
            return Err(wrong_type(
                &pointer,
                label,
                value,
                "此字段需要一个 JSON 数组",
            ));
        };
        if items.is_empty() || items.len() > most {
            let issue = format!(
                "输入源“/body{pointer}”映射到字段“{label}”规则校验失败，数组元素个数 {}，应在 1 到 {most} 之间",
                items.len()
            );
            return Err(Refusal::parameter(
                number::OUT_OF_RANGE,
                "body",
                &pointer,
                None,
                issue,
            ));
        }
        let mut objects = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            objects.push(Object::at(
                format!("{pointer}/{index}"),
                item,
                self.assumptions,
            )?);
        }
        Ok(Some(objects))
    }

    pub(crate) fn missing(&self, name: &str, label: &str) -> Refusal {
        let pointer = self.pointer(name);
        let issue =
            format!("输入源“/body{pointer}”映射到字段“{label}”必填性规则校验失败，此字段为必填项");
        Refusal::parameter(number::ILLEGAL_PARAMETER, "body", &pointer, None, issue)
    }

    /// A refusal of one member for a reason of its own.
    pub(crate) fn refuse(&self, name: &str, why: impl Into<String>) -> Refusal {
        let pointer = self.pointer(name);
        Refusal::parameter(
            number::ILLEGAL_PARAMETER,
            "body",
            &pointer,
            self.members.get(name),
            why.into(),
        )
    }

    /// Refuses members that no document names.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self
            .members
            .keys()
            .find(|name| !self.known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => {
                let pointer = self.pointer(name);
                let issue = format!("请求中含有非法的额外参数“/body{pointer}”");
                let value = self.members.get(name);
                Err(Refusal::parameter(
                    number::EXTRA_PARAMETER,
                    "body",
                    &pointer,
                    value,
                    issue,
                ))
            }
        }
    }
}

/// Reads the bytes of a body: UTF-8, JSON, no byte order mark, no `null` member, no character of four UTF-8 bytes.
pub(crate) fn parse(bytes: &[u8], assumptions: &Assumptions) -> Result<Value, Refusal> {
    let not_json = |why: String| {
        Refusal::parameter(
            number::ILLEGAL_PARAMETER,
            "body",
            "",
            None,
            format!("请求体不是合法的 JSON：{why}"),
        )
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|why| not_json(why.to_string()))?;
    inspect("", &value, assumptions.null_members)?;
    Ok(value)
}

/// Whether any member is `null`, however deep.
pub(crate) fn has_null(value: &Value) -> bool {
    value.is_null()
        || value
            .as_object()
            .is_some_and(|members| members.values().any(has_null))
        || value
            .as_array()
            .is_some_and(|items| items.iter().any(has_null))
}

fn inspect(pointer: &str, value: &Value, nulls: NullMembers) -> Result<(), Refusal> {
    if value.is_null() && nulls == NullMembers::Refused {
        let issue = format!("输入源“/body{pointer}”的值不能为 null，不需要的字段请不要传");
        return Err(Refusal::parameter(
            number::ILLEGAL_PARAMETER,
            "body",
            pointer,
            Some(value),
            issue,
        ));
    }
    if let Some(text) = value.as_str()
        && text.chars().any(|c| c.len_utf8() > 3)
    {
        let issue =
            format!("输入源“/body{pointer}”含有 4 字节的 UTF-8 字符，仅支持 1 到 3 字节的字符");
        return Err(Refusal::parameter(
            number::ILLEGAL_PARAMETER,
            "body",
            pointer,
            Some(value),
            issue,
        ));
    }
    if let Some(members) = value.as_object() {
        for (name, member) in members {
            inspect(&format!("{pointer}/{name}"), member, nulls)?;
        }
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            inspect(&format!("{pointer}/{index}"), item, nulls)?;
        }
    }
    Ok(())
}

fn wrong_type(pointer: &str, label: &str, value: &Value, needed: &str) -> Refusal {
    let issue = format!("无法将 JSON 输入源“/body{pointer}”映射到目标字段“{label}”中，{needed}");
    Refusal::parameter(
        number::ILLEGAL_PARAMETER,
        "body",
        pointer,
        Some(value),
        issue,
    )
}

fn check_text(
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
