//! The `Authorization` header as the simulator reads it.

use wechat_simulator::WireRequest;
use wechatpay::v3::text_to_sign;

use crate::http_text::Message;
use crate::keys::{Judge, NOW};
use crate::simulator::{MCHID, MERCHANT_SERIAL, send, wechat};

const TARGET: &str = "/v3/pay/transactions/out-trade-no/T20260105000001?mchid=1900000001";

/// The whole first line is the header's value.
pub(crate) fn check(bytes: &[u8]) {
    let header = Message::read(bytes).start;
    let refusing = Judge::new(false);
    let answer = send(&mut wechat(refusing.clone()), request(&header));
    assert_eq!(answer.status, 401, "let in without a key that says yes");

    let taking = Judge::new(true);
    let answer = send(&mut wechat(taking.clone()), request(&header));
    assert_eq!(refusing.asked(), taking.asked());
    if answer.status == 401 {
        return;
    }
    // Let in: then the header names this merchant, this certificate, this minute, each once, and the key saw this text.
    let value = |name: &str| {
        let (_, pairs) = header.split_once(' ').unwrap_or_default();
        let mut parts = pairs.split(',').filter_map(|pair| {
            let quoted = pair.strip_prefix(name)?.strip_prefix("=\"")?;
            quoted.strip_suffix('"')
        });
        match (parts.next(), parts.next()) {
            (Some(only), None) => only,
            other => panic!("{name} is {other:?} in {header:?}, and yet it was let in"),
        }
    };
    assert!(header.starts_with("WECHATPAY2-SHA256-RSA2048 "));
    assert_eq!(value("mchid"), MCHID);
    // The simulator takes it in small letters, too.
    assert!(value("serial_no").eq_ignore_ascii_case(MERCHANT_SERIAL));
    let timestamp: i64 = value("timestamp").parse().unwrap_or_default();
    assert!(timestamp.abs_diff(NOW) <= 300, "{timestamp}");
    let text = text_to_sign("GET", TARGET, timestamp, value("nonce_str"), b"");
    assert_eq!(taking.asked(), [(text, value("signature").to_owned())]);
}

fn request(header: &str) -> WireRequest {
    WireRequest {
        method: "GET".to_owned(),
        target: TARGET.to_owned(),
        headers: vec![("authorization".to_owned(), header.to_owned())],
        body: Vec::new(),
        connection: wechat_simulator::Connection::Plain,
    }
}
