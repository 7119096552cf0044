//! The notification endpoint: bodies that are cut, huge, deep, compressed, or not JSON at all.

use crate::case::{Expect, Group, INVALID, UNPROVEN};
use crate::desk::MCHID;
use crate::forge::{signed, unsigned};
use crate::shop::Shop;

const DTD: &str = "<?xml version=\"1.0\"?><!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
    <xml><return_code>&x;</return_code></xml>";
const LAUGHS: &str = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"lol\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
    <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;\">]><xml>&d;</xml>";
const V2_PAYMENT: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><result_code><![CDATA[SUCCESS]]></result_code>\
    <total_fee>1</total_fee><sign><![CDATA[00000000000000000000000000000000]]></sign></xml>";
/// 4 GiB of zeros are not needed to see whether anybody inflates: this header promises them.
const GZIP_BOMB: &[u8] = &[
    0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8,
    10, 0xff, 0xff, 0xff, 0xff,
];

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group =
        Group::new("bodies that are cut, huge, deep, compressed or in another language");
    let genuine = shop.control();
    let length = genuine.body.len();
    for part in 0..12 {
        let mut cut = genuine.clone();
        cut.body.truncate(length * part / 12);
        group.add(format!("{part}/12 of a genuine one"), &cut, UNPROVEN);
    }
    for (name, byte) in [
        ("a blank", &b" "[..]),
        ("a line break", b"\n"),
        ("a zero byte", b"\0"),
        ("itself", &genuine.body),
    ] {
        let mut longer = genuine.clone();
        longer.body.extend_from_slice(byte);
        group.add(
            format!("a genuine one followed by {name}"),
            &longer,
            UNPROVEN,
        );
    }
    for at in [0, length / 3, length / 2, length - 1] {
        let mut flipped = genuine.clone();
        flipped.body[at] ^= 1;
        group.add(
            format!("a genuine one with bit 0 of byte {at} flipped"),
            &flipped,
            UNPROVEN,
        );
    }
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("null", b"null".to_vec()),
        ("an empty object", b"{}".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a number of 100,000 digits", b"9".repeat(100_000)),
        ("lists 100,000 deep", b"[".repeat(100_000)),
        ("objects 50,000 deep", b"{\"a\":".repeat(50_000)),
        ("900,000 blanks", b" ".repeat(900_000)),
        (
            "a text of 900,000 characters",
            [b"{\"id\":\"", &b"a".repeat(900_000)[..], b"\"}"].concat(),
        ),
        (
            "100,000 members",
            [b"{", &b"\"a\":1,".repeat(100_000)[..], b"\"b\":1}"].concat(),
        ),
        (
            "bytes that are not UTF-8",
            vec![0xff, 0xfe, 0x00, 0xc3, 0x28],
        ),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("XML with an external entity", DTD.as_bytes().to_vec()),
        ("XML with a billion laughs", LAUGHS.as_bytes().to_vec()),
        (
            "a payment notification of the old interface",
            V2_PAYMENT.as_bytes().to_vec(),
        ),
        ("a form", b"id=1&event_type=TRANSACTION.SUCCESS".to_vec()),
        ("gzip", GZIP_BOMB.to_vec()),
        ("HTML", b"<script>alert(1)</script>".to_vec()),
        ("a lone surrogate", br#"{"id":"\ud800"}"#.to_vec()),
        ("a zero in a text", br#"{"id":"\u0000"}"#.to_vec()),
        (
            "members there twice",
            br#"{"id":"1","id":"2","event_type":"a"}"#.to_vec(),
        ),
        ("an exponent", br#"{"id":1e999999999}"#.to_vec()),
        ("a comment", b"{/* */}".to_vec()),
        ("two objects", b"{}{}".to_vec()),
    ];
    for (name, body) in bodies {
        group.add(
            format!("unsigned: {name}"),
            &unsigned(MCHID, body.clone()),
            UNPROVEN,
        );
        // WeChat never would, but a parser must also survive what is signed.
        let request = signed(&shop.desk.keys, shop.desk.now_unix(), body);
        // XML is the language of the old interface, where this merchant has no key.
        let expect = Expect::Status(&[400, 401]);
        group.add(format!("signed: {name}"), &request, expect);
    }
    let too_long = vec![b' '; 1024 * 1024 + 1];
    let expect = Expect::Status(&[413]);
    group.add(
        "one byte more than a mebibyte",
        &unsigned(MCHID, too_long.clone()),
        expect,
    );
    let request = signed(&shop.desk.keys, shop.desk.now_unix(), too_long);
    group.add("one byte more than a mebibyte, signed", &request, expect);
    group.add(
        "eight mebibytes",
        &unsigned(MCHID, vec![b'{'; 8 << 20]),
        Expect::RefusedOrClosed,
    );
    encodings(shop, &mut group);
    group
}

/// A body is what arrived: no header may make us read another one out of it.
fn encodings(shop: &Shop, group: &mut Group) {
    for (name, value) in [
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", "deflate"),
        ("Content-Encoding", "br"),
        ("Content-Encoding", "zstd"),
        ("Content-Type", "application/xml"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "multipart/form-data; boundary=x"),
        ("Content-Type", "application/json; charset=utf-7"),
    ] {
        let request = crate::wire::Request::new("POST", format!("/wechat/notify/{MCHID}"))
            .header(name, value)
            .body(GZIP_BOMB);
        group.add(format!("{name}: {value}"), &request, UNPROVEN);
        let mut request = signed(&shop.desk.keys, shop.desk.now_unix(), GZIP_BOMB);
        request.headers.retain(|(other, _)| other != name);
        group.add(
            format!("{name}: {value}, signed"),
            &request.header(name, value),
            INVALID,
        );
    }
}
