"""Exchanges of the older protocol of which we know whether they are right. The values are invented."""

from samples import exchange

MD5, HMAC = "9A0A8659F005D6984697E2CA0A9CF3B7", "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"
WHO = {"appid": "wx1111222233334444", "mch_id": "1900000001", "nonce_str": "ibuaiVcKdpRxkhJA", "sign": MD5}
NUMBER, TRANSACTION = "T20260105000001", "4200000001202601051234567890"
ORDER = {
    **WHO, "body": "茶馆-拿铁", "out_trade_no": NUMBER, "total_fee": "1990", "spbill_create_ip": "192.0.2.8",
    "notify_url": "https://shop.test/wechat/notify", "trade_type": "JSAPI", "openid": "oAbCdEfGhIjKlMnOpQrStUvWxYz0",
    "time_expire": "20260105123000",
}
BROWSER = '{"h5_info":{"type":"Wap","wap_url":"https://shop.test","wap_name":"茶馆"}}'
DONE = {"return_code": "SUCCESS", "return_msg": "OK", **WHO, "result_code": "SUCCESS"}
REFUSED = {**DONE, "result_code": "FAIL", "err_code": "ORDERNOTEXIST", "err_code_des": "订单不存在"}
UNSIGNED = {"return_code": "FAIL", "return_msg": "签名错误"}
PREPAID = {**DONE, "trade_type": "JSAPI", "prepay_id": "wx051203041234567890abcdef12345678"}
LINK = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx051203041234567890abcdef12345678&package=1405458241"
UNPAID = {**DONE, "trade_state": "NOTPAY", "trade_state_desc": "订单未支付", "out_trade_no": NUMBER}
MONEY = {
    "openid": "oAbCdEfGhIjKlMnOpQrStUvWxYz0", "is_subscribe": "N", "trade_type": "JSAPI", "bank_type": "OTHERS",
    "total_fee": "1990", "cash_fee": "1990", "fee_type": "CNY", "transaction_id": TRANSACTION, "out_trade_no": NUMBER,
    "time_end": "20260105120304",
}
COUPON = {"coupon_fee": "300", "coupon_count": "1", "coupon_type_0": "CASH", "coupon_id_0": "10000", "coupon_fee_0": "300"}
PAID = {**UNPAID, **MONEY, "trade_state": "SUCCESS", "trade_state_desc": "支付成功"}
NEW_REFUND = {**WHO, "out_trade_no": NUMBER, "out_refund_no": "R-1", "total_fee": "1990", "refund_fee": "990"}
REFUND = {
    **DONE, "transaction_id": TRANSACTION, "out_trade_no": NUMBER, "out_refund_no": "R-1", "refund_id": "50300000012026010500000000001",
    "refund_fee": "990", "total_fee": "1990", "cash_fee": "1990",
}
REFUNDS = {
    **DONE, "transaction_id": TRANSACTION, "out_trade_no": NUMBER, "total_fee": "1990", "cash_fee": "1990", "refund_count": "1",
    "out_refund_no_0": "R-1", "refund_id_0": "50300000012026010500000000001", "refund_fee_0": "990", "refund_status_0": "SUCCESS",
    "refund_recv_accout_0": "支付用户零钱", "refund_success_time_0": "2026-01-05 14:00:01",
}
CHARGE = {**ORDER, "auth_code": "130000000000000000"}
CHARGE = {name: value for name, value in CHARGE.items() if name not in ("notify_url", "trade_type", "openid")}
TOLD = {"return_code": "SUCCESS", **WHO, "result_code": "SUCCESS", **MONEY}
TOLD_REFUND = {"return_code": "SUCCESS", "appid": WHO["appid"], "mch_id": WHO["mch_id"], "nonce_str": "x", "req_info": "WBzGpzQuNpcFxIlFjUUD9Q=="}
BILL, FUND_FLOW = {**WHO, "bill_date": "20260105", "bill_type": "ALL"}, {**WHO, "sign": HMAC, "sign_type": "HMAC-SHA256", "bill_date": "20260105", "account_type": "Basic"}


def xml(members, root="xml"):
    inside = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in members.items() if value is not None)
    return f"<{root}>{inside}</{root}>"


def all():
    """(name, exchange, whether it is right)."""
    def request(path, body, **changes):
        return exchange("request", ("POST", path), xml({**body, **changes}) if isinstance(body, dict) else body)

    def answer(path, body, status=200, **changes):
        return exchange("answer", ("POST", path), xml({**body, **changes}) if isinstance(body, dict) else body, status)

    def told(body, **changes):
        return exchange("notification", ("POST", "/wechat/notify/1900000001"), xml({**body, **changes}))

    order, query, close, refund, refunds = "/pay/unifiedorder", "/pay/orderquery", "/pay/closeorder", "/secapi/pay/refund", "/pay/refundquery"
    micropay, reverse, openid, bill, flow = "/pay/micropay", "/secapi/pay/reverse", "/tools/authcodetoopenid", "/pay/downloadbill", "/pay/downloadfundflow"
    by_number = {**WHO, "out_trade_no": NUMBER}
    right = [
        ("order", request(order, ORDER)),
        ("order signed with HMAC-SHA256", request(order, ORDER, sign=HMAC, sign_type="HMAC-SHA256")),
        ("order for a browser", request(order, ORDER, trade_type="MWEB", openid=None, scene_info=BROWSER)),
        ("answer to order", answer(order, PREPAID)),
        ("answer signed with HMAC-SHA256", answer(order, PREPAID, sign=HMAC)),
        ("answer with a code to scan", answer(order, PREPAID, trade_type="NATIVE", code_url="weixin://wxpay/bizpayurl?pr=a")),
        ("answer with a link", answer(order, PREPAID, trade_type="MWEB", mweb_url=LINK)),
        ("order refused", answer(order, REFUSED)),
        ("signature refused", answer(order, UNSIGNED)),
        ("query", request(query, by_number)),
        ("query by id", request(query, WHO, transaction_id=TRANSACTION)),
        ("unpaid", answer(query, UNPAID, attach="table 7")),
        ("paid", answer(query, PAID)),
        ("paid with a coupon", answer(query, {**PAID, **COUPON})),
        ("unknown order", answer(query, REFUSED)),
        ("close", request(close, by_number)),
        ("answer to close", answer(close, DONE, result_msg="OK")),
        ("refund", request(refund, NEW_REFUND)),
        ("answer to refund", answer(refund, REFUND)),
        ("query of refunds", request(refunds, WHO, out_refund_no="R-1")),
        ("one refund", answer(refunds, REFUNDS)),
        ("payment by code", request(micropay, CHARGE)),
        ("answer to it with a coupon", answer(micropay, {**DONE, **MONEY, **COUPON, "trade_type": "MICROPAY"})),
        ("reversal", request(reverse, by_number)),
        ("reversed", answer(reverse, DONE, recall="N")),
        ("reversal to be repeated", answer(reverse, REFUSED, recall="Y")),
        ("whose code", request(openid, WHO, auth_code="130000000000000000")),
        ("its openid", answer(openid, DONE, openid="oAbCdEfGhIjKlMnOpQrStUvWxYz0")),
        ("bill", request(bill, BILL, sign_type="MD5")),
        ("bill as text", answer(bill, "\ufeff交易时间,公众账号ID\r\n")),
        ("no bill", answer(bill, UNSIGNED, return_msg="No Bill Exist", error_code="20002")),
        ("fund flow", request(flow, FUND_FLOW)),
        ("no fund flow", answer(flow, UNSIGNED, result_code="FAIL", err_code="NO_BILL_EXIST")),
        ("payment told", told(TOLD)),
        ("payment told with a sign type", told({**TOLD, **COUPON}, sign=HMAC, sign_type="HMAC-SHA256")),
        ("refund told", told(TOLD_REFUND)),
    ]
    wrong = [
        ("JSAPI without a payer", request(order, ORDER, openid=None)),
        ("NATIVE without a product", request(order, ORDER, trade_type="NATIVE")),
        ("MWEB without a scene", request(order, ORDER, trade_type="MWEB")),
        ("a scene that is no JSON", request(order, ORDER, trade_type="MWEB", scene_info="{Wap}")),
        ("amount in yuan", request(order, ORDER, total_fee="19.90")),
        ("amount below nothing", request(order, ORDER, total_fee="-1")),
        ("time with an offset", request(order, ORDER, time_expire="2026-01-05T12:30:00+08:00")),
        ("a member of APIv3", request(order, ORDER, mchid="1900000001")),
        ("a member of the future in a request of ours", request(order, ORDER, payer_note="x")),
        ("number with a sign that is not allowed", request(order, ORDER, out_trade_no="T/1")),
        ("signature in small letters", request(order, ORDER, sign=MD5.lower())),
        ("HMAC-SHA256 with the length of MD5", request(order, ORDER, sign_type="HMAC-SHA256")),
        ("HMAC-SHA256 that is not named", request(order, ORDER, sign=HMAC)),
        ("not signed", request(order, ORDER, sign=None)),
        ("JSON", request(order, '{"appid":"wx1111222233334444"}')),
        ("another root", request(order, xml(ORDER, "root"))),
        ("half a document", request(order, xml(ORDER)[:-5])),
        ("an amount twice", request(order, xml(ORDER).replace("</xml>", "<total_fee>1</total_fee></xml>"))),
        ("a member inside a member", request(order, xml(ORDER).replace("</xml>", "<attach><b>1</b></attach></xml>"))),
        ("a path that is not there", request("/pay/unifiedorders", ORDER)),
        ("answer without prepay_id", answer(order, PREPAID, prepay_id=None)),
        ("NATIVE without a code to scan", answer(order, PREPAID, trade_type="NATIVE")),
        ("MWEB with the shop's own page", answer(order, PREPAID, trade_type="MWEB", mweb_url="https://shop.test/")),
        ("JSAPI with a code to scan", answer(order, PREPAID, code_url="weixin://wxpay/bizpayurl?pr=a")),
        ("success that is not signed", answer(order, PREPAID, sign=None)),
        ("success with an error", answer(order, PREPAID, err_code="SYSTEMERROR")),
        ("refusal that is not signed", answer(order, REFUSED, sign=None)),
        ("refusal without a code", answer(order, REFUSED, err_code=None)),
        ("refusal with a prepay_id", answer(order, REFUSED, prepay_id="wx05")),
        ("signed although nothing was believed", answer(order, UNSIGNED, sign=MD5)),
        ("a status of APIv3", answer(query, REFUSED, 404)),
        ("query of nothing", request(query, WHO)),
        ("paid without a transaction", answer(query, PAID, transaction_id=None)),
        ("unpaid with a transaction", answer(query, UNPAID, transaction_id=TRANSACTION)),
        ("refunded without a time", answer(query, PAID, trade_state="REFUND", time_end=None)),
        ("a state that is none", answer(query, UNPAID, trade_state="PENDING")),
        ("a coupon that is not counted", answer(query, PAID, coupon_fee_a="300")),
        ("a coupon's amount as text", answer(query, PAID, coupon_fee_0="3.00")),
        ("refund of no order", request(refund, NEW_REFUND, out_trade_no=None)),
        ("answer to refund without refund_id", answer(refund, REFUND, refund_id=None)),
        ("a refund without its state", answer(refunds, REFUNDS, refund_status_0=None)),
        ("two refunds, one told", answer(refunds, REFUNDS, refund_count="2")),
        ("a refund's state of APIv3", answer(refunds, REFUNDS, refund_status_0="ABNORMAL")),
        ("a refund's account, spelled right", answer(refunds, REFUNDS, refund_recv_accout_0=None, refund_recv_account_0="x")),
        ("a refund's time in digits", answer(refunds, REFUNDS, refund_success_time_0="20260105140001")),
        ("payment by code with notify_url", request(micropay, CHARGE, notify_url="https://shop.test/")),
        ("reversed without recall", answer(reverse, DONE)),
        ("recall that is neither", answer(reverse, DONE, recall="true")),
        ("refused openid with a description", answer(openid, REFUSED, err_code="AUTH_CODE_INVALID")),
        ("an empty bill", answer(bill, "")),
        ("a bill's refusal that is signed", answer(bill, UNSIGNED, sign=MD5)),
        ("fund flow of no account", request(flow, FUND_FLOW, account_type=None)),
        ("payment told that is not signed", told(TOLD, sign=None)),
        ("payment told as failed", told(TOLD, result_code="FAIL")),
        ("payment told without an amount", told(TOLD, total_fee=None)),
        ("payment told by code", told(TOLD, trade_type="MICROPAY")),
        ("refund told in clear", told(TOLD_REFUND, req_info="<root></root>")),
        ("refund told with a signature", told(TOLD_REFUND, sign=MD5)),
    ]
    return [(f"API v2, {name}", one, True) for name, one in right] + [(f"API v2, {name}", one, False) for name, one in wrong]
