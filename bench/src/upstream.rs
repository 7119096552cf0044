//! WeChat at no cost: every order call gets the same answer, signed once before the measurement.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wechatpay::v2::{ApiKey, Fields};
use wechatpay::v3::Signer;

use crate::server::{API_V2_KEY, APPID, MCHID, SIGN_TYPE};

/// What every order call gets in either protocol.
pub(crate) const PREPAY_ID: &str = "wx26112209580621e9b071c00d9e093b0000";

/// Answers any request on this listener until the process ends.
pub(crate) async fn serve(listener: TcpListener, answer: std::sync::Arc<[u8]>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, std::sync::Arc::clone(&answer)));
    }
}

async fn connection(mut stream: TcpStream, answer: std::sync::Arc<[u8]>) {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(length) = request_length(&buffer) {
            buffer.drain(..length);
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }
}

/// Length of the first complete request, head and body.
fn request_length(buffer: &[u8]) -> Option<usize> {
    let end = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(buffer.get(..end)?).ok()?;
    let body = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .unwrap_or(0);
    (buffer.len() >= end + body).then_some(end + body)
}

/// A signed answer to an order call, valid for five minutes from `now`.
pub(crate) fn prepay_answer(signer: &dyn Signer, now: i64) -> std::sync::Arc<[u8]> {
    let body = format!(r#"{{"prepay_id":"{PREPAY_ID}"}}"#);
    let nonce = "bench";
    let signature = signer.sign(&wechatpay::v3::text_to_verify(
        &now.to_string(),
        nonce,
        body.as_bytes(),
    ));
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nwechatpay-timestamp: {now}\r\n\
         wechatpay-nonce: {nonce}\r\nwechatpay-serial: {}\r\nwechatpay-signature: {signature}\r\nrequest-id: bench-0\r\n\r\n{body}",
        body.len(),
        signer.serial_no(),
    )
    .into_bytes()
    .into()
}

/// The same in the older protocol, whose answers do not grow old.
pub(crate) fn v2_prepay_answer() -> anyhow::Result<std::sync::Arc<[u8]>> {
    let body = Fields::new()
        .with("return_code", "SUCCESS")
        .with("return_msg", "OK")
        .with("appid", APPID)
        .with("mch_id", MCHID)
        .with("nonce_str", "bench")
        .with("result_code", "SUCCESS")
        .with("trade_type", "JSAPI")
        .with("prepay_id", PREPAY_ID)
        .signed(SIGN_TYPE, &ApiKey::parse(API_V2_KEY)?)
        .to_xml();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    Ok(answer.into_bytes().into())
}

/// Listens on a free port of this machine.
pub(crate) async fn listen() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
