#!/usr/bin/env python3
"""The PyPI package wechatpayv3, as published, sells by every product of APIv3 at our simulator.

Every line printed is one check made by that package or on what it returned. Its code is not
touched; only the address that it calls is replaced, from outside. The orders are in `products`,
the payment codes in `till`; here is what they share, and what both sides must refuse.
"""

import argparse
import json
import os
import queue
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

from checks import Checks
from desk import PATIENCE, Control, Merchant, Receiver, page_openid
from products import MINI_PROGRAM, PRODUCTS, Sale, check_mismatches
from till import Till

# A notification that was not accepted is sent again after 15 s.
FIRST_RETRY_MS = 16_000


class Referee:
    def __init__(self, checks, merchant, mode):
        self.checks, self.merchant, self.mode = checks, merchant, mode
        self.control = Control(merchant.control_url)
        self.wxpay = None
        self.receiver = Receiver(self.judge)
        # The package has no setting for the address: it assigns it in its constructor. This replaces
        # what it reads, and lets the assignment go by.
        address = merchant.pay_base_url.rstrip("/")
        Core._gate_way = property(lambda core: address, lambda core, _: None)

    def client(self, private_key=None):
        keys = {}
        if self.mode != "certificate":
            keys = {"public_key": self.merchant.text("pub_key.pem"), "public_key_id": self.merchant.public_key_id}
        return WeChatPay(
            wechatpay_type=WeChatPayType.MINIPROG,
            mchid=self.merchant.mchid,
            private_key=private_key or self.merchant.text("apiclient_key.pem"),
            cert_serial_no=self.merchant.serial_no,
            appid=self.merchant.appid,
            apiv3_key=self.merchant.apiv3_key,
            notify_url=self.receiver.url,
            timeout=(5, PATIENCE),
            **keys,
        )

    def judge(self, headers, body):
        """Whether the package accepts a notification."""
        try:
            return self.wxpay.callback(headers, body)
        except Exception as error:  # whatever the package raises, it did not accept
            print(f"       the package raised {error!r} on a notification")
            return False

    def run(self):
        try:
            if self.mode == "certificate":
                self.control.must("/keys/switch", {"to": "certificate"})
            if self.mode == "switching":
                # A merchant in the middle of the switch: answers are signed with the key that the request
                # names, notifications still with the certificate.
                self.control.must("/keys/switch", {"to": "switching", "notifications_per_mille": 0})
            self.wxpay = self.client()
            self.appids = {
                "mini_program": self.merchant.appid,
                "official_account": self.merchant.official_account["appid"],
                "mobile_app": self.merchant.mobile_app["appid"],
            }
            # A mobile app's server never learns the openid before it is paid.
            self.openids = {
                "mini_program": self.control.must("/login-codes", {"appid": self.merchant.appid, "user": "buyer"})["openid"],
                "official_account": page_openid(self.merchant),
            }
            for product in PRODUCTS:
                self.checks.part(f"the product {product.name}", Sale(self, product).run)
            self.checks.part("the till", Till(self).run)
            check_mismatches(self)
            self.check_refusals()
            self.check_traps()
        finally:
            self.receiver.close()

    def notification(self, event, only=False):
        """The next notification of this kind, as the package opened it; with `only`, no other may come before it."""
        while True:
            try:
                headers, body, accepted = self.receiver.next()
            except queue.Empty:
                self.checks.that(f"a notification {event} arrives", False, "nothing")
                return None
            opened = self.wxpay.callback(headers, body) if accepted else None
            if opened and opened["event_type"] != event and not only:
                continue
            if not self.checks.that(f"the package verifies and decrypts {event}", opened, body):
                return None
            forged = body.replace(b'"id"', b'"id" ', 1)
            self.checks.that(f"the package refuses {event} with one byte more",
                             forged != body and not self.wxpay.callback(headers, forged), "accepted")
            if self.mode == "public-key":
                self.checks.same("the key it is signed with", headers["Wechatpay-Serial"], self.merchant.public_key_id)
            else:
                self.checks.that("it is signed with a certificate's key",
                                 not headers["Wechatpay-Serial"].startswith("PUB_KEY_ID_"), headers["Wechatpay-Serial"])
            return opened["resource"]

    def check_refusals(self):
        status, text = self.wxpay.query(out_trade_no="never_ordered_1")
        self.checks.same("the status for an unknown order", status, 404)
        self.checks.that("its code is ORDER_NOT_EXIST", code(text) in ("ORDER_NOT_EXIST", "ORDERNOTEXIST"), text)
        if self.mode != "certificate":
            # Without a public key the package would ask for certificates first, in its constructor.
            status, text = self.client(another_key()).query(out_trade_no="never_ordered_1")
            self.checks.same("the status for a request signed with another key", status, 401)
            self.checks.same("its code", code(text), "SIGN_ERROR")

    def check_traps(self):
        """WeChat Pay sends wrong signatures on purpose; the package must refuse them, and take what follows."""
        sale = Sale(self, MINI_PROGRAM)
        for fault in ("notification_signtest", "notification_tampered"):
            _, prepay_id = sale.order("paid, with a trap in the notification")
            self.control.must("/faults", {"fault": fault})
            sale.pay(prepay_id)
            self.checks.same(f"whether {fault} is accepted", self.receiver.next()[2], False)
            self.control.must("/clock", {"advance_ms": FIRST_RETRY_MS})
            self.checks.same(f"whether what follows {fault} is accepted", self.receiver.next()[2], True)
        self.control.must("/faults", {"fault": "wrong_response_signature"})
        try:
            answer = sale.order("the answer has a wrong signature")
            self.checks.that("the package refuses an answer with a wrong signature", False, answer)
        except Exception as error:  # the package's way to refuse
            self.checks.that("the package refuses an answer with a wrong signature", "signature" in str(error), error)


def code(answer):
    return json.loads(answer).get("code")


def another_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption()).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchant", required=True, help="the folder that `shouyin simulator --out` wrote")
    parser.add_argument("--mode", choices=("public-key", "certificate", "switching"), required=True)
    arguments = parser.parse_args()
    # The simulator is on this machine; a proxy would not find it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    checks = Checks(f"wechatpayv3, {arguments.mode}")
    return checks.run(lambda checks: Referee(checks, Merchant(arguments.merchant), arguments.mode).run())


if __name__ == "__main__":
    sys.exit(main())
