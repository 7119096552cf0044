//! Orders of every product: what is asked, what is handed to the payer.

use super::*;
use crate::crypto::PublicKey;

const H5_URL: &str = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2016121516420242444321ca0631331346&package=1405458241";

fn product(product: Product) -> Prepay {
    Prepay {
        product,
        ..prepay()
    }
}

fn h5() -> H5Scene {
    H5Scene {
        payer_client_ip: "203.0.113.7".parse().unwrap(),
        kind: H5Kind::Wap,
        app: H5App::default(),
    }
}

fn body(prepay: &Prepay) -> Value {
    serde_json::from_slice(&prepay.request().body).unwrap()
}

#[test]
fn each_product_has_its_path_and_no_member_of_another() {
    for (of, path, extra) in [
        (Product::Native, "native", None),
        (Product::App, "app", None),
        (
            Product::H5(h5()),
            "h5",
            Some((
                "scene_info",
                json!({"payer_client_ip": "203.0.113.7", "h5_info": {"type": "Wap"}}),
            )),
        ),
    ] {
        let order = product(of);
        let target = format!("/v3/pay/transactions/{path}");
        assert_eq!(order.request().target.as_str(), target);
        let mut expected = body(&prepay());
        expected.as_object_mut().unwrap().remove("payer").unwrap();
        if let Some((name, value)) = extra {
            expected[name] = value;
        }
        assert_eq!(body(&order), expected);
    }
}

#[test]
fn a_browser_payment_says_where_it_comes_from() {
    for (kind, name) in [
        (H5Kind::Ios, "iOS"),
        (H5Kind::Android, "Android"),
        (H5Kind::Wap, "Wap"),
    ] {
        let app = H5App {
            name: Some(AppName::parse("茶馆").unwrap()),
            url: Some(AppUrl::parse("https://shop.example.com").unwrap()),
            bundle_id: Some(AppPackage::parse("com.example.tea").unwrap()),
            package_name: Some(AppPackage::parse("com.example.tea").unwrap()),
        };
        let payer_client_ip = "2001:db8::7".parse().unwrap();
        let order = product(Product::H5(H5Scene {
            payer_client_ip,
            kind,
            app,
        }));
        let expected = json!({
            "payer_client_ip": "2001:db8::7",
            "h5_info": {
                "type": name,
                "app_name": "茶馆",
                "app_url": "https://shop.example.com",
                "bundle_id": "com.example.tea",
                "package_name": "com.example.tea",
            },
        });
        assert_eq!(body(&order)["scene_info"], expected);
    }
}

#[test]
fn each_product_answers_with_its_own_handle() {
    let native = product(Product::Native);
    for url in [
        "weixin://wxpay/bizpayurl?pr=JyC91EIz1",
        "weixin://pay.weixin.qq.com/bizpayurl/up?pr=NwY5Mz9&groupid=00",
    ] {
        let answer = json!({ "code_url": url, "new_member": 1 }).to_string();
        let handle = native.parse(200, &verified(&answer)).unwrap();
        assert_eq!(handle, Handle::CodeUrl(CodeUrl::parse(url).unwrap()));
    }
    let answer = json!({ "h5_url": H5_URL }).to_string();
    let handle = product(Product::H5(h5())).parse(200, &verified(&answer));
    assert_eq!(handle, Ok(Handle::H5Url(H5Url::parse(H5_URL).unwrap())));
    let answer = r#"{"prepay_id":"wx26112221580621e9b071c00d9e093b0000"}"#;
    let id = PrepayId::parse("wx26112221580621e9b071c00d9e093b0000").unwrap();
    for of in [product(Product::App), prepay()] {
        let handle = of.parse(200, &verified(answer));
        assert_eq!(handle, Ok(Handle::PrepayId(id.clone())));
    }
}

#[test]
fn a_handle_of_another_product_or_none_is_no_handle() {
    let answers = [
        json!({}),
        json!({ "code_url": null, "h5_url": "", "prepay_id": "" }),
        json!({ "code_url": "with space", "h5_url": "javascript:alert(1)", "prepay_id": "a b" }),
        json!({ "code_url": "", "h5_url": "https://", "prepay_id": 7 }),
        json!({ "h5": H5_URL }),
    ];
    let products = [
        product(Product::Native),
        product(Product::App),
        product(Product::H5(h5())),
    ];
    for order in &products {
        for answer in &answers {
            let parsed = order.parse(200, &verified(&answer.to_string()));
            assert!(matches!(parsed, Err(ParseError::Malformed(_))), "{answer}");
        }
        let code_url_only = json!({ "code_url": "weixin://wxpay/bizpayurl?pr=1" }).to_string();
        let parsed = order.parse(200, &verified(&code_url_only));
        assert_eq!(parsed.is_ok(), order.product == Product::Native);
        assert_eq!(
            order.parse(202, &verified("{}")),
            Err(ParseError::UnexpectedStatus(202))
        );
    }
}

/// Vector B of WeChat's documentation is a Native order's answer, signed with WeChat's own key.
#[test]
fn the_published_answer_of_a_native_order_is_read() {
    let ring = KeyRing::new();
    ring.insert_public_key(B_SERIAL, PublicKey::from_pem(B_PUBLIC).unwrap());
    let body = br#"{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}"#;
    let headers = [
        ("Wechatpay-Timestamp", B_TIMESTAMP.to_string()),
        ("Wechatpay-Nonce", B_NONCE.to_owned()),
        ("Wechatpay-Signature", B.to_owned()),
        ("Wechatpay-Serial", B_SERIAL.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let verified = ring.verify(&headers, body, B_TIMESTAMP).unwrap();
    let handle = product(Product::Native).parse(200, &verified);
    let url = CodeUrl::parse("weixin://wxpay/bizpayurl?pr=JyC91EIz1").unwrap();
    assert_eq!(handle, Ok(Handle::CodeUrl(url)));
}
