//! The bytes of a body.

use serde_json::Value;

use crate::assumptions::{Assumptions, NullMembers};
use crate::refusal::{Refusal, number};

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
