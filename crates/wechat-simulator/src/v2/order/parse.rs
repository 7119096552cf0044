//! The fields of an order call.

use super::{NewOrder, No, Read, Sender, TradeType};
use crate::strict::{self, Text};

/// What every call that makes an order has in common.
pub(in crate::v2) fn common_order(
    sender: &Sender,
    read: Read<'_>,
    trade_type: TradeType,
) -> Result<NewOrder, No> {
    let description = read.required("body", Text::up_to(127))?;
    let attach = read.text("attach", Text::up_to(127))?;
    let out_trade_no = read.required("out_trade_no", strict::OUT_TRADE_NO)?;
    let total = read.fen("total_fee")?;
    read.ip("spbill_create_ip")?;
    read.one_of("fee_type", &["CNY"])?;
    read.one_of("version", &["1.0"])?;
    read.one_of("limit_pay", &["no_credit"])?;
    read.one_of("receipt", &["Y"])?;
    read.one_of("profit_sharing", &["Y", "N"])?;
    read.text("goods_tag", Text::up_to(32))?;
    if let Some(detail) = read.json("detail", 6000)?
        && !detail["goods_detail"].is_array()
    {
        return Err(No::parameter("detail参数格式错误，缺少goods_detail"));
    }
    let device_id = read.text("device_info", Text::up_to(32))?;
    read.time("time_start")?;
    let time_expire_ms = read.time("time_expire")?;
    Ok(NewOrder {
        appid: sender.appid.clone(),
        mchid: sender.mch_id.clone(),
        description: description.to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        attach: attach.map(str::to_owned),
        notify_url: String::new(),
        total,
        trade_type,
        protocol: sender.sign_type.into(),
        openid: String::new(),
        device_id: device_id.map(str::to_owned),
        time_expire_ms,
    })
}

pub(super) fn new_order(sender: &Sender, read: Read<'_>) -> Result<NewOrder, No> {
    let trade_type = match read.required("trade_type", Text::up_to(16))? {
        "JSAPI" => TradeType::Jsapi,
        "NATIVE" => TradeType::Native,
        "APP" => TradeType::App,
        "MWEB" => TradeType::Mweb,
        _ => return Err(No::parameter("trade_type参数格式错误")),
    };
    let notify_url = read
        .notify_url()?
        .ok_or_else(|| No::missing("notify_url"))?;
    let openid = read.text("openid", strict::OPENID)?;
    let scene = read.json("scene_info", 256)?;
    match trade_type {
        TradeType::Jsapi if openid.is_none() => {
            return Err(No::parameter("JSAPI支付必须传openid"));
        }
        TradeType::Native => {
            read.required("product_id", Text::up_to(32))?;
        }
        TradeType::Mweb => {
            let scene = scene.ok_or_else(|| No::missing("scene_info"))?;
            check_h5(&scene)?;
            if read.ip("spbill_create_ip")?.is_loopback() {
                return Err(No::parameter("网络环境未能通过安全验证，请稍后再试"));
            }
        }
        TradeType::Jsapi | TradeType::App | TradeType::Micropay => {}
    }
    let jsapi = trade_type == TradeType::Jsapi;
    Ok(NewOrder {
        notify_url: notify_url.to_owned(),
        openid: openid.filter(|_| jsapi).unwrap_or_default().to_owned(),
        ..common_order(sender, read, trade_type)?
    })
}

/// `scene_info` of a browser. The names for apps are UNCONFIRMED, so only their type is asked for.
fn check_h5(scene: &serde_json::Value) -> Result<(), No> {
    let info = &scene["h5_info"];
    let text = |name: &str| info[name].as_str().is_some_and(|text| !text.is_empty());
    let complete = match info["type"].as_str() {
        Some("Wap") => text("wap_url") && text("wap_name"),
        Some("IOS" | "Android") => true,
        Some(_) | None => false,
    };
    if complete {
        Ok(())
    } else {
        Err(No::parameter("scene_info参数格式错误，缺少h5_info"))
    }
}
