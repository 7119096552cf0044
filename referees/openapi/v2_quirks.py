"""Where the published description of the older protocol is known to be wrong or vague, and what holds instead.

Every exception says why, from WeChat Pay's documentation of API v2. Some loosen the description, others tighten it.
"""

from quirks import nodes
from v2_messages import Exchanges, Message

ORDER = "POST /pay/unifiedorder"
QUERY = "POST /pay/orderquery"
CLOSE = "POST /pay/closeorder"
REFUND = "POST /secapi/pay/refund"
REFUND_QUERY = "POST /pay/refundquery"
MICROPAY = "POST /pay/micropay"
REVERSE = "POST /secapi/pay/reverse"
OPENID = "POST /tools/authcodetoopenid"
BILL = "POST /pay/downloadbill"
FUND_FLOW = "POST /pay/downloadfundflow"
# Of these the description has all that this checks; item-level refunds nobody here speaks.
JUDGED = (ORDER, QUERY, CLOSE, REFUND, REFUND_QUERY, MICROPAY, REVERSE, OPENID, BILL, FUND_FLOW)

# Beijing time: fourteen digits in the fields of the API, spaced in the times of refunds.
COMPACT_TIME, SPACED_TIME = r"^\d{14}$", r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"
NEEDED_WHEN_PAID = ["openid", "is_subscribe", "trade_type", "bank_type", "total_fee", "cash_fee", "transaction_id", "time_end"]
PAID = ["SUCCESS", "REFUND"]


def exchanges(description):
    """{name of the operation: how its exchanges are judged}"""
    by_name = {operation.name: operation for operation in description.operations}
    judges = {name: Exchanges(by_name[name], file=name in (BILL, FUND_FLOW)) for name in JUDGED}
    bills_are_asked_for_by_any_signature(judges[BILL])
    for judge in judges.values():
        for message in (judge.request, judge.answer):
            what_holds_everywhere(message)
        signatures_are_as_long_as_their_type(judge.request)
    one_number_is_enough(judges)
    each_way_to_pay_needs_its_own(judges[ORDER])
    only_what_is_paid_is_complete(judges[QUERY].answer)
    refunds_are_counted(judges[REFUND_QUERY])
    coupons_are_counted_everywhere(judges[QUERY].answer, judges[MICROPAY].answer)
    links_are_long(judges[ORDER].answer)
    refusals_differ(judges)
    older_members(judges[REFUND].request)
    return judges


def what_holds_everywhere(message):
    """Some members are described differently from page to page, or not closely."""
    for name, one in message.exact.items():
        if name == "sign":
            # MD5 has 32 characters, HMAC-SHA256 64; half of the pages still say at most 32.
            message.exact[name] = {"type": "string", "pattern": "^([0-9A-F]{32}|[0-9A-F]{64})$"}
        elif name == "bank_type":
            # 16 on one page, 32 on the others; the list is open.
            message.exact[name] = {"type": "string", "maxLength": 32}
        elif name == "is_subscribe":
            # `Y` was taken off the list in 2026; the documents' samples have it.
            message.exact[name] = {"type": "string", "enum": ["Y", "N"]}
        elif name in ("time_start", "time_expire", "time_end"):
            message.exact[name] = {"type": "string", "pattern": COMPACT_TIME}
        elif name == "promotion_detail":
            message.exact[name] = {"type": "string", "maxLength": 6000}
        for node in nodes(one):
            if node.get("type") == "integer" or "integer" in node.get("type", ()):
                node["minimum"] = 0
    for name in message.counted:
        if name.startswith("refund_success_time"):
            message.counted[name] = {"type": "string", "pattern": SPACED_TIME}
    for name in ("out_trade_no", "out_refund_no"):
        if name in message.exact:
            # Letters, digits and these signs, by the field's own text.
            message.also.append({"properties": {name: {"pattern": r"^[A-Za-z0-9_\-|*@]{1,64}$"}}})


def signatures_are_as_long_as_their_type(message, default="MD5"):
    """MD5 unless the request says otherwise. Answers and notifications follow the request and need not name the type."""
    named = {"MD5": "^.{32}$", "HMAC-SHA256": "^.{64}$"}
    message.also.append({"anyOf": [
        {"required": [] if kind == default else ["sign_type"],
         "properties": {"sign": {"pattern": pattern}, "sign_type": {"enum": [kind]}}}
        for kind, pattern in named.items()
    ] + ([{"not": {"required": ["sign_type"]}}] if default is None else [])})


def one_number_is_enough(judges):
    """All numbers are marked as required; each page says that one of them is."""
    for name in (QUERY, REFUND, REFUND_QUERY, REVERSE):
        message = judges[name].request
        numbers = {"transaction_id", "out_trade_no"}
        if name == REFUND_QUERY:
            numbers |= {"out_refund_no", "refund_id"}
        message.required -= numbers
        message.also.append({"anyOf": [{"required": [number]} for number in sorted(numbers)]})


def each_way_to_pay_needs_its_own(judge):
    """By the notes of the fields: JSAPI has a payer, NATIVE a product, MWEB a scene; and each gives its own link."""
    def when(trade_type, *needed, never=()):
        return {"anyOf": [
            {"properties": {"trade_type": {"not": {"enum": [trade_type]}}}},
            {"required": list(needed), "not": {"anyOf": [{"required": [name]} for name in never]}} if never else {"required": list(needed)},
        ]}

    judge.request.exact["trade_type"] = {"type": "string", "enum": ["JSAPI", "NATIVE", "APP", "MWEB"]}
    judge.request.also += [when("JSAPI", "openid"), when("NATIVE", "product_id"), when("MWEB", "scene_info")]
    judge.answer.also += [
        when("NATIVE", "code_url", never=("mweb_url",)), when("MWEB", "mweb_url", never=("code_url",)),
        when("JSAPI", "prepay_id", never=("code_url", "mweb_url")), when("APP", "prepay_id", never=("code_url", "mweb_url")),
    ]


def only_what_is_paid_is_complete(message):
    """The page says that an order that is not paid has its number, attach and state only; what is paid proves it all."""
    message.required -= set(NEEDED_WHEN_PAID)
    message.also.append({"anyOf": [
        {"properties": {"trade_state": {"enum": PAID}}, "required": NEEDED_WHEN_PAID},
        {"properties": {"trade_state": {"not": {"enum": PAID}}},
         "not": {"anyOf": [{"required": [name]} for name in ("transaction_id", "time_end", "total_fee")]}},
    ]})


def refunds_are_counted(judge):
    """`$n` is a number from 0, and every refund that is listed has what is marked as required. So has no other."""
    judge.required_of_each = tuple(sorted(name for name in judge.answer.required if "$n" in name))
    states = ["SUCCESS", "REFUNDCLOSE", "PROCESSING", "CHANGE"]
    judge.answer.counted["refund_status_$n"] = {"type": "string", "enum": states}


def coupons_are_counted_everywhere(*messages):
    """What a payment by code answers may have coupons as well, in the same members; the description forgot them."""
    count = {"type": "integer", "minimum": 0}
    for message in messages:
        message.exact.update({"coupon_fee": count, "coupon_count": count, "settlement_total_fee": count})
        message.counted.update({
            "coupon_type_$n": {"type": "string", "enum": ["CASH", "NO_CASH"]},
            "coupon_id_$n": {"type": "string", "maxLength": 20}, "coupon_fee_$n": count,
        })


def links_are_long(message):
    """The description allows 64 characters, and its own example has more. The simulator's links lead to the simulator."""
    middle_page = r"^https?://[^/?]+/cgi-bin/mmpayweb-bin/checkmweb\?prepay_id="
    message.exact["mweb_url"] = {"type": "string", "pattern": middle_page, "maxLength": 256}
    message.exact["code_url"] = {"type": "string", "pattern": "^weixin://wxpay/bizpayurl", "maxLength": 64}


def refusals_differ(judges):
    """Which members a refusal has beside the code."""
    # The page of this call has no description of errors.
    judges[OPENID].refusal -= {"err_code_des"}
    # Whether to call again is said of failures, above all.
    judges[REVERSE].refusal |= {"recall"}
    # Never signed; a refusal is what is described.
    judges[BILL].unsigned |= {"error_code"}
    judges[FUND_FLOW].unsigned |= {"result_code", "err_code", "err_code_des"}
    # Its own codes come with a result; refusals of the signature or the certificate, as everywhere, have only a text.
    judges[FUND_FLOW].answer.required -= {"result_code", "err_code"}


def bills_are_asked_for_by_any_signature(judge):
    """`sign_type` is in the page's list of fields, and was left out. So was a length that one of the types exceeds."""
    judge.request.exact["sign_type"] = {"type": "string", "enum": ["MD5", "HMAC-SHA256"]}
    judge.request.exact["bill_type"] = {"type": "string", "enum": ["ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"]}


def older_members(message):
    """Published clients still send the operator, whom an older version of the page asked for."""
    message.exact["op_user_id"] = {"type": "string", "maxLength": 32}


# The description has no notifications of payments and refunds. These are the lists of "payment notification" and "refund
# notification"; what is encrypted in the latter, only those who have the key can judge.
NUMBER = {"type": "integer", "minimum": 0}


def text(longest):
    return {"type": "string", "maxLength": longest}


PAYMENT = {
    "required": ["return_code", "appid", "mch_id", "nonce_str", "sign", "result_code", "openid", "is_subscribe", "trade_type",
                 "bank_type", "total_fee", "cash_fee", "transaction_id", "out_trade_no", "time_end"],
    "properties": {
        "return_code": {"enum": ["SUCCESS"]}, "return_msg": text(128), "result_code": {"enum": ["SUCCESS"]},
        "appid": text(32), "mch_id": text(32), "sub_appid": text(32), "sub_mch_id": text(32), "device_info": text(32),
        "nonce_str": text(32), "sign": text(64), "sign_type": {"enum": ["MD5", "HMAC-SHA256"]}, "err_code": text(32),
        "err_code_des": text(128), "openid": text(128), "is_subscribe": text(1), "sub_openid": text(128),
        "sub_is_subscribe": text(1), "trade_type": {"enum": ["JSAPI", "NATIVE", "APP", "MWEB"]}, "bank_type": text(32),
        "total_fee": NUMBER, "settlement_total_fee": NUMBER, "fee_type": text(8), "cash_fee": NUMBER, "cash_fee_type": text(16),
        "coupon_fee": NUMBER, "coupon_count": NUMBER, "coupon_type_$n": {"enum": ["CASH", "NO_CASH"]}, "coupon_id_$n": text(20),
        "coupon_fee_$n": NUMBER, "transaction_id": text(32), "out_trade_no": text(32), "attach": text(128), "time_end": text(14),
        "version": text(32), "promotion_detail": text(6000), "rate_value": text(20),
    },
}
REFUND_ENVELOPE = {
    "required": ["return_code", "appid", "mch_id", "nonce_str", "req_info"],
    "properties": {
        "return_code": {"enum": ["SUCCESS"]}, "return_msg": text(128), "appid": text(32), "mch_id": text(32), "sub_appid": text(32),
        "sub_mch_id": text(32), "nonce_str": text(32),
        # Declared with at most 1024, which a published sample exceeds.
        "req_info": {"type": "string", "pattern": "^[A-Za-z0-9+/\\s]{22,}={0,2}$"},
    },
}


def notifications():
    """(of payments, of refunds)"""
    payment, refund = Message(PAYMENT), Message(REFUND_ENVELOPE)
    what_holds_everywhere(payment)
    signatures_are_as_long_as_their_type(payment, default=None)
    return payment, refund
