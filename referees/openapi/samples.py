"""Exchanges of which we know whether they are right. The values are invented."""

import json
from copy import deepcopy

ORDER = {
    "appid": "wx1111222233334444", "mchid": "1900000001", "description": "latte", "out_trade_no": "T20260105000001",
    "notify_url": "https://shop.test/wechat/notify", "amount": {"total": 1990, "currency": "CNY"},
    "payer": {"openid": "oAbCdEfGhIjKlMnOpQrStUvWxYz0"}, "time_expire": "2026-01-05T12:30:00+08:00",
}
UNPAID = {
    "appid": "wx1111222233334444", "mchid": "1900000001", "out_trade_no": "T20260105000001",
    "trade_state": "NOTPAY", "trade_state_desc": "订单未支付", "amount": {"total": 1990, "currency": "CNY"},
}
PAID = {
    **UNPAID, "trade_state": "SUCCESS", "trade_state_desc": "支付成功", "trade_type": "JSAPI", "bank_type": "OTHERS",
    "transaction_id": "4200000001202601051234567890", "success_time": "2026-01-05T12:03:04+08:00",
    "payer": {"openid": "oAbCdEfGhIjKlMnOpQrStUvWxYz0"},
    "amount": {"total": 1990, "payer_total": 1990, "currency": "CNY", "payer_currency": "CNY"},
}
NEW_REFUND = {
    "out_trade_no": "T20260105000001", "out_refund_no": "R20260105000001-1",
    "amount": {"refund": 990, "total": 1990, "currency": "CNY"},
}
REFUND = {
    "refund_id": "50300000012026010500000000001", "out_refund_no": "R20260105000001-1",
    "transaction_id": "4200000001202601051234567890", "out_trade_no": "T20260105000001", "channel": "ORIGINAL",
    "user_received_account": "支付用户零钱", "create_time": "2026-01-05T14:00:01+08:00", "status": "PROCESSING",
    "amount": {"total": 1990, "refund": 990, "payer_total": 1990, "payer_refund": 990, "settlement_refund": 990,
               "settlement_total": 1990, "discount_refund": 0, "currency": "CNY"},
}
CERTIFICATES = {"data": [{
    "serial_no": "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", "effective_time": "2026-01-05T12:00:00+08:00",
    "expire_time": "2031-01-04T12:00:00+08:00",
    "encrypt_certificate": {"algorithm": "AEAD_AES_256_GCM", "nonce": "61f9c719728a", "associated_data": "certificate",
                            "ciphertext": "c2VhbGVk"},
}]}
NOTIFICATION = {
    "id": "5d7f1f5e-2c4b-5a39-9f0e-6b8f3f1c2a10", "create_time": "2026-01-05T12:03:05+08:00",
    "resource_type": "encrypt-resource", "event_type": "TRANSACTION.SUCCESS", "summary": "支付成功",
    "resource": {"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM", "ciphertext": "c2VhbGVk",
                 "associated_data": "transaction", "nonce": "Qm7Kx2Vb9TzL"},
}
BY_CODE = {
    "appid": "wx1111222233334444", "mchid": "1900000001", "description": "latte", "out_trade_no": "T20260105000001",
    "payer": {"auth_code": "130061098828009406"}, "amount": {"total": 1990, "currency": "CNY"},
    "scene_info": {"store_info": {"out_id": "shop-7"}, "device_id": "till-2", "device_ip": "192.0.2.8"},
}
COUPON = {"coupon_id": "109519", "name": "coupon", "scope": "GLOBAL", "type": "CASH", "amount": 100, "stock_id": "931386",
          "wechatpay_contribute": 100, "merchant_contribute": 0, "other_contribute": 0, "currency": "CNY"}
TOLD_REFUND = {
    "mchid": "1900000001", "transaction_id": "4200000001202601051234567890", "out_trade_no": "T20260105000001",
    "refund_id": "50300000012026010500000000001", "out_refund_no": "R20260105000001-1", "refund_status": "SUCCESS",
    "success_time": "2026-01-05T14:00:09+08:00", "user_received_account": "支付用户零钱",
    "amount": {"total": 1990, "refund": 990, "payer_total": 1990, "payer_refund": 990},
}
HEADERS = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature",
           "wechatpay-signature-type", "request-id")
JSAPI, NATIVE, APP, H5, CODEPAY = (("POST", f"/v3/pay/transactions/{product}") for product in ("jsapi", "native", "app", "h5", "codepay"))
REVERSE = ("POST", "/v3/pay/transactions/out-trade-no/T20260105000001/reverse")
QUERY = ("GET", "/v3/pay/transactions/out-trade-no/T20260105000001?mchid=1900000001")
CLOSE = ("POST", "/v3/pay/transactions/out-trade-no/T20260105000001/close")
REFUNDS = ("POST", "/v3/refund/domestic/refunds")


def exchange(direction, line, body, status=None):
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return {"direction": direction, "method": line[0], "target": line[1], "status": status, "body": text}


def without(body, *path):
    return changed(body, *path, None)


def changed(body, *path_and_value):
    """A copy with the member at the path set; None takes it away."""
    *path, last, value = path_and_value
    body = deepcopy(body)
    node = body
    for part in path:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return body


def all():
    """(name, exchange, whether it is right)."""
    def request(line, body):
        return exchange("request", line, body)

    def answer(line, body, status=200):
        return exchange("answer", line, body, status)

    def notification(body, without_header=None):
        sent = exchange("notification", ("POST", "/wechat/notify/1900000001"), body)
        return {**sent, "headers": {name: "x" for name in HEADERS if name != without_header}}

    def told(event_type, body):
        return {**exchange("resource", ("POST", "/wechat/notify/1900000001"), body), "event_type": event_type}

    anybodys = without(ORDER, "payer")
    browsers = {**anybodys, "scene_info": {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}}}
    by_code = {**PAID, "trade_type": "MICROPAY", "scene_info": {"device_id": "till-2"}, "promotion_detail": [COUPON]}
    reversed_ = {"appid": "wx1111222233334444", "mchid": "1900000001", "out_trade_no": "T20260105000001"}
    typing = {"code": "USERPAYING", "message": "需要用户输入支付密码"}
    error = {"code": "ORDER_NOT_EXIST", "message": "订单不存在"}
    right = [
        ("order", request(JSAPI, ORDER)),
        ("answer to order", answer(JSAPI, {"prepay_id": "wx051203041234567890abcdef12345678"})),
        ("query", request(QUERY, "")),
        ("unpaid", answer(QUERY, UNPAID)),
        ("unpaid with an empty payer", answer(QUERY, {**UNPAID, "payer": {}})),
        ("paid", answer(QUERY, PAID)),
        ("paid, by id", answer(("GET", "/v3/pay/transactions/id/42?mchid=1900000001"), PAID)),
        ("unknown order", answer(QUERY, error, 404)),
        ("close", request(CLOSE, {"mchid": "1900000001"})),
        ("answer to close", answer(CLOSE, "", 204)),
        ("refund", request(REFUNDS, NEW_REFUND)),
        ("answer to refund", answer(REFUNDS, REFUND)),
        ("refund closed", answer(REFUNDS, changed(REFUND, "status", "CLOSED"))),
        ("certificates", answer(("GET", "/v3/certificates"), CERTIFICATES)),
        ("notification", notification(NOTIFICATION)),
        ("gateway without a body", answer(JSAPI, "", 502)),
        ("order by QR code", request(NATIVE, anybodys)),
        ("answer to order by QR code", answer(NATIVE, {"code_url": "weixin://wxpay/bizpayurl?pr=JyC91EIz1"})),
        ("order in an app", request(APP, anybodys)),
        ("answer to order in an app", answer(APP, {"prepay_id": "wx051203041234567890abcdef12345678"})),
        ("order in a browser", request(H5, browsers)),
        ("answer to order in a browser", answer(H5, {"h5_url": "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx05"})),
        ("payment by code", request(CODEPAY, BY_CODE)),
        ("payment by code, paid", answer(CODEPAY, by_code)),
        ("payment by code, as a state", answer(CODEPAY, {**UNPAID, "trade_type": "MICROPAY", "trade_state": "USERPAYING"})),
        ("payment by code, accepted", answer(CODEPAY, typing, 202)),
        ("reversal", request(REVERSE, without(reversed_, "out_trade_no"))),
        ("answer to reversal", answer(REVERSE, reversed_)),
        ("reversal, accepted", answer(REVERSE, typing, 202)),
        ("paid with a coupon", answer(QUERY, {**PAID, "promotion_detail": [COUPON]})),
        ("a payment that is told", told("TRANSACTION.SUCCESS", PAID)),
        ("a refund that is told", told("REFUND.SUCCESS", TOLD_REFUND)),
        ("a wrong request that was refused", {**request(JSAPI, anybodys), "refused": "PARAM_ERROR"}),
        ("a page is not WeChat Pay", request(("GET", "/connect/oauth2/authorize?appid=wx1"), "")),
        ("login is not WeChat Pay", request(("GET", "/sns/jscode2session?js_code=1"), "")),
    ]
    wrong = [
        ("order without a payer", request(JSAPI, without(ORDER, "payer"))),
        ("amount as text", request(JSAPI, changed(ORDER, "amount", "total", "1990"))),
        ("amount with a fraction", request(JSAPI, changed(ORDER, "amount", "total", 19.9))),
        ("expiry without an offset", request(JSAPI, changed(ORDER, "time_expire", "2026-01-05 12:30:00"))),
        ("an invented member", request(JSAPI, changed(ORDER, "amount", "payer_note", "x"))),
        ("a null", request(JSAPI, json.dumps({**ORDER, "attach": None}))),
        ("a store without an id", request(JSAPI, changed(ORDER, "scene_info", {"store_info": {"name": "shop"}}))),
        ("an order by QR code with a payer", request(NATIVE, ORDER)),
        ("an order in an app with a payer", request(APP, ORDER)),
        ("an order in a browser without a scene", request(H5, anybodys)),
        ("an order in a browser with an invented member", request(H5, changed(browsers, "scene_info", "h5_info", "browser", "x"))),
        ("a QR code where a prepay_id belongs", answer(APP, {"code_url": "weixin://wxpay/bizpayurl?pr=JyC91EIz1"})),
        ("a prepay_id where a QR code belongs", answer(NATIVE, {"prepay_id": "wx051203041234567890abcdef12345678"})),
        ("an address with more", answer(H5, {"h5_url": "https://wx.tenpay.com/", "mweb_url": "https://wx.tenpay.com/"})),
        ("a payment by code with an address for notifications", request(CODEPAY, {**BY_CODE, "notify_url": "https://shop.test/"})),
        ("a payment by code of nobody", request(CODEPAY, without(BY_CODE, "payer", "auth_code"))),
        ("a payment by code in no store", request(CODEPAY, changed(BY_CODE, "scene_info", "store_info", {}))),
        ("a payment by code with the address of a payer", request(CODEPAY, changed(BY_CODE, "scene_info", "payer_client_ip", "192.0.2.8"))),
        ("a payment by code, paid by nobody", answer(CODEPAY, without(by_code, "payer"))),
        ("a payment by code without a state", answer(CODEPAY, without(by_code, "trade_state"))),
        ("a payment by code, accepted with another code", answer(CODEPAY, {**typing, "code": "ACCEPT"}, 202)),
        ("a reversal without an app", request(REVERSE, {"mchid": "1900000001"})),
        ("a reversal that names the number twice", request(REVERSE, reversed_)),
        ("a reversal that asks to be called again", answer(REVERSE, {**reversed_, "recall": "Y"})),
        ("a reversal without an answer", answer(REVERSE, "", 204)),
        ("a coupon without a number", answer(QUERY, {**PAID, "promotion_detail": [without(COUPON, "coupon_id")]})),
        ("a payment that is told before it is paid", told("TRANSACTION.SUCCESS", UNPAID)),
        ("a payment that is told with its address", told("TRANSACTION.SUCCESS", {**PAID, "notify_url": "https://shop.test/"})),
        ("a refund that is told as it is answered", told("REFUND.SUCCESS", REFUND)),
        ("a refund that is told with a currency", told("REFUND.SUCCESS", changed(TOLD_REFUND, "amount", "currency", "CNY"))),
        ("something that nobody is told", told("TRANSACTION.CLOSED", PAID)),
        ("a wrong request that was taken", {**request(JSAPI, anybodys), "refused": None}),
        ("no body", request(JSAPI, "")),
        ("half a body", request(JSAPI, json.dumps(ORDER)[:-2])),
        ("answer without prepay_id", answer(JSAPI, {})),
        ("query without mchid", request((QUERY[0], QUERY[1].split("?")[0]), "")),
        ("query with more", request((QUERY[0], QUERY[1] + "&appid=1"), "")),
        ("a path that is not there", request(("GET", "/v3/pay/transactions/out-trade/1?mchid=1"), "")),
        ("the wrong method", request(("GET", "/v3/pay/transactions/jsapi"), "")),
        ("answer with notify_url", answer(QUERY, {**PAID, "notify_url": "https://shop.test/"})),
        ("paid without payer_total", answer(QUERY, without(PAID, "amount", "payer_total"))),
        ("paid by nobody", answer(QUERY, changed(PAID, "payer", {}))),
        ("paid without transaction_id", answer(QUERY, without(PAID, "transaction_id"))),
        ("refunded without a time", answer(QUERY, without(changed(PAID, "trade_state", "REFUND"), "success_time"))),
        ("a state that is none", answer(QUERY, changed(UNPAID, "trade_state", "PENDING"))),
        ("time in seconds", answer(QUERY, changed(PAID, "success_time", "1767585784"))),
        ("a close with an answer", answer(CLOSE, {"code": "SUCCESS"}, 204)),
        ("a close with 200", answer(CLOSE, "{}", 200)),
        ("refund of no order", request(REFUNDS, without(NEW_REFUND, "out_trade_no"))),
        ("refund without currency", request(REFUNDS, without(NEW_REFUND, "amount", "currency"))),
        ("refund state CLOSE", answer(REFUNDS, changed(REFUND, "status", "CLOSE"))),
        ("refund without payer_refund", answer(REFUNDS, without(REFUND, "amount", "payer_refund"))),
        ("certificate without a nonce",
         answer(("GET", "/v3/certificates"), without(CERTIFICATES, "data", 0, "encrypt_certificate", "nonce"))),
        ("notification without a nonce", notification(without(NOTIFICATION, "resource", "nonce"))),
        ("notification without a signature", notification(NOTIFICATION, without_header="wechatpay-signature")),
        ("notification without an id", notification(without(NOTIFICATION, "id"))),
        ("notification with a small event type", notification(changed(NOTIFICATION, "event_type", "paid"))),
        ("error without a message", answer(QUERY, {"code": "ORDER_NOT_EXIST"}, 404)),
        ("error with a code in small letters", answer(QUERY, changed(error, "code", "not_found"), 404)),
        ("error that is a page", answer(QUERY, "<html>", 500)),
    ]
    return [(*one, True) for one in right] + [(*one, False) for one in wrong]
