"""Where the published description is known to be wrong or vague, and what holds instead.

Every exception says why, from WeChat Pay's APIv3 documentation. Some loosen the description, others
tighten it: an exception must not become a place where anything passes.
"""

from description import RFC3339

QUERY = "GET /v3/pay/transactions/out-trade-no/{out_trade_no}"
QUERY_BY_ID = "GET /v3/pay/transactions/id/{transaction_id}"
CREATE_REFUND = "POST /v3/refund/domestic/refunds"
REFUND_ANSWERS = (CREATE_REFUND, "GET /v3/refund/domestic/refunds/{out_refund_no}")
# The calls that make an order, by product.
ORDERS = tuple(f"POST /v3/pay/transactions/{product}" for product in ("jsapi", "native", "app", "h5"))
CODEPAY = "POST /v3/pay/transactions/codepay"
REVERSE = "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/reverse"

# What the answer to a query of an order has, by "query an order" in the documentation.
MEMBERS_OF_AN_ORDER = {
    "appid", "mchid", "out_trade_no", "transaction_id", "trade_type", "trade_state", "trade_state_desc", "bank_type",
    "attach", "success_time", "payer", "amount", "scene_info", "promotion_detail", "installment_info",
}
PAID = ["SUCCESS", "REFUND"]
# "Error codes" in the documentation: 202 with this code while the payer types the password. The description has 200 only.
USER_PAYING = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"enum": ["USERPAYING"]}, "message": {"type": "string", "minLength": 1, "maxLength": 256}},
}


def apply(description):
    """Changes the schemas of the description in place. Returns those of what is encrypted in notifications, by event type."""
    by_name = {operation.name: operation for operation in description.operations}
    for operation in description.operations:
        for schema in (operation.request, *operation.answers.values()):
            whole_amounts(schema)
            times_are_rfc3339(schema)
    # An order is the same object by whichever number it is asked for; by id, the payer is left out. The answer to a payment
    # by code is that object, too: it is described without `scene_info`, and alone with the list of coupons.
    order = order_object(by_name[QUERY].answers[200], by_name[CODEPAY].answers[200])
    for name in (QUERY, QUERY_BY_ID, CODEPAY):
        by_name[name].answers[200] = order
    for name in (CODEPAY, REVERSE):
        by_name[name].answers[202] = USER_PAYING
    for name in ORDERS:
        store_needs_only_an_id(by_name[name].request)
    by_name[CREATE_REFUND].request["anyOf"] = [{"required": ["transaction_id"]}, {"required": ["out_trade_no"]}]
    for name in REFUND_ANSWERS:
        closed_with_d(by_name[name].answers[200])
    every_certificate_is_complete(by_name["GET /v3/certificates"].answers[200])
    one_of_two_store_numbers(by_name[CODEPAY].request)
    open_kinds_of_notifications(description.notification.request)
    return {"TRANSACTION.SUCCESS": paid_order(order), "REFUND.SUCCESS": told_refund(by_name[CREATE_REFUND].answers[200])}


def nodes(schema):
    """The schema and all schemas inside it."""
    if isinstance(schema, dict):
        yield schema
        for key, value in schema.items():
            if key == "properties":
                for one in value.values():
                    yield from nodes(one)
            elif key not in ("enum", "required"):
                yield from nodes(value)
    elif isinstance(schema, list):
        for one in schema:
            yield from nodes(one)


def whole_amounts(schema):
    """Some amounts are typed `number`; every amount of APIv3 is a whole number of fen."""
    for node in nodes(schema):
        if node.get("type") == "number":
            node["type"] = "integer"


def times_are_rfc3339(schema):
    """Some times have no format; all of APIv3 are RFC 3339."""
    for node in nodes(schema):
        for name, member in node.get("properties", {}).items():
            if name.endswith("_time") and member.get("type") == "string":
                member["pattern"] = RFC3339


def order_object(schema, by_code):
    """What a query answers is described with the members of the request.

    Real answers have neither `description` nor `notify_url`, which come out as required; and
    `amount.payer_total` is required although nobody has paid a new order. An unpaid order may have an
    empty payer: absent data is left out or empty. What is paid, though, has all that proves it.
    """
    found = merged(schema)
    found["promotion_detail"] = merged(by_code)["promotion_detail"]
    properties = {name: one for name, one in found.items() if name in MEMBERS_OF_AN_ORDER}
    properties["amount"] = {"type": "object", "properties": merged(found["amount"])}
    properties["payer"] = {"type": "object", "properties": merged(found["payer"])}
    paid = {
        "required": ["transaction_id", "trade_type", "bank_type", "success_time", "payer", "amount"],
        "properties": {
            "amount": {"required": ["total", "payer_total", "currency", "payer_currency"]},
            "payer": {"required": ["openid"]},
        },
    }
    unpaid = {"properties": {"trade_state": {"not": {"enum": PAID}}}}
    return {
        "type": "object",
        "required": ["appid", "mchid", "out_trade_no", "trade_state", "trade_state_desc"],
        "properties": properties,
        "anyOf": [unpaid, paid],
    }


def paid_order(order):
    """A payment is told as the order that a query would answer, and only once it is paid."""
    return {"allOf": [order, {"properties": {"trade_state": {"enum": ["SUCCESS"]}}}]}


def told_refund(refund):
    """The description has no refund as it is told: its state has another name, and only four of its amounts are there."""
    found = merged(refund)
    amount = {name: merged(found["amount"])[name] for name in ("total", "refund", "payer_total", "payer_refund")}
    properties = {
        "mchid": {"type": "string"},
        "refund_status": {"type": "string", "enum": ["SUCCESS"]},
        "amount": {"type": "object", "required": list(amount), "properties": amount},
        **{name: found[name] for name in ("transaction_id", "out_trade_no", "refund_id", "out_refund_no", "success_time",
                                          "user_received_account")},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def one_of_two_store_numbers(schema):
    """A payment by code is made in a store, named by WeChat's number or the merchant's own; the description demands neither."""
    store = schema["properties"]["scene_info"]["properties"]["store_info"]
    store["anyOf"] = [{"required": ["id"]}, {"required": ["out_id"]}]


def merged(schema):
    """The properties of an object that may be put together by allOf; the same name in two parts means both."""
    found = {}
    for part in schema.get("allOf", ()):
        for name, one in merged(part).items():
            found[name] = {"allOf": [found[name], one]} if name in found else one
    found.update(schema.get("properties", {}))
    return found


def store_needs_only_an_id(schema):
    """A store is named by its id; name, area and address are optional. The description has it the other way round."""
    for node in nodes(schema):
        if "area_code" in node.get("properties", {}):
            node["required"] = ["id"]


def closed_with_d(schema):
    """The description has no list for this member and `CLOSE` in a list of its own; on the wire it is `CLOSED`."""
    schema["properties"]["status"]["enum"] = ["SUCCESS", "CLOSED", "PROCESSING", "ABNORMAL"]


def every_certificate_is_complete(schema):
    """Nothing is marked as required, but a certificate without any of these is of no use and never sent."""
    item = schema["properties"]["data"]["items"]
    item["required"] = ["serial_no", "effective_time", "expire_time", "encrypt_certificate"]
    item["properties"]["encrypt_certificate"]["required"] = ["algorithm", "nonce", "associated_data", "ciphertext"]


def open_kinds_of_notifications(schema):
    """The lists of event types and original types are incomplete: `transaction` is missing from the second."""
    resource = schema["properties"]["resource"]["properties"]
    resource["original_type"] = {"type": "string", "maxLength": 32}
    resource["algorithm"]["enum"] = ["AEAD_AES_256_GCM"]
    schema["properties"]["event_type"] = {"type": "string", "maxLength": 32, "pattern": r"^[A-Z_]+(\.[A-Z_]+)+$"}
    schema["properties"]["resource_type"]["enum"] = ["encrypt-resource"]
