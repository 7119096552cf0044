//! Bytes that no HTTP library would send: two lengths, chunks that lie, headers without end, other protocols.

use crate::case::{Expect, Group};
use crate::desk::MCHID;
use crate::shop::Shop;

const GONE: Expect = Expect::RefusedOrClosed;

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group = Group::new(
        "requests that two readers would understand differently, and no requests at all",
    );
    let notify = format!("POST /wechat/notify/{MCHID} HTTP/1.1\r\nHost: a\r\n");
    let inner =
        format!("POST /wechat/notify/{MCHID} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}");
    let length = inner.len();
    let mut add = |name: &str, text: String| group.add_raw(name, text.into_bytes(), GONE);
    for (name, headers) in [
        ("two lengths", "Content-Length: 2\r\nContent-Length: 5\r\n"),
        (
            "the same length twice",
            "Content-Length: 2\r\nContent-Length: 2\r\n",
        ),
        ("a list of lengths", "Content-Length: 2, 5\r\n"),
        ("a negative length", "Content-Length: -1\r\n"),
        ("a length with a sign", "Content-Length: +2\r\n"),
        ("a hexadecimal length", "Content-Length: 0x2\r\n"),
        (
            "a length of 30 digits",
            "Content-Length: 999999999999999999999999999999\r\n",
        ),
        ("no length", ""),
        ("an empty length", "Content-Length:\r\n"),
        ("a length that is a word", "Content-Length: two\r\n"),
        (
            "length and chunks",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "chunks and length",
            "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        ),
        (
            "chunks twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ),
        (
            "chunks, then identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        (
            "identity",
            "Transfer-Encoding: identity\r\nContent-Length: 2\r\n",
        ),
        (
            "chunks that are no chunks",
            "Transfer-Encoding: xchunked\r\nContent-Length: 2\r\n",
        ),
        (
            "chunks with a vertical tab",
            "Transfer-Encoding: \x0bchunked\r\nContent-Length: 2\r\n",
        ),
        (
            "chunks on a folded line",
            "Transfer-Encoding:\r\n chunked\r\nContent-Length: 2\r\n",
        ),
        ("a blank before the colon", "Content-Length : 2\r\n"),
        (
            "a header that begins with a blank",
            " Content-Length: 2\r\n",
        ),
        (
            "a header without a colon",
            "Content-Length 2\r\nContent-Length: 2\r\n",
        ),
        ("a header without a name", ": 2\r\nContent-Length: 2\r\n"),
        (
            "a zero byte in a header",
            "X-A: a\0b\r\nContent-Length: 2\r\n",
        ),
        ("a zero byte in a name", "X\0A: a\r\nContent-Length: 2\r\n"),
        (
            "a bare carriage return in a header",
            "X-A: a\rb\r\nContent-Length: 2\r\n",
        ),
        (
            "a bare line feed after a header",
            "X-A: a\nContent-Length: 2\r\n",
        ),
        ("two hosts", "Host: b\r\nContent-Length: 2\r\n"),
    ] {
        add(name, format!("{notify}{headers}\r\n{{}}"));
    }
    for (name, chunks) in [
        ("a chunk longer than it says", "1\r\n{}\r\n0\r\n\r\n"),
        ("a chunk shorter than it says", "5\r\n{}\r\n0\r\n\r\n"),
        (
            "a chunk of 2^64 bytes",
            "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        ),
        ("a negative chunk", "-2\r\n{}\r\n0\r\n\r\n"),
        ("a chunk with 0x", "0x2\r\n{}\r\n0\r\n\r\n"),
        ("a chunk without end", "2\r\n{}"),
        ("a chunk with line feeds alone", "2\n{}\n0\n\n"),
        (
            "a chunk with an extension of 70,000 bytes",
            "2;LONG\r\n{}\r\n0\r\n\r\n",
        ),
        (
            "a trailer with a signature",
            "2\r\n{}\r\n0\r\nWechatpay-Serial: x\r\n\r\n",
        ),
    ] {
        let chunks = chunks.replace("LONG", &"x".repeat(70_000));
        add(
            name,
            format!("{notify}Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"),
        );
    }
    // A second request inside the body of the first, as a proxy that counts otherwise would pass it on.
    add(
        "smuggled behind chunks",
        format!(
            "{notify}Content-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            length + 5
        ),
    );
    add(
        "smuggled behind a length",
        format!("{notify}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n{inner}"),
    );
    add(
        "two in one packet",
        format!("{notify}Content-Length: 0\r\n\r\n{inner}"),
    );
    for (name, line) in [
        ("HTTP/0.9", format!("POST /wechat/notify/{MCHID}\r\n\r\n")),
        ("HTTP/1.0 without a host", format!("POST /wechat/notify/{MCHID} HTTP/1.0\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("HTTP/1.2", format!("POST /wechat/notify/{MCHID} HTTP/1.2\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}")),
        ("HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()),
        ("HTTP/3", format!("POST /wechat/notify/{MCHID} HTTP/3.0\r\nHost: a\r\n\r\n")),
        ("no version", "POST /v1/payments HTTP/\r\n\r\n".to_owned()),
        ("no method", " /v1/payments HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("no path", "POST  HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("a path with a blank", "GET /v1/ payments HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned()),
        ("a path with a zero byte", "GET /v1/\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("a path that is not ASCII", "GET /\u{8336} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned()),
        ("a whole address as the path", format!("POST http://localhost/wechat/notify/{MCHID} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}")),
        ("a proxy request to the cloud's metadata", "GET http://169.254.169.254/latest/ HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n".to_owned()),
        ("a tunnel", "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned()),
        ("an upgrade", "GET /v1/payments HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".to_owned()),
        ("an upgrade to HTTP/2", "GET /v1/payments HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n".to_owned()),
        ("expecting to be asked", format!("POST /wechat/notify/{MCHID} HTTP/1.1\r\nHost: a\r\nExpect: 101-switching\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}")),
        ("only line feeds", "GET /v1/payments HTTP/1.1\nHost: a\nConnection: close\n\n".to_owned()),
        ("a mail", "EHLO evil\r\nMAIL FROM:<a@b>\r\n".to_owned()),
        ("a Redis command", "*1\r\n$8\r\nFLUSHALL\r\n".to_owned()),
        ("blank lines without end", "\r\n".repeat(5_000)),
        ("a request line of 100,000 bytes", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(100_000))),
        ("a method of 10,000 letters", format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "A".repeat(10_000))),
    ] {
        add(name, line);
    }
    let many: String = (0..2_000).map(|n| format!("X-{n}: a\r\n")).collect();
    add(
        "2000 headers",
        format!("{notify}{many}Content-Length: 2\r\n\r\n{{}}"),
    );
    add(
        "a header of 600,000 bytes",
        format!(
            "{notify}X-A: {}\r\nContent-Length: 2\r\n\r\n{{}}",
            "a".repeat(600_000)
        ),
    );
    add(
        "a header name of 70,000 bytes",
        format!(
            "{notify}{}: a\r\nContent-Length: 2\r\n\r\n{{}}",
            "X".repeat(70_000)
        ),
    );
    let many: String = "Cookie: a=b\r\n".repeat(90);
    add(
        "90 cookies",
        format!("{notify}{many}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}"),
    );
    group.add_raw(
        "the first bytes of TLS",
        vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3],
        GONE,
    );
    group.add_raw("every byte once", (0..=255).collect(), GONE);
    group.add_raw("zeros", vec![0; 20_000], GONE);
    // A genuine message whose signed headers arrive with other bytes around them.
    let genuine = shop.control().bytes();
    let text = String::from_utf8_lossy(&genuine).into_owned();
    let folded = text.replace("Wechatpay-Nonce: ", "Wechatpay-Nonce:\r\n ");
    group.add_raw(
        "a genuine one with a folded header",
        folded.into_bytes(),
        GONE,
    );
    let spaced = text.replace("Wechatpay-Serial:", "Wechatpay-Serial :");
    group.add_raw(
        "a genuine one with a blank before a colon",
        spaced.into_bytes(),
        GONE,
    );
    let short = text.replace("Content-Length: ", "Content-Length: 1");
    group.add_raw(
        "a genuine one that promises more than it has",
        short.into_bytes(),
        GONE,
    );
    group
}
