use fen::Fen;
use shouyin_core::Timestamp;
use shouyin_core::id::{Appid, Mchid, Openid, OutTradeNo, Route};
use wechatpay::v2::{Fields, Operation};

use super::*;

const NOW_MS: i64 = 1_767_585_785_000;

fn order(expires_in_ms: i64) -> PrepayOrder {
    PrepayOrder {
        mchid: Mchid::parse("1900000001").unwrap(),
        appid: Appid::parse("wx1111222233334444").unwrap(),
        route: Route::parse("v2").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260105000001").unwrap(),
        amount: Fen::new(1990),
        description: "拿铁 Latte".into(),
        attach: None,
        product: Ours::MiniProgram,
        payer: Some(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
        scene: None,
        time_expire: Timestamp::from_millis(NOW_MS + expires_in_ms),
    }
}

fn fields(order: &PrepayOrder) -> Fields {
    let url = text::NotifyUrl::parse("https://pay.example.com/wechat/notify/1900000001").unwrap();
    prepay(order, &url, None).ok().unwrap().fields()
}

#[test]
fn an_order_becomes_the_documented_fields() {
    let fields = fields(&order(3_600_000));
    for (name, value) in [
        ("appid", "wx1111222233334444"),
        ("body", "拿铁 Latte"),
        ("out_trade_no", "T20260105000001"),
        ("total_fee", "1990"),
        ("spbill_create_ip", "127.0.0.1"),
        ("trade_type", "JSAPI"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        (
            "notify_url",
            "https://pay.example.com/wechat/notify/1900000001",
        ),
        // One hour and six minutes after 2026-01-05T12:03:05+08:00
        ("time_expire", "20260105130905"),
    ] {
        assert_eq!(fields.get(name), Some(value), "{name}");
    }
    assert_eq!(fields.iter().count(), 9);
}

#[test]
fn every_product_has_its_own_fields() {
    let url = text::NotifyUrl::parse("https://pay.example.com/n").unwrap();
    let site = H5Site {
        url: "https://shop.example.com".into(),
        name: "Example".into(),
    };
    let of = |product, scene, site| {
        let order = PrepayOrder {
            product,
            payer: None,
            scene,
            ..order(1)
        };
        prepay(&order, &url, site).ok().map(|order| order.fields())
    };
    let native = of(Ours::Native, None, None).unwrap();
    assert_eq!(native.get("trade_type"), Some("NATIVE"));
    assert_eq!(native.get("product_id"), Some("T20260105000001"));
    let app = of(Ours::App, None, None).unwrap();
    assert_eq!(app.get("trade_type"), Some("APP"));
    let scene = Some(shouyin_core::product::H5Scene {
        payer_ip: "203.0.113.7".parse().unwrap(),
        kind: shouyin_core::product::H5Kind::Wap,
    });
    let h5 = of(Ours::H5, scene, Some(&site)).unwrap();
    assert_eq!(h5.get("trade_type"), Some("MWEB"));
    assert_eq!(h5.get("spbill_create_ip"), Some("203.0.113.7"));
    assert!(h5.get("scene_info").unwrap().contains("shop.example.com"));
    assert!(
        of(Ours::H5, scene, None).is_none(),
        "its site is not configured"
    );
    assert!(of(Ours::MiniProgram, None, None).is_none(), "nobody pays");
    assert!(of(Ours::Code, None, None).is_none(), "codes are charged");
}

/// WeChat compares every field with those of the first call.
#[test]
fn the_same_order_is_the_same_call_and_its_deadline_is_far_enough_away_at_the_last_moment() {
    assert_eq!(fields(&order(1)), fields(&order(1)));
    let last_moment = fields(&order(1));
    let deadline = wechatpay::time::parse_compact(last_moment.get("time_expire").unwrap()).unwrap();
    assert!(deadline >= NOW_MS + 5 * MINUTE_MS, "{deadline}");
}

#[test]
fn long_texts_are_cut_for_people_and_refused_for_machines() {
    let long = PrepayOrder {
        description: "茶".repeat(127),
        ..order(1)
    };
    assert_eq!(fields(&long).get("body"), Some("茶".repeat(42).as_str()));
    let url = text::NotifyUrl::parse("https://pay.example.com/n").unwrap();
    let with = |attach: String| {
        let order = PrepayOrder {
            attach: Some(attach),
            ..order(1)
        };
        prepay(&order, &url, None).is_ok()
    };
    assert!(with("茶".repeat(127)));
    assert!(
        !with("茶".repeat(128)),
        "it comes back to the shop, whole or not at all"
    );
}
