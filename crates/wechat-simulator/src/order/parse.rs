//! The body of an order call.

use std::net::IpAddr;

use fen::Fen;
use serde_json::Value;
use wechatpay::time::parse_rfc3339;

use crate::assumptions::Assumptions;
use crate::notify_url;
use crate::order::TradeType;
use crate::protocol::Protocol;
use crate::refusal::Refusal;
use crate::strict::{self, Object, Text};

/// An order call that is well-formed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewOrder {
    pub(crate) appid: String,
    pub(crate) mchid: String,
    pub(crate) description: String,
    pub(crate) out_trade_no: String,
    pub(crate) attach: Option<String>,
    pub(crate) notify_url: String,
    pub(crate) total: Fen,
    pub(crate) trade_type: TradeType,
    pub(crate) protocol: Protocol,
    pub(crate) openid: String,
    pub(crate) device_id: Option<String>,
    pub(crate) time_expire_ms: Option<i64>,
}

/// The documented limit of `detail` as compact JSON.
const DETAIL_BYTES: usize = 6144;

pub(super) fn new_order(
    value: &Value,
    trade_type: TradeType,
    assumptions: &Assumptions,
) -> Result<NewOrder, Refusal> {
    let mut body = Object::body(value, assumptions)?;
    let appid = body.required_text("appid", "公众号ID", strict::APPID)?;
    let mchid = body.required_text("mchid", "直连商户号", strict::MCHID)?;
    let description = body.required_text("description", "商品描述", Text::up_to(127))?;
    let out_trade_no = body.required_text("out_trade_no", "商户订单号", strict::OUT_TRADE_NO)?;
    let attach = body.text("attach", "附加数据", Text::up_to(128))?;
    let notify_url = body.required_text("notify_url", "通知地址", Text::up_to(255))?;
    if let Err(why) = notify_url::check(notify_url, assumptions) {
        return Err(body.refuse("notify_url", why));
    }
    body.text("goods_tag", "订单优惠标记", Text::up_to(32))?;
    body.boolean("support_fapiao", "电子发票入口开放标识")?;
    let time_expire_ms = match body.text("time_expire", "交易结束时间", Text::up_to(64))? {
        None => None,
        Some(text) => match parse_rfc3339(text) {
            Some(unix_ms) => Some(unix_ms),
            None => {
                let why = "交易结束时间格式错误，应遵循 RFC3339，例如 2018-06-08T10:34:56+08:00";
                return Err(body.refuse("time_expire", why));
            }
        },
    };
    let total = amount(&mut body)?;
    let openid = match trade_type {
        TradeType::Jsapi => payer(&mut body)?,
        // To these products a payer is an unknown member.
        TradeType::Native | TradeType::App | TradeType::Mweb | TradeType::Micropay => String::new(),
    };
    detail(&mut body, value, "wechatpay_goods_id")?;
    let is_h5 = trade_type == TradeType::Mweb;
    let device_id = match body.object("scene_info")? {
        Some(scene) => scene_info(scene, is_h5, assumptions)?,
        None if is_h5 => return Err(body.missing("scene_info", "场景信息")),
        None => None,
    };
    settle_info(&mut body)?;
    body.finish()?;
    Ok(NewOrder {
        appid: appid.to_owned(),
        mchid: mchid.to_owned(),
        description: description.to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        attach: attach.map(str::to_owned),
        notify_url: notify_url.to_owned(),
        total: Fen::new(total),
        trade_type,
        protocol: Protocol::V3,
        openid,
        device_id,
        time_expire_ms,
    })
}

/// An order by payment code, and the code.
pub(super) fn code_order(
    value: &Value,
    assumptions: &Assumptions,
) -> Result<(NewOrder, String), Refusal> {
    let mut body = Object::body(value, assumptions)?;
    let appid = body.required_text("appid", "公众号ID", strict::APPID)?;
    let mchid = body.required_text("mchid", "直连商户号", strict::MCHID)?;
    let description = body.required_text("description", "商品描述", Text::up_to(127))?;
    let out_trade_no = body.required_text("out_trade_no", "商户订单号", strict::OUT_TRADE_NO)?;
    let attach = body.text("attach", "附加数据", Text::up_to(128))?;
    body.text("goods_tag", "订单优惠标记", Text::up_to(32))?;
    body.boolean("support_fapiao", "电子发票入口开放标识")?;
    if assumptions.codepay_notify_url_ignored {
        body.text("notify_url", "通知地址", Text::up_to(255))?;
    }
    let mut payer = body.required_object("payer", "支付者")?;
    let code = payer.required_text("auth_code", "付款码", strict::AUTH_CODE)?;
    payer.finish()?;
    let total = amount(&mut body)?;
    let mut scene = body.required_object("scene_info", "场景信息")?;
    let device_id = scene.text("device_id", "商户端设备号", Text::up_to(32))?;
    if let Some(address) = scene.text("device_ip", "商户端设备IP", Text::up_to(45))?
        && address.parse::<IpAddr>().is_err()
    {
        return Err(scene.refuse("device_ip", "商户端设备IP格式错误"));
    }
    let mut store = scene.required_object("store_info", "门店信息")?;
    let at_wechat = store.text("id", "门店编号", Text::up_to(32))?;
    let own = store.text("out_id", "商家自定义门店编号", Text::up_to(32))?;
    if at_wechat.is_none() && own.is_none() {
        return Err(store.missing("id", "门店编号"));
    }
    store.finish()?;
    scene.finish()?;
    detail(&mut body, value, "wxpay_goods_id")?;
    settle_info(&mut body)?;
    body.finish()?;
    let order = NewOrder {
        appid: appid.to_owned(),
        mchid: mchid.to_owned(),
        description: description.to_owned(),
        out_trade_no: out_trade_no.to_owned(),
        attach: attach.map(str::to_owned),
        // Payments by code are never told.
        notify_url: String::new(),
        total: Fen::new(total),
        trade_type: TradeType::Micropay,
        protocol: Protocol::V3,
        openid: String::new(),
        device_id: device_id.map(str::to_owned),
        time_expire_ms: None,
    };
    Ok((order, code.to_owned()))
}

fn amount(body: &mut Object<'_>) -> Result<i64, Refusal> {
    let mut amount = body.required_object("amount", "订单金额")?;
    let total = amount.required_integer("total", "总金额", 1)?;
    currency(&mut amount, false)?;
    amount.finish()?;
    Ok(total)
}

fn detail(body: &mut Object<'_>, value: &Value, goods_id: &'static str) -> Result<(), Refusal> {
    let Some(detail) = body.object("detail")? else {
        return Ok(());
    };
    let size = value
        .get("detail")
        .map_or(0, |detail| detail.to_string().len());
    if size > DETAIL_BYTES {
        return Err(body.refuse(
            "detail",
            format!("商品详情字节数 {size}，大于最大值 {DETAIL_BYTES}"),
        ));
    }
    goods(detail, goods_id)
}

fn settle_info(body: &mut Object<'_>) -> Result<(), Refusal> {
    if let Some(mut settle) = body.object("settle_info")? {
        settle.boolean("profit_sharing", "是否指定分账")?;
        settle.finish()?;
    }
    Ok(())
}

/// Reads `currency`, which can only be `CNY`.
pub(crate) fn currency(amount: &mut Object<'_>, required: bool) -> Result<(), Refusal> {
    match amount.text("currency", "货币类型", Text::up_to(16))? {
        Some("CNY") => Ok(()),
        Some(_) => Err(amount.refuse("currency", "货币类型错误，境内商户号仅支持人民币 CNY")),
        None if required => Err(amount.missing("currency", "货币类型")),
        None => Ok(()),
    }
}

fn payer(body: &mut Object<'_>) -> Result<String, Refusal> {
    let needed = |mut refusal: Refusal| {
        refusal.number = crate::refusal::number::OPENID_NEEDED;
        refusal
    };
    let Some(mut payer) = body.object("payer")? else {
        return Err(needed(body.missing("payer", "支付者")));
    };
    let Some(openid) = payer.text("openid", "用户标识", strict::OPENID)? else {
        return Err(needed(payer.missing("openid", "用户标识")));
    };
    payer.finish()?;
    Ok(openid.to_owned())
}

fn goods(mut detail: Object<'_>, goods_id: &'static str) -> Result<(), Refusal> {
    detail.integer("cost_price", "订单原价", 0)?;
    detail.text("invoice_id", "商品小票ID", Text::up_to(32))?;
    let Some(items) = detail.objects("goods_detail", "单品列表", 6000)? else {
        return Err(detail.missing("goods_detail", "单品列表"));
    };
    for mut item in items {
        item.required_text("merchant_goods_id", "商户侧商品编码", strict::GOODS_ID)?;
        item.text(goods_id, "微信支付商品编码", Text::up_to(32))?;
        item.text("goods_name", "商品名称", Text::up_to(256))?;
        item.required_integer("quantity", "商品数量", 1)?;
        item.required_integer("unit_price", "商品单价", 0)?;
        item.finish()?;
    }
    detail.finish()
}

fn scene_info(
    mut scene: Object<'_>,
    is_h5: bool,
    assumptions: &Assumptions,
) -> Result<Option<String>, Refusal> {
    let payer = scene.required_text("payer_client_ip", "用户终端IP", Text::up_to(45))?;
    if is_h5 {
        h5_info(&mut scene, payer)?;
    }
    let device_id = scene.text("device_id", "商户端设备号", Text::up_to(32))?;
    if let Some(mut store) = scene.object("store_info")? {
        store.required_text("id", "门店编号", Text::up_to(32))?;
        let others = [
            ("name", "门店名称", 256),
            ("area_code", "地区编码", 32),
            ("address", "详细地址", 512),
        ];
        for (name, label, longest) in others {
            let rule = Text::up_to(longest);
            if assumptions.store_info_all_members {
                store.required_text(name, label, rule)?;
            } else {
                store.text(name, label, rule)?;
            }
        }
        store.finish()?;
    }
    scene.finish()?;
    Ok(device_id.map(str::to_owned))
}

/// What only browsers have to say. "127.0.0.1 makes H5 fail", so no loopback address is taken.
fn h5_info(scene: &mut Object<'_>, payer: &str) -> Result<(), Refusal> {
    if !payer
        .parse::<IpAddr>()
        .is_ok_and(|address| !address.is_loopback())
    {
        return Err(scene.refuse("payer_client_ip", "网络环境未能通过安全验证，请稍后再试"));
    }
    let mut info = scene.required_object("h5_info", "H5场景信息")?;
    let kind = info.required_text("type", "场景类型", Text::up_to(32))?;
    if !matches!(kind, "iOS" | "Android" | "Wap") {
        return Err(info.refuse("type", "场景类型只能为 iOS、Android 或 Wap"));
    }
    for (name, label, longest) in [
        ("app_name", "应用名称", 64),
        ("app_url", "网站URL", 128),
        ("bundle_id", "iOS平台BundleID", 128),
        ("package_name", "Android平台PackageName", 128),
    ] {
        info.text(name, label, Text::up_to(longest))?;
    }
    info.finish()
}
