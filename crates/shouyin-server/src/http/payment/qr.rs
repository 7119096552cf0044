//! `GET /v1/payments/{id}/qr.svg` and `qr.png`: the QR code of a native payment, drawn here so that nobody needs a library.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header;
use qrcode::{Color, EcLevel, QrCode};
use shouyin_core::payment::{Payment, PaymentState};
use shouyin_core::ports::PaymentKey;
use shouyin_core::product::Handle;
use shouyin_core::time::Timestamp;
use tracing::error;

use super::{not_found, payment_id};
use crate::http::App;
use crate::http::auth::Merchant;
use crate::http::error::{Code, Problem, ProblemBody};

/// White modules around the code (ISO/IEC 18004).
const QUIET: usize = 4;
/// Pixels of a module in the PNG.
const SCALE: usize = 8;

/// The code that a payer may scan now.
fn code_url(payment: &Payment, now: Timestamp) -> Result<&str, Problem> {
    let live = match payment.state {
        PaymentState::Open if now < payment.expires_at => payment.live_attempt(),
        PaymentState::Open
        | PaymentState::Closing { .. }
        | PaymentState::Paid(_)
        | PaymentState::Closed { .. } => None,
    };
    let prepay = live.and_then(|attempt| attempt.prepay.as_ref());
    match prepay.filter(|prepay| prepay.is_usable(now)) {
        Some(prepay) => match &prepay.handle {
            Handle::CodeUrl(url) => Ok(url.as_str()),
            Handle::PrepayId(_) | Handle::H5Url(_) => Err(not_ready()),
        },
        None => Err(not_ready()),
    }
}

fn not_ready() -> Problem {
    Problem::new(
        Code::QrNotReady,
        "Call POST /v1/payments/{id}/pay first: the payment must be open, of product native, and its code not older than two hours.",
    )
}

async fn drawn(
    app: &App,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<QrCode, Problem> {
    let key = PaymentKey::Id(merchant.mchid, payment_id(path)?);
    let payment = app.ports.store.payment(key).await?.ok_or_else(not_found)?;
    let text = code_url(&payment, app.ports.clock.now())?;
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|why| {
        error!(error = %why, "A code_url could not be drawn");
        Problem::internal()
    })
}

/// The QR code as SVG.
#[utoipa::path(
    get, path = "/v1/payments/{id}/qr.svg", tag = "payments", operation_id = "get_payment_qr_svg",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The QR code", body = String, content_type = "image/svg+xml"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`qr_not_ready`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn svg(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let code = drawn(&app, merchant, path).await?;
    let picture = code
        .render::<qrcode::render::svg::Color<'_>>()
        .min_dimensions(240, 240)
        .build();
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

/// The QR code as PNG.
#[utoipa::path(
    get, path = "/v1/payments/{id}/qr.png", tag = "payments", operation_id = "get_payment_qr_png",
    security(("api_key" = [])),
    params(("id" = String, Path, description = "`pay_` and 32 hexadecimal digits")),
    responses(
        (status = 200, description = "The QR code", body = Vec<u8>, content_type = "image/png"),
        (status = 404, description = "`payment_not_found`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`qr_not_ready`", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn png(
    State(app): State<App>,
    merchant: Merchant,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let code = drawn(&app, merchant, path).await?;
    let picture = pixels(&code).map_err(|why| {
        error!(error = %why, "A QR code could not be written as PNG");
        Problem::internal()
    })?;
    Ok(([(header::CONTENT_TYPE, "image/png")], picture).into_response())
}

/// One byte a pixel, black on white, with the quiet zone.
fn pixels(code: &QrCode) -> Result<Vec<u8>, png::EncodingError> {
    let side = (code.width() + 2 * QUIET) * SCALE;
    let mut image = vec![0xff_u8; side * side];
    let modules = code.to_colors();
    for (index, _) in modules
        .iter()
        .enumerate()
        .filter(|(_, color)| **color == Color::Dark)
    {
        let (column, row) = (index % code.width() + QUIET, index / code.width() + QUIET);
        for y in row * SCALE..(row + 1) * SCALE {
            let start = y * side + column * SCALE;
            if let Some(line) = image.get_mut(start..start + SCALE) {
                line.fill(0);
            }
        }
    }
    let mut file = Vec::new();
    // A QR code has at most 177 modules a side.
    let size = u32::try_from(side).unwrap_or(u32::MAX);
    let mut encoder = png::Encoder::new(&mut file, size, size);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&image)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_png_is_as_large_as_its_modules_and_black_where_they_are() {
        let code = QrCode::new("weixin://wxpay/bizpayurl?pr=JyC91EIz1").unwrap();
        let file = pixels(&code).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(file));
        let mut reader = decoder.read_info().unwrap();
        let mut image = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut image).unwrap();
        let side = (code.width() + 2 * QUIET) * SCALE;
        assert_eq!(usize::try_from(info.width).unwrap(), side);
        let at = |column: usize, row: usize| image[row * side + column];
        assert_eq!(at(0, 0), 0xff, "the quiet zone is white");
        assert_eq!(
            at(QUIET * SCALE, QUIET * SCALE),
            0,
            "the finder pattern begins black"
        );
    }
}
