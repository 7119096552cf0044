//! `POST /v1/payments/{id}/pay`: the merchant's backend gets the means to pay for a payer who has no session here: a QR code, an
//! address for a browser, parameters for a mobile app; or it charges the code that a till has scanned.

use std::net::IpAddr;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use shouyin_core::id::{AuthCode, InvalidId, StoreId};
use shouyin_core::payment::decide::Asker;
use shouyin_core::payment::service::{self, ChargeAnswer, Means, PayAnswer};
use shouyin_core::ports::{AppPayment, ScannedCode};
use shouyin_core::product::{H5Kind, H5Scene};
use tracing::warn;
use utoipa::ToSchema;

use super::{not_found, payment_id};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::body;
use crate::http::error::{Code, Problem, ProblemBody};
use crate::http::idempotency::{self, Keyed};
use crate::http::mini_program::{wechat_error, wechat_refused};

/// Longest address to come back to, in characters.
const MAX_REDIRECT: usize = 512;

/// What the product of the payment needs: nothing for `native` and `app`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PayRequest)]
pub(crate) struct PayRequestBody {
    /// `h5`: the address of the payer's browser, as your server sees it. WeChat compares it.
    #[schema(value_type = Option<String>, example = "203.0.113.7")]
    payer_ip: Option<IpAddr>,
    /// `h5`: the kind of browser; `wap` if left out.
    scene: Option<H5Kind>,
    /// `h5`: where the browser comes back to, on a domain registered in WeChat's console. Being back proves nothing: ask.
    #[schema(example = "https://shop.example.com/orders/1001")]
    redirect_url: Option<String>,
    /// `code`: what the till read from the payer's phone, 18 digits.
    auth_code: Option<String>,
    /// `code`: your own number of the shop, for WeChat's records.
    store_id: Option<String>,
}

/// What to do next.
#[derive(Debug, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum MerchantPayBody {
    /// Hand on the one member that is there.
    Ready {
        /// `native`: show it as a QR code (`qr.svg` and `qr.png` draw it). Valid for two hours, or until it is renewed.
        #[serde(skip_serializing_if = "Option::is_none")]
        code_url: Option<String>,
        /// `h5`: send the browser there. Valid for five minutes.
        #[serde(skip_serializing_if = "Option::is_none")]
        h5_url: Option<String>,
        /// `app`: hand it to WeChat's SDK in your app, unchanged.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<AppPayment>)]
        app: Option<Box<AppPayment>>,
    },
    /// `code`: the payer is typing a password, or WeChat has not said yet. It is asked every few seconds, and taken back after 45
    /// seconds. Wait for `payment.paid` or `payment.code_failed`; do not ask for money in another way before.
    Paying,
    /// It is paid.
    Paid,
}

/// What was asked for, checked.
enum Asked {
    Means(Option<H5Scene>, Option<String>),
    Charge(ScannedCode),
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::InvalidField, detail)
}

fn unreadable(error: InvalidId) -> Problem {
    invalid(format!("{error}."))
}

impl PayRequestBody {
    fn check(self) -> Result<Asked, Problem> {
        if let Some(auth_code) = self.auth_code {
            if self.payer_ip.is_some() || self.scene.is_some() || self.redirect_url.is_some() {
                return Err(invalid(
                    "auth_code is for product code; payer_ip, scene and redirect_url are for h5. Send what the payment's product needs.",
                ));
            }
            return Ok(Asked::Charge(ScannedCode {
                auth_code: AuthCode::parse(auth_code).map_err(unreadable)?,
                store_id: self
                    .store_id
                    .map(StoreId::parse)
                    .transpose()
                    .map_err(unreadable)?,
            }));
        }
        if self.store_id.is_some() {
            return Err(invalid("store_id goes with auth_code."));
        }
        if self.payer_ip.is_none() && (self.scene.is_some() || self.redirect_url.is_some()) {
            return Err(invalid("scene and redirect_url go with payer_ip."));
        }
        let redirect_url = self.redirect_url.map(checked_redirect).transpose()?;
        let scene = self.payer_ip.map(|payer_ip| H5Scene {
            payer_ip,
            kind: self.scene.unwrap_or_default(),
        });
        Ok(Asked::Means(scene, redirect_url))
    }
}

fn checked_redirect(text: String) -> Result<String, Problem> {
    let is_address = text.starts_with("https://") || text.starts_with("http://");
    if is_address && text.len() <= MAX_REDIRECT && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(invalid(format!(
        "redirect_url must be an http or https address of at most {MAX_REDIRECT} visible ASCII characters."
    )))
}

/// The address with the way back. Source: WeChat Pay APIv3, "H5: invoke payment".
fn with_redirect(h5_url: &str, redirect_url: Option<&str>) -> String {
    match redirect_url {
        None => h5_url.to_owned(),
        Some(back) => format!(
            "{h5_url}&redirect_url={}",
            utf8_percent_encode(back, NON_ALPHANUMERIC)
        ),
    }
}

fn ready(means: Means, redirect_url: Option<&str>) -> Result<MerchantPayBody, Problem> {
    let (mut code_url, mut h5_url, mut app) = (None, None, None);
    match means {
        Means::CodeUrl(url) => code_url = Some(url.to_string()),
        Means::H5Url(url) => h5_url = Some(with_redirect(url.as_str(), redirect_url)),
        Means::App(parameters) => app = Some(Box::new(parameters)),
        // Core hands these to payers with a session only.
        Means::RequestPayment(_) => return Err(Problem::internal()),
    }
    Ok(MerchantPayBody::Ready {
        code_url,
        h5_url,
        app,
    })
}

/// Get the means to pay, or charge a payment code.
///
/// For products `native`, `app`, `h5` and `code`; what happens inside WeChat begins with the payer's session, at `/mp/v1`.
/// Any number of requests lead to one order at WeChat. While an earlier code is being settled, no other is charged.
#[utoipa::path(
    post, path = "/v1/payments/{id}/pay", tag = "payments", operation_id = "pay_payment",
    security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "`pay_` and 32 hexadecimal digits"),
        ("Idempotency-Key" = String, Header, description = "Your own value for this operation; a fresh one for every fresh code, address or QR code"),
    ),
    request_body = PayRequestBody,
    responses(
        (status = 200, description = "The means to pay, or how the charge stands", body = MerchantPayBody),
        (status = 400, description = "`malformed_json`, `invalid_field`, `idempotency_key_missing`, `idempotency_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`api_key_missing`, `api_key_invalid`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`other_product`, `payment_closed`, `too_many_attempts`, `idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`code_refused`: scan a fresh code; `wechat_refused`: see `wechat`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`wechat_unavailable`: repeat, the order number stays the same", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn pay(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
    keyed: Keyed,
) -> Result<Response, Problem> {
    let id = payment_id(path)?;
    let asked = body::parse::<PayRequestBody>(&keyed.body)?.check()?;
    let work = async {
        let answer = match asked {
            Asked::Means(scene, redirect_url) => {
                let asker = Asker::Merchant {
                    mchid: merchant.mchid.clone(),
                    scene,
                };
                match service::pay(&app.ports, &id, &asker).await? {
                    PayAnswer::Ready(means) => ready(means, redirect_url.as_deref())?,
                    PayAnswer::Paid => MerchantPayBody::Paid,
                    PayAnswer::Refused(why) => return Err(why.into()),
                    PayAnswer::NotFound => return Err(not_found()),
                    PayAnswer::Rejected(refusal) => return Err(wechat_refused(refusal)),
                    PayAnswer::Unavailable(why) => {
                        warn!(payment.id = %id, error = why, "No means to pay payment {id} yet");
                        return Err(Problem::new(
                            Code::WechatUnavailable,
                            "WeChat gave no usable answer yet. Repeat: the order number stays the same and nothing is paid twice.",
                        ));
                    }
                }
            }
            Asked::Charge(code) => {
                match service::charge(&app.ports, &merchant.mchid, &id, &code).await? {
                    ChargeAnswer::Paid => MerchantPayBody::Paid,
                    ChargeAnswer::Paying => MerchantPayBody::Paying,
                    ChargeAnswer::Refused(why) => return Err(why.into()),
                    ChargeAnswer::NotFound => return Err(not_found()),
                    ChargeAnswer::Failed(refusal) => return Err(code_refused(refusal)),
                }
            }
        };
        // Plain strings: writing them cannot fail.
        serde_json::to_string(&answer).map_err(|_| Problem::internal())
    };
    idempotency::once(&app, &merchant.mchid, &keyed.idempotency, work).await
}

fn code_refused(refusal: Option<shouyin_core::outcome::Refusal>) -> Problem {
    let problem = Problem::new(
        Code::PaymentCodeRefused,
        "The payer was not charged. Ask for a fresh code, or for another way to pay, and send it with a fresh Idempotency-Key.",
    );
    match refusal {
        Some(refusal) => problem.with_wechat(wechat_error(refusal)),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_escaped_once() {
        assert_eq!(
            with_redirect(
                "https://wx.tenpay.com/x?prepay_id=1",
                Some("https://a.example/o?n=1&m=2")
            ),
            "https://wx.tenpay.com/x?prepay_id=1&redirect_url=https%3A%2F%2Fa%2Eexample%2Fo%3Fn%3D1%26m%3D2"
        );
        assert_eq!(
            with_redirect("https://wx.tenpay.com/x", None),
            "https://wx.tenpay.com/x"
        );
    }
}
