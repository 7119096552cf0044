use fen::Fen;
use shouyin_core::ports::TradeState;
use wechatpay::text;
use wechatpay::v3::pay;
use wechatpay::wire::Wire;

use super::*;

fn unpaid() -> Order {
    Order {
        appid: Some("wx1111222233334444".into()),
        mch_id: "1900000001".into(),
        out_trade_no: "T20260105000001".into(),
        trade_state: Wire::Known(pay::TradeState::NotPay),
        transaction_id: None,
        openid: None,
        trade_type: None,
        total_fee: None,
        cash_fee: None,
        fee_type: None,
        attach: None,
        time_end_ms: None,
    }
}

fn paid() -> Order {
    Order {
        trade_state: Wire::Known(pay::TradeState::Success),
        transaction_id: Some(text::TransactionId::parse("4200000001202601051234567890").unwrap()),
        openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".into()),
        trade_type: Some("JSAPI".into()),
        total_fee: Some(Fen::new(1990)),
        cash_fee: Some(Fen::new(1490)),
        time_end_ms: Some(1_767_585_785_000),
        ..unpaid()
    }
}

#[test]
fn a_paid_order_has_everything_that_is_compared() {
    let trade = trade(paid()).unwrap();
    assert_eq!(trade.mchid, "1900000001");
    assert_eq!(trade.appid, "wx1111222233334444");
    assert_eq!(trade.state, TradeState::Success);
    assert_eq!(trade.total, Some(Fen::new(1990)));
    assert_eq!(
        trade.payer_total,
        Some(Fen::new(1490)),
        "a coupon paid the rest"
    );
    assert_eq!(trade.currency.as_deref(), Some("CNY"), "absent means this");
    assert_eq!(trade.trade_type.as_deref(), Some("JSAPI"));
    assert_eq!(
        trade.success_at,
        Some(Timestamp::from_millis(1_767_585_785_000))
    );
    assert!(trade.payer.is_some() && trade.transaction_id.is_some());
}

#[test]
fn an_unpaid_order_is_enough() {
    let trade = trade(unpaid()).unwrap();
    assert_eq!(trade.state, TradeState::NotPay);
    assert_eq!(
        (trade.total, trade.payer, trade.success_at),
        (None, None, None)
    );
}

#[test]
fn another_currency_is_told_and_broken_texts_prove_nothing() {
    let dollars = Order {
        fee_type: Some("USD".into()),
        ..paid()
    };
    assert_eq!(trade(dollars).unwrap().currency.as_deref(), Some("USD"));
    let numberless = Order {
        out_trade_no: "?".into(),
        ..paid()
    };
    assert!(trade(numberless).is_err());
    let nobody = Order {
        openid: Some("no openid".into()),
        ..paid()
    };
    assert!(trade(nobody).is_err());
}
