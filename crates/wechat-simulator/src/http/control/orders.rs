//! WeChat's books over HTTP: orders.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Front, Problem};
use crate::book::OrderKey;
use crate::heart::Wechat;
use crate::order::{Order, PREPAY_LIFE_MS};
use crate::protocol::Protocol;

/// An order as WeChat keeps it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderView {
    /// Whose.
    mchid: String,
    /// The name the cashier shows.
    merchant_name: String,
    /// Under which app.
    appid: String,
    /// The merchant's number.
    out_trade_no: String,
    /// What the payer reads.
    description: String,
    /// The merchant's own data.
    attach: Option<String>,
    /// What is to be paid.
    amount_fen: i64,
    /// Who is to pay; empty while anybody may.
    openid: String,
    /// The name of that user, if this simulator gave out the openid.
    user: Option<String>,
    /// `JSAPI`, `NATIVE`, `APP`, `MWEB` or `MICROPAY`.
    trade_type: &'static str,
    /// Which protocol it was made by.
    protocol: Protocol,
    /// `NOTPAY`, `SUCCESS`, `REFUND` or `CLOSED`; for payment codes also `USERPAYING`, `PAYERROR` or `REVOKED`.
    trade_state: &'static str,
    /// Where its payment notification goes.
    notify_url: String,
    /// When the first order call arrived.
    created_at_ms: i64,
    /// The merchant's deadline for paying.
    pay_until_ms: Option<i64>,
    /// The newest prepay id that still opens the cashier.
    prepay_id: Option<String>,
    /// What belongs to it that is scanned or followed: `code_url`, `h5_url` or `mweb_url`.
    link: Option<String>,
    /// All prepay ids, oldest first.
    prepay_ids: Vec<String>,
    /// WeChat's number, once paid.
    transaction_id: Option<String>,
    /// When it was paid.
    paid_at_ms: Option<i64>,
    /// What the payer paid.
    payer_total_fen: Option<i64>,
    /// The merchant's numbers of its refunds.
    refunds: Vec<String>,
}

impl OrderView {
    pub(super) fn new(wechat: &Wechat, order: &Order, now_ms: i64) -> Self {
        let prepays = wechat.prepays(&order.mchid, &order.out_trade_no);
        let payment = order.payment();
        let merchant = wechat
            .merchants()
            .find(|merchant| merchant.mchid == order.mchid);
        Self {
            mchid: order.mchid.clone(),
            merchant_name: merchant.map_or_else(String::new, |merchant| merchant.name.clone()),
            appid: order.appid.clone(),
            out_trade_no: order.out_trade_no.clone(),
            description: order.description.clone(),
            attach: order.attach.clone(),
            amount_fen: order.total.get(),
            openid: order.openid.clone(),
            user: wechat
                .users()
                .find(|(openid, _, _)| *openid == order.openid)
                .map(|(_, _, user)| user.to_owned()),
            trade_type: order.trade_type.name(),
            protocol: order.protocol,
            trade_state: order.trade_state(),
            notify_url: order.notify_url.clone(),
            created_at_ms: order.created_ms,
            pay_until_ms: order.pay_until_ms,
            prepay_id: prepays
                .iter()
                .rev()
                .find(|(_, prepay)| !prepay.dead && now_ms - prepay.made_ms < PREPAY_LIFE_MS)
                .map(|(id, _)| (*id).to_owned()),
            link: prepays.last().and_then(|(_, prepay)| prepay.link.clone()),
            prepay_ids: prepays.iter().map(|(id, _)| (*id).to_owned()).collect(),
            transaction_id: payment.map(|payment| payment.transaction_id.clone()),
            paid_at_ms: payment.map(|payment| payment.at_ms),
            payer_total_fen: payment.map(|payment| payment.payer_total.get()),
            refunds: order.refunds.clone(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct OrderFilter {
    /// Only orders this user is to pay.
    user: Option<String>,
    /// Only orders in this state.
    state: Option<String>,
}

/// All orders, newest first.
#[utoipa::path(get, path = "/orders", params(OrderFilter), responses((status = 200, body = Vec<OrderView>)))]
pub(super) async fn list(
    State(front): State<Arc<Front>>,
    Query(filter): Query<OrderFilter>,
) -> Json<Vec<OrderView>> {
    let now_ms = front.now_ms();
    let mut orders: Vec<OrderView> = front.read(|wechat| {
        wechat
            .orders()
            .filter(|order| {
                filter
                    .state
                    .as_deref()
                    .is_none_or(|state| state == order.trade_state())
            })
            .map(|order| OrderView::new(wechat, order, now_ms))
            .filter(|view| filter.user.is_none() || view.user == filter.user)
            .collect()
    });
    orders.sort_by_key(|order| std::cmp::Reverse(order.created_at_ms));
    Json(orders)
}

/// One order by the merchant's number; the first, if several merchants have used it.
#[utoipa::path(get, path = "/orders/{out_trade_no}", params(("out_trade_no" = String, Path)),
    responses((status = 200, body = OrderView), (status = 404, body = Problem)))]
pub(super) async fn one(
    State(front): State<Arc<Front>>,
    Path(out_trade_no): Path<String>,
) -> Result<Json<OrderView>, Problem> {
    let now_ms = front.now_ms();
    front
        .read(|wechat| {
            wechat
                .orders()
                .find(|order| order.out_trade_no == out_trade_no)
                .map(|order| Json(OrderView::new(wechat, order, now_ms)))
        })
        .ok_or_else(|| Problem::not_found(format!("order {out_trade_no}")))
}

/// The order with this number; the first, if several merchants have used it.
pub(super) fn order_key(front: &Front, out_trade_no: &str) -> Result<OrderKey, Problem> {
    front
        .read(|wechat| {
            wechat
                .orders()
                .find(|order| order.out_trade_no == out_trade_no)
                .map(|order| (order.mchid.clone(), order.out_trade_no.clone()))
        })
        .ok_or_else(|| Problem::not_found(format!("order {out_trade_no}")))
}
