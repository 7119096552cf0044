use super::*;

const DAY_MS: i64 = 86_400_000;

impl V2 {
    fn file(&mut self, path: &str, fields: Fields) -> RawResponse {
        let signed = self.signed(fields);
        let response = self.post(path, signed.to_xml()).unwrap();
        assert_eq!(response.status, 200);
        response
    }

    fn bill(&mut self, kind: &str) -> String {
        let fields = Fields::new()
            .with("bill_date", "20260105")
            .with("bill_type", kind);
        String::from_utf8(self.file("/pay/downloadbill", fields).body).unwrap()
    }
}

fn busy(sign_type: SignType) -> V2 {
    let mut v2 = V2::new(sign_type);
    v2.paid("ORDER-000001");
    let refund = v2.refund("ORDER-000001", "R-1", 990);
    v2.call("/secapi/pay/refund", refund);
    v2.shop.pass(60_000);
    v2.shop.paid("ORDER-V3-001");
    v2
}

#[test]
fn the_trade_bill_lists_both_protocols_and_adds_up() {
    let mut v2 = busy(SignType::Md5);
    let early = v2.bill("ALL");
    assert!(early.contains("<return_msg><![CDATA[Bill Creating]]></return_msg>"));
    v2.shop.pass(DAY_MS);
    let bill = v2.bill("ALL");
    let lines: Vec<&str> = bill.trim_end().split("\r\n").collect();
    assert_eq!(lines.len(), 1 + 3 + 2);
    let head: Vec<&str> = lines[0].trim_start_matches('\u{feff}').split(',').collect();
    assert!(bill.starts_with('\u{feff}') && head.len() == 27);
    let row = |line: &str, name: &str| {
        let column = head.iter().position(|other| *other == name).unwrap();
        let fields: Vec<&str> = line[1..].split(",`").collect();
        assert_eq!(fields.len(), 27);
        fields[column].to_owned()
    };
    assert_eq!(row(lines[1], "商户订单号"), "ORDER-000001");
    assert_eq!(row(lines[1], "交易状态"), "SUCCESS");
    assert_eq!(row(lines[1], "订单金额"), "19.90");
    assert_eq!(row(lines[1], "手续费"), "0.11940");
    assert_eq!(row(lines[1], "商户退款单号"), "0");
    assert_eq!(row(lines[2], "交易状态"), "REFUND");
    assert_eq!(row(lines[2], "退款状态"), "SUCCESS");
    assert_eq!(row(lines[2], "申请退款金额"), "9.90");
    assert_eq!(row(lines[2], "手续费"), "-0.05940");
    assert_eq!(row(lines[3], "商户订单号"), "ORDER-V3-001");
    assert_eq!(lines[5], "`3.0,`39.8,`9.9,`0.0,`0.1794,`39.8,`9.9");
    assert_eq!(
        v2.bill("SUCCESS").trim_end().split("\r\n").count(),
        1 + 2 + 2
    );
    assert_eq!(
        v2.bill("REFUND").trim_end().split("\r\n").count(),
        1 + 1 + 2
    );
}

#[test]
fn there_is_no_bill_of_an_empty_day_and_failures_are_not_signed() {
    let mut v2 = busy(SignType::HmacSha256);
    v2.shop.pass(2 * DAY_MS);
    let fields = Fields::new()
        .with("bill_date", "20260106")
        .with("tar_type", "GZIP");
    let answer = v2.file("/pay/downloadbill", fields);
    let answer = Fields::parse(&answer.body).unwrap();
    assert_unsigned(&answer);
    assert_eq!(answer.get("return_msg"), Some("No Bill Exist"));
    assert_eq!(answer.get("error_code"), Some("20002"));
    let gzip = Fields::new()
        .with("bill_date", "20260105")
        .with("tar_type", "GZIP");
    let packed = v2.file("/pay/downloadbill", gzip).body;
    assert_eq!(packed[..2], [0x1f, 0x8b]);
}

#[test]
fn the_fund_flow_needs_the_stronger_signature_and_has_a_digest() {
    let flow = || {
        let fields = Fields::new().with("bill_date", "20260105");
        fields.with("account_type", "Basic")
    };
    let mut v2 = busy(SignType::Md5);
    v2.shop.pass(DAY_MS);
    v2.unbelieved("/pay/downloadfundflow", flow());
    v2.sign_type = SignType::HmacSha256;
    let answer = v2.file("/pay/downloadfundflow", flow());
    let digest = answer.headers.iter().find(|(name, _)| name == "Digest");
    assert!(digest.unwrap().1.starts_with("SHA="));
    let text = String::from_utf8(answer.body).unwrap();
    let last = text.trim_end().split("\r\n").last();
    assert_eq!(last, Some("`3.0,`2.0,`39.8,`1.0,`9.9"));
    let none = flow().with("account_type", "Fees");
    let answer = v2.file("/pay/downloadfundflow", none);
    let answer = Fields::parse(&answer.body).unwrap();
    assert_eq!(answer.get("err_code"), Some("NO_BILL_EXIST"));
    let tls = Connection::Tls { certificate: None };
    let body = v2.signed(flow()).to_xml();
    let refused = v2.post_over("/pay/downloadfundflow", body, tls).unwrap();
    assert_unsigned(&Fields::parse(&refused.body).unwrap());
}

#[test]
fn reports_are_taken_and_not_signed() {
    let mut v2 = V2::new(SignType::Md5);
    let report = Fields::new()
        .with("interface_url", "x")
        .with("execute_time_", "1");
    let answer = v2.answer("/payitil/report", report);
    assert_eq!(answer.get("return_code"), Some("SUCCESS"));
    assert_eq!(answer.get("sign"), None);
}
