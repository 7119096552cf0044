//! Reading request bodies as strictly as WeChat does, or more: types, limits, characters, and nothing unknown.
//!
//! The limits are those of the WeChat Pay APIv3 documentation. Messages follow the wording of real answers.

mod body;
mod rule;

use serde_json::{Map, Value};

pub(crate) use body::{has_null, parse};
use rule::check_text;
pub(crate) use rule::{
    APPID, AUTH_CODE, GOODS_ID, MCHID, OPENID, OUT_REFUND_NO, OUT_TRADE_NO, TRANSACTION_ID, Text,
    check_number,
};

use crate::assumptions::Assumptions;
use crate::refusal::{Refusal, number};

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
