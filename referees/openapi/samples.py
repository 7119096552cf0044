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
HEADERS = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature",
           "wechatpay-signature-type", "request-id")
JSAPI = ("POST", "/v3/pay/transactions/jsapi")
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
