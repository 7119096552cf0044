use super::*;

fn response(status: u16, digest: Option<&str>, body: &str) -> RawResponse {
    RawResponse {
        status,
        headers: digest
            .map(|value| ("digest".to_owned(), value.to_owned()))
            .into_iter()
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn a_file_and_a_failure_are_told_apart() {
    let bill = "\u{feff}交易时间,公众账号ID\r\n`2017-11-25 15:36:17,`wx1\r\n";
    assert!(matches!(file(response(200, None, bill)), Outcome::Done(_)));
    assert!(matches!(
        file(response(502, None, bill)),
        Outcome::Unknown(_)
    ));
    let none = "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[No Bill Exist]]></return_msg><error_code><![CDATA[20002]]></error_code></xml>";
    let Outcome::Rejected(error) = file(response(200, None, none)) else {
        panic!("not rejected")
    };
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("20002", "No Bill Exist")
    );
    assert!(matches!(
        file(response(200, None, "<html></html>")),
        Outcome::Unknown(_)
    ));
}

#[test]
fn a_broken_file_is_noticed() {
    // SHA-1 of "abc", published with the standard.
    let right = "SHA=a9993e364706816aba3e25717850c26c9cd0d89d";
    assert!(is_sha1(&response(200, Some(right), "abc")));
    assert!(!is_sha1(&response(200, Some(right), "abd")));
    assert!(is_sha1(&response(200, None, "abc")));
}

#[test]
fn only_days_that_exist() {
    assert_eq!(BillDate::new(2024, 2, 29).unwrap().compact(), "20240229");
    assert_eq!(BillDate::new(2023, 2, 29), None);
}
