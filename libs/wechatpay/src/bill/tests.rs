use fen::Fen;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write as _;

use super::*;

const ALL: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMS: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
const PAID: &str = "`2026-01-05 12:03:04,`wx1111222233334444,`1900000001,`0,`,`4200000001202601051234567890,`T20260105000001,`oAbCdEfGhIjKlMnOpQrStUvWxYz0,`JSAPI,`SUCCESS,`OTHERS,`CNY,`19.90,`0.00,`0,`0,`0.00,`0.00,`,`,`Tea set, small,`shop=7,`0.12000,`0.60%,`19.90,`0.00,`";
const REFUNDED: &str = "`2026-01-05 14:00:01,`wx1111222233334444,`1900000001,`0,`,`4200000001202601051234567890,`T20260105000001,`oAbCdEfGhIjKlMnOpQrStUvWxYz0,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50300000012026010500000000001,`R20260105000001-1,`9.90,`0.00,`ORIGINAL,`SUCCESS,`Tea set, small,`shop=7,`0.00000,`0.60%,`0.00,`9.90,`";

fn bill(lines: &[&str]) -> String {
    format!("\u{feff}{}\r\n", lines.join("\r\n"))
}

fn sample() -> String {
    bill(&[
        ALL,
        PAID,
        REFUNDED,
        SUMS,
        "`2.0,`19.9,`9.9,`0.0,`0.12,`19.9,`9.9",
    ])
}

fn read(text: &str) -> Result<TradeBill, BillError> {
    TradeBill::parse(text.as_bytes())
}

#[test]
fn the_documented_sample_is_read_to_the_fen() {
    let bill = read(&sample()).unwrap();
    assert_eq!(bill.rows.len(), 2);
    assert!(
        bill.unknown_columns.is_empty(),
        "{:?}",
        bill.unknown_columns
    );
    let [paid, refunded] = bill.rows.as_slice() else {
        panic!("two rows")
    };
    // 2026-01-05T12:03:04+08:00
    assert_eq!(paid.at_ms, 1_767_585_784_000);
    assert_eq!(
        (paid.kind.clone(), paid.total),
        (TradeKind::Paid, Fen::new(1990))
    );
    assert_eq!(
        (paid.fee, paid.fee.to_string().as_str()),
        (Fee::new(12_000), "0.12000")
    );
    assert_eq!(
        (paid.description.as_str(), paid.attach.as_str()),
        ("Tea set, small", "shop=7")
    );
    assert_eq!(
        (paid.sub_mchid.as_deref(), paid.mchid.as_str()),
        (None, "1900000001")
    );
    let TradeKind::Refunded(part) = &refunded.kind else {
        panic!("{refunded:?}")
    };
    assert_eq!(
        (part.amount, part.out_refund_no.as_str()),
        (Fen::new(990), "R20260105000001-1")
    );
    assert_eq!(
        (refunded.total, part.status.as_str()),
        (Fen::ZERO, "SUCCESS")
    );
}

#[test]
fn line_ends_mark_and_blank_lines_do_not_matter() {
    let read_again = |text: String| read(&text).unwrap().rows.len();
    let sample = sample();
    assert_eq!(read_again(sample.replace('\r', "")), 2);
    assert_eq!(
        read_again(sample.trim_start_matches('\u{feff}').to_owned()),
        2
    );
    assert_eq!(read_again(sample.trim_end().to_owned()), 2);
    assert_eq!(read_again(format!("{sample}\r\n\r\n")), 2);
}

/// The same bill with its columns in another order and one nobody knows.
#[test]
fn columns_are_found_by_name() {
    let sample = sample();
    let turned: Vec<String> = sample
        .trim_start_matches('\u{feff}')
        .trim_end()
        .split("\r\n")
        .take(3)
        .enumerate()
        .map(|(number, line)| {
            let (separator, start) = if number == 0 { (",", "") } else { (",`", "`") };
            let mut fields: Vec<&str> =
                line.strip_prefix(start).unwrap().split(separator).collect();
            fields.reverse();
            fields.insert(3, if number == 0 { "明年的列" } else { "?" });
            format!("{start}{}", fields.join(separator))
        })
        .collect();
    let lines: Vec<&str> = turned
        .iter()
        .map(String::as_str)
        .chain([SUMS, "`2,`19.90,`9.90,`0,`0.12,`19.90,`9.90"])
        .collect();
    let turned = read(&bill(&lines)).unwrap();
    let straight = read(&sample).unwrap();
    assert_eq!(turned.unknown_columns, ["明年的列"]);
    for (turned, straight) in turned.rows.iter().zip(&straight.rows) {
        assert_eq!(turned.other["明年的列"], "?");
        assert_eq!(
            (turned.total, &turned.kind, turned.fee),
            (straight.total, &straight.kind, straight.fee)
        );
    }
}

#[test]
fn the_legacy_layout_of_24_columns_is_read() {
    let head = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,微信退款单号,商户退款单号,退款金额,代金券或立减优惠退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率";
    let shorter = |line: &str| line.split(",`").take(24).collect::<Vec<_>>().join(",`");
    let (paid, refunded) = (shorter(PAID), shorter(REFUNDED));
    let sums = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额";
    let bill = read(&bill(&[
        head,
        &paid,
        &refunded,
        sums,
        "`2.0,`19.9,`9.9,`0.0,`0.12",
    ]))
    .unwrap();
    assert_eq!(bill.rows[0].total, Fen::new(1990));
    let TradeKind::Refunded(part) = &bill.rows[1].kind else {
        panic!("no refund")
    };
    assert_eq!(part.amount, Fen::new(990));
    assert!(bill.unknown_columns.is_empty());
}

#[test]
fn a_name_of_goods_cannot_move_amounts() {
    for name in ["a,`b", ",`,`,`", "x,`99.99,`1.00%,`99.99,`0.00,`", "`"] {
        let paid = PAID.replace("Tea set, small", name);
        let bill = read(&bill(&[ALL, &paid, SUMS, "`1,`19.9,`0,`0,`0.12,`19.9,`0"])).unwrap();
        let row = &bill.rows[0];
        assert_eq!(
            (row.total, row.settled, row.fee),
            (Fen::new(1990), Fen::new(1990), Fee::new(12_000)),
            "{name}"
        );
    }
}

#[test]
fn what_does_not_add_up_or_is_cut_off_is_not_used() {
    let sample = sample();
    let cut: Vec<&str> = sample.split_inclusive("\r\n").collect();
    for lines in 0..5 {
        let why = read(&cut[..lines].concat()).unwrap_err();
        assert!(
            matches!(why, BillError::CutOff | BillError::Layout { .. }),
            "{lines} lines: {why}"
        );
    }
    // One line less, one amount other, one line twice: every sum is checked.
    let sums = "`2.0,`19.9,`9.9,`0.0,`0.12,`19.9,`9.9";
    let wrong = [
        bill(&[ALL, PAID, SUMS, sums]),
        bill(&[ALL, PAID, REFUNDED, REFUNDED, SUMS, sums]),
        sample.replace("`9.90,`0.00,`ORIGINAL", "`9.91,`0.00,`ORIGINAL"),
        sample.replace("`0.60%,`19.90", "`0.60%,`19.91"),
        sample.replace("`CNY,`19.90", "`CNY,`19.91"),
        sample.replace("`0.12000", "`0.13000"),
    ];
    for text in wrong {
        let why = read(&text).unwrap_err();
        assert!(matches!(why, BillError::Sum { .. }), "{why}");
    }
}

#[test]
fn what_is_unclear_is_not_guessed() {
    let sample = sample();
    let cases = [
        ("", "no names of columns"),
        (
            "<xml><return_code>FAIL</return_code></xml>",
            "no names of columns",
        ),
        (
            &sample.replace("`CNY,`19.90", "`CNY,`1,990"),
            "应结订单金额",
        ),
        (
            &sample.replace("`CNY,`19.90", "`CNY,`19.901"),
            "应结订单金额",
        ),
        (
            &sample.replace("2026-01-05 12:03:04", "2026-01-35 12:03:04"),
            "交易时间",
        ),
        (&sample.replace("`T20260105000001", "`"), "商户订单号"),
        (&sample.replace("`R20260105000001-1", "`0"), "商户退款单号"),
        (
            &sample.replace("商户订单号", "订单"),
            "no column 商户订单号",
        ),
        (&sample.replace("设备号", "商户号"), "column 商户号 twice"),
        (&sample.replace("总交易单数", "单数"), "number of lines"),
        (&format!("{sample}`x"), "something after the sums"),
        (
            &sample.replace("`SUCCESS,`OTHERS", "`OTHERS"),
            "too few fields",
        ),
    ];
    for (text, expected) in cases {
        let why = read(text).unwrap_err().to_string();
        assert!(why.contains(expected), "{why:?} does not say {expected:?}");
    }
    assert_eq!(TradeBill::parse(&[0xff, 0xfe]), Err(BillError::NotText));
}

#[test]
fn revoked_lines_may_count_or_not() {
    let revoked = PAID.replace("`SUCCESS", "`REVOKED");
    for sums in [
        "`2,`39.8,`0,`0,`0.24,`39.8,`0",
        "`1,`19.9,`0,`0,`0.12,`19.9,`0",
    ] {
        let bill = read(&bill(&[ALL, PAID, &revoked, SUMS, sums])).unwrap();
        assert_eq!(bill.rows[1].kind, TradeKind::Revoked);
    }
    assert!(
        read(&bill(&[
            ALL,
            PAID,
            &revoked,
            SUMS,
            "`2,`19.9,`0,`0,`0.12,`19.9,`0"
        ]))
        .is_err()
    );
}

#[test]
fn the_fund_flow_is_read_with_either_parentheses() {
    let head = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号";
    let line = "`2018-02-01 04:21:23,`50000305742018020103387128253,`1900009231201802015884652186,`退款,`退款,`支出,`0.02,`0.17,`system,`缺货,`REF4200000068201801293084726067";
    let sums = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额";
    let text = bill(&[head, line, sums, "`1.0,`0.0,`0.0,`1.0,`0.02"]);
    for text in [text.clone(), text.replace('(', "（").replace(')', "）")] {
        let bill = FlowBill::parse(text.as_bytes()).unwrap();
        let row = &bill.rows[0];
        assert_eq!(
            (row.direction, row.amount, row.balance),
            (Direction::Out, Fen::new(2), Fen::new(17))
        );
    }
    assert!(FlowBill::parse(text.replace("`支出", "`收入").as_bytes()).is_err());
}

#[test]
fn a_small_file_cannot_unpack_to_a_large_one() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![b'x'; 1_000_000]).unwrap();
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 2_000);
    assert_eq!(
        unpack(bomb.clone(), None, 999_999),
        Err(FileError::TooLarge(999_999))
    );
    assert_eq!(unpack(bomb, None, 1_000_000).unwrap().len(), 1_000_000);
    assert_eq!(
        unpack(vec![b'x'; 11], None, 10),
        Err(FileError::TooLarge(10))
    );
}

#[test]
fn days_are_those_of_beijing() {
    let day = BillDate::parse("2026-01-05").unwrap();
    assert_eq!(
        (day.dashed(), day.compact()),
        ("2026-01-05".to_owned(), "20260105".to_owned())
    );
    assert_eq!(day.starts_at_ms(), 1_767_542_400_000);
    assert_eq!(
        BillDate::of_unix_ms(1_767_542_399_999),
        Some(day.previous())
    );
    assert_eq!(BillDate::of_unix_ms(1_767_542_400_000), Some(day));
    assert_eq!(day.next().previous(), day);
    for bad in [
        "",
        "2026-1-5",
        "2026-02-29",
        "20260105",
        "2026-01-05T",
        "0001-01-01",
        "+026-01-05",
    ] {
        assert_eq!(BillDate::parse(bad), None, "{bad}");
    }
}

proptest! {
    #[test]
    fn fees_come_back_as_they_were(units in any::<i64>()) {
        prop_assert_eq!(Fee::from_yuan(&Fee::new(units).to_string()), Some(Fee::new(units)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(text in ".*", number in 0usize..400) {
        let sample = sample();
        let at = sample.char_indices().map(|(at, _)| at).nth(number).unwrap_or(0);
        let _outcome = read(&format!("{}{text}{}", &sample[..at], &sample[at..]));
    }
}
