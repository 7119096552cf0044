use fen::Fen;
use shouyin_core::ports::Acquirer as _;

use super::*;
use crate::testing::*;

const HEAD: &str = "交易时间,商户号,微信订单号,商户订单号,交易状态,货币种类,微信退款单号,商户退款单号,退款金额,手续费,总金额,申请退款金额";

fn line(state: &str, currency: &str, refund: &str, total: &str, refunded: &str) -> String {
    format!(
        "`2026-01-05 12:03:04,`{MCHID},`4200000001,`T20260105000001,`{state},`{currency},`{refund},`{refund},`{refunded},`0.11940,`{total},`{refunded}"
    )
}

#[test]
fn lines_become_rows_to_the_fen() {
    let lines = [
        line("SUCCESS", "CNY", "0", "19.90", "0.00"),
        line("REFUND", "CNY", "R-1", "0.00", "9.90"),
        line("REVOKED", "CNY", "0", "19.90", "0.00"),
        line("NEW", "CNY", "0", "0.00", "0.00"),
        line("SUCCESS", "USD", "0", "19.90", "0.00"),
    ];
    let text = format!("{HEAD}\r\n{}\r\n总交易单数\r\n`5.0\r\n", lines.join("\r\n"));
    let Ok(BillAnswer::Bill(bill)) = read(text.into_bytes()) else {
        panic!("no bill")
    };
    let kinds: Vec<RowKind> = bill.rows.iter().map(|row| row.kind.clone()).collect();
    assert_eq!(
        kinds,
        [
            RowKind::Paid {
                total: Fen::new(1990)
            },
            RowKind::Refunded {
                out_refund_no: "R-1".into(),
                refund_id: "R-1".into(),
                amount: Fen::new(990)
            },
            RowKind::Revoked,
            RowKind::Other("NEW".into()),
            RowKind::Other("USD".into()),
        ]
    );
    assert_eq!(
        (bill.rows[0].fee, bill.rows[0].mchid.as_str()),
        (11_940, MCHID)
    );
    let why = read(b"<html>".to_vec()).unwrap_err();
    assert!(why.contains("no names of columns"), "{why}");
}

#[tokio::test]
async fn not_ready_and_none_are_answers_and_none_must_be_signed() {
    let date = BillDate::parse("2026-01-05").unwrap();
    let body = |code: &str| format!(r#"{{"code":"{code}","message":"x"}}"#);
    let unsigned = |mut answer: Scripted| {
        if let Ok(answer) = &mut answer {
            answer.headers.clear();
        }
        answer
    };
    let none = body("NO_STATEMENT_EXIST");
    let cases = [
        (signed(400, &body("STATEMENT_CREATING")), "NotReady"),
        (
            unsigned(signed(400, &body("STATEMENT_CREATING"))),
            "NotReady",
        ),
        (signed(404, &none), "None"),
        (unsigned(signed(400, &none)), "Rejected"),
        (signed(403, &body("NO_AUTH")), "Rejected"),
        (no_answer(), "Unknown"),
        // A ticket that nobody signed leads nowhere.
        (unsigned(signed(200, "{}")), "Unknown"),
    ];
    for (answer, expected) in cases {
        let desk = Desk::new();
        desk.script.says(answer);
        let outcome = desk.acquirer().bill(&mchid(MCHID), date).await;
        let shown = format!("{outcome:?}");
        assert!(shown.contains(expected), "{shown} is not {expected}");
        assert_eq!(desk.script.count(), 1);
    }
    let nobody = Desk::new()
        .acquirer()
        .bill(&mchid("1900009999"), date)
        .await;
    assert!(matches!(nobody, Outcome::Unknown(_)), "{nobody:?}");
}
