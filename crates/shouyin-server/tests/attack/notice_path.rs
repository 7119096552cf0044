//! The notification endpoint: other methods, other merchants' addresses, and addresses that somebody normalises.

use crate::case::{Expect, Group};
use crate::desk::{MCHID, OTHER_MCHID};
use crate::shop::Shop;

pub(crate) fn group(shop: &Shop) -> Group {
    let mut group = Group::new("genuine notifications with another method or at another address");
    for method in [
        "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "post", "POSTX",
        "PROPFIND",
    ] {
        let mut request = shop.control();
        method.clone_into(&mut request.method);
        group.add(
            format!("method {method}"),
            &request,
            Expect::RefusedOrClosed,
        );
    }
    let long = "9".repeat(8000);
    for path in [
        format!("/wechat/notify/{OTHER_MCHID}"),
        "/wechat/notify/1900000009".to_owned(),
        "/wechat/notify/".to_owned(),
        "/wechat/notify".to_owned(),
        "/wechat".to_owned(),
        "/".to_owned(),
        format!("/wechat/notify/{MCHID}/"),
        format!("/wechat/notify/{MCHID}/x"),
        format!("/wechat/notify//{MCHID}"),
        format!("//wechat/notify/{MCHID}"),
        format!("/wechat//notify/{MCHID}"),
        format!("/wechat/notify/../notify/{MCHID}"),
        format!("/wechat/notify/./{MCHID}"),
        format!("/v1/../wechat/notify/{MCHID}"),
        format!("/wechat/notify/%2e%2e/notify/{MCHID}"),
        format!("/wechat/notify/{OTHER_MCHID}/../{MCHID}"),
        format!("/wechat/notify/{OTHER_MCHID}%2f..%2f{MCHID}"),
        format!("/wechat/notify/{MCHID}%00"),
        format!("/wechat/notify/{MCHID}%0a"),
        format!("/wechat/notify/{MCHID}%20"),
        format!("/wechat/notify/+{MCHID}"),
        format!("/wechat/notify/-{MCHID}"),
        format!("/wechat/notify/0{MCHID}"),
        format!("/wechat/notify/{MCHID}.json"),
        format!("/wechat/notify/{MCHID};a=b"),
        "/wechat/notify/*".to_owned(),
        "/wechat/notify/%2a".to_owned(),
        "/wechat/notify/%ff%fe".to_owned(),
        "/wechat/notify/%E0%A4%A".to_owned(),
        "/wechat/notify/' OR 1=1 --".replace(' ', "%20"),
        "/wechat/notify/%EF%BC%91%EF%BC%99".to_owned(),
        format!("/wechat/notify/{long}"),
        format!("/WECHAT/NOTIFY/{MCHID}"),
        format!("/Wechat/notify/{MCHID}"),
        format!("/wechat/notify\\{MCHID}"),
        format!("/wechat/notify/refund/{MCHID}"),
        format!("/v1/wechat/notify/{MCHID}"),
        format!("/mp/v1/notify/{MCHID}"),
    ] {
        let mut request = shop.control();
        path.clone_into(&mut request.target);
        let short: String = path.chars().take(60).collect();
        group.add(format!("at {short}"), &request, Expect::RefusedOrClosed);
    }
    group
}
