#!/usr/bin/env python3
"""The PyPI packages wechatpayv3 (APIv3) and wechatpy (the older protocol), as published, make the parameters that open the cashier
again, and get exactly what our server gave out: parameters.py FILE

FILE has one set of parameters a line, with the key that must have signed it. wechatpy composes the whole set where it is signed with
MD5; it has a function for HMAC-SHA256; wechatpayv3 has one that signs lines.
"""

import json
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wechatpayv3 import WeChatPay as WeChatPayV3
from wechatpayv3 import WeChatPayType
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature_hmac

from checks import Checks


def signed_lines(one):
    """The signature of APIv3 over app, time, nonce and what opens the cashier."""
    given = one["parameters"]
    public_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    wxpay = WeChatPayV3(
        wechatpay_type=WeChatPayType.MINIPROG, mchid=one["mchid"], private_key=one["key"], cert_serial_no="not asked",
        appid=one["appid"], apiv3_key="k" * 32, public_key=public_key, public_key_id="PUB_KEY_ID_0")
    if one["product"] == "app":
        return wxpay.sign([one["appid"], given["timestamp"], given["noncestr"], one["prepay_id"]])
    return wxpay.sign([one["appid"], given["timeStamp"], given["nonceStr"], given["package"]])


def composed(one):
    """The whole set as wechatpy composes it."""
    given = one["parameters"]
    wxpay = WeChatPay(one["appid"], one["key"], one["mchid"])
    if one["product"] == "app":
        return wxpay.order.get_appapi_params(one["prepay_id"], given["timestamp"], given["noncestr"])
    return wxpay.jsapi.get_jsapi_params(one["prepay_id"], given["timeStamp"], given["nonceStr"])


def signed_fields(one):
    """The signature of the older protocol with HMAC-SHA256 over what was given out; apart from the app, which a mini program does not get to see."""
    fields = {name: value for name, value in one["parameters"].items() if name not in ("sign", "paySign")}
    if one["product"] != "app":
        fields["appId"] = one["appid"]
    return calculate_signature_hmac(fields, one["key"])


def judge(checks, file):
    with open(file, encoding="utf-8") as lines:
        every = [json.loads(line) for line in lines]
    checks.same("the number of sets", len(every), 9)
    for one in every:
        what, given = f"{one['product']}, {one['sign_type']}", one["parameters"]
        signature = given.get("sign") or given.get("paySign")
        if one["sign_type"] == "RSA":
            again = signed_lines(one)
            checks.that(f"{what}: the signature, made again, is the same", again == signature, again)
        elif one["sign_type"] == "HMAC-SHA256":
            again = signed_fields(one)
            checks.that(f"{what}: the signature, made again, is the same", again == signature, again)
        else:
            whole = composed(one)
            if one["product"] == "mini_program":
                del whole["appId"]
            checks.that(f"{what}: what the package composes is what our server gave out", whole == given, whole)


if __name__ == "__main__":
    sys.exit(Checks("what opens the cashier").run(lambda checks: judge(checks, sys.argv[1])))
