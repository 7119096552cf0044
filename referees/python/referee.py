#!/usr/bin/env python3
"""The PyPI package wechatpayv3, as published, pays, asks, closes and refunds at our simulator.

Every line printed is one check made by that package or on what it returned. Its code is not
touched; only the address that it calls is replaced, from outside.
"""

import argparse
import json
import os
import queue
import sys
import time
import uuid

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from wechatpayv3 import SignType, WeChatPay, WeChatPayType
from wechatpayv3.core import Core

from checks import Checks
from desk import PATIENCE, Control, Merchant, Receiver

AMOUNT_FEN = 1990
REFUND_FEN = 990
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
            openid = self.control.must("/login-codes", {"appid": self.merchant.appid, "user": "buyer"})["openid"]
            paid = self.order_and_pay(openid)
            self.check_payment(paid)
            self.check_refunds(paid)
            self.check_close(openid)
            self.check_refusals()
            self.check_traps(openid)
        finally:
            self.receiver.close()

    def prepay(self, openid, description):
        number = f"py{uuid.uuid4().hex[:20]}"
        status, text = self.wxpay.pay(
            description=description,
            out_trade_no=number,
            amount={"total": AMOUNT_FEN, "currency": "CNY"},
            payer={"openid": openid},
            attach="table=7",
        )
        self.checks.same("the status of prepay", status, 200)
        prepay_id = json.loads(text).get("prepay_id", "")
        self.checks.that("prepay answers a prepay_id", prepay_id, text)
        return number, prepay_id

    def query(self, **number):
        status, text = self.wxpay.query(**number)
        self.checks.same("the status of query", status, 200)
        return json.loads(text)

    def order_and_pay(self, openid):
        # The description has characters of two and three bytes: the signature covers bytes, not characters.
        number, prepay_id = self.prepay(openid, "拿铁 café")
        order = self.query(out_trade_no=number)
        self.checks.same("the state before payment", order.get("trade_state"), "NOTPAY")
        package, nonce, now = f"prepay_id={prepay_id}", uuid.uuid4().hex, str(int(time.time()))
        signature = self.wxpay.sign([self.merchant.appid, now, nonce, package], SignType.RSA_SHA256)
        opened = self.control.post("/cashier/open", {
            "appid": self.merchant.appid, "user": "buyer", "timeStamp": now, "nonceStr": nonce,
            "package": package, "signType": "RSA", "paySign": signature,
        })
        self.checks.same("the status of opening the cashier with the package's paySign", opened[0], 200)
        self.checks.same("the amount that the cashier shows", opened[1].get("amount_fen"), AMOUNT_FEN)
        self.pay(prepay_id)
        return {"out_trade_no": number, "openid": openid}

    def pay(self, prepay_id):
        done = self.control.must("/cashier/pay", {"prepay_id": prepay_id, "user": "buyer", "action": "pay"})
        self.checks.same("what the cashier tells the mini program", done.get("errMsg"), "requestPayment:ok")

    def notification(self, event):
        """The next notification of this kind, as the package opened it."""
        while True:
            try:
                headers, body, accepted = self.receiver.next()
            except queue.Empty:
                self.checks.that(f"a notification {event} arrives", False, "nothing")
                return None
            opened = self.wxpay.callback(headers, body) if accepted else None
            if opened and opened["event_type"] != event:
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

    def check_payment(self, paid):
        notice = self.notification("TRANSACTION.SUCCESS") or {}
        by_number = self.query(out_trade_no=paid["out_trade_no"])
        paid["transaction_id"] = by_number.get("transaction_id")
        by_id = self.query(transaction_id=paid["transaction_id"])
        for source, seen in (("notification", notice), ("query by number", by_number), ("query by id", by_id)):
            for name, expected in (("mchid", self.merchant.mchid), ("appid", self.merchant.appid),
                                   ("out_trade_no", paid["out_trade_no"]), ("trade_type", "JSAPI"),
                                   ("trade_state", "SUCCESS"), ("attach", "table=7")):
                self.checks.same(f"{name} in the {source}", seen.get(name), expected)
            self.checks.same(f"the amount in the {source}", seen.get("amount", {}).get("total"), AMOUNT_FEN)
            self.checks.same(f"the payer in the {source}", seen.get("payer", {}).get("openid"), paid["openid"])
        self.checks.same("transaction_id in the notification", notice.get("transaction_id"), paid["transaction_id"])

    def check_refunds(self, paid):
        number = f"py{uuid.uuid4().hex[:20]}"
        amount = {"refund": REFUND_FEN, "total": AMOUNT_FEN, "currency": "CNY"}
        answers = [self.wxpay.refund(out_refund_no=number, out_trade_no=paid["out_trade_no"], amount=amount,
                                     reason="one cup was cold") for _ in range(2)]
        self.checks.same("the status of refund", answers[0][0], 200)
        first, again = (json.loads(text) for _, text in answers)
        self.checks.that("a refund has a refund_id", first.get("refund_id"), first)
        self.checks.same("the refund_id when asked again", again.get("refund_id"), first.get("refund_id"))
        self.checks.that("a refund begins as PROCESSING or SUCCESS", first.get("status") in ("PROCESSING", "SUCCESS"), first)
        self.checks.same("the refund's order", first.get("transaction_id"), paid["transaction_id"])
        too_much = dict(amount, refund=AMOUNT_FEN)
        status, text = self.wxpay.refund(out_refund_no=number + "x", out_trade_no=paid["out_trade_no"], amount=too_much)
        self.checks.that("a refund above what is left is refused", 400 <= status < 500, (status, text))
        notice = self.notification("REFUND.SUCCESS") or {}
        self.checks.same("refund_status in the notification", notice.get("refund_status"), "SUCCESS")
        self.checks.same("the refund's amount in the notification", notice.get("amount", {}).get("refund"), REFUND_FEN)
        status, text = self.wxpay.query_refund(number)
        self.checks.same("the status of refund query", status, 200)
        refund = json.loads(text)
        self.checks.same("the refund's state", refund.get("status"), "SUCCESS")
        self.checks.same("the refund's amount", refund.get("amount", {}).get("refund"), REFUND_FEN)
        self.checks.same("the refund's number", refund.get("out_refund_no"), number)
        order = self.query(out_trade_no=paid["out_trade_no"])
        self.checks.same("the order's state after a refund", order.get("trade_state"), "REFUND")

    def check_close(self, openid):
        number, _ = self.prepay(openid, "closed before it was paid")
        for time_of in ("close", "close again"):
            status, _ = self.wxpay.close(number)
            self.checks.same(f"the status of {time_of}", status, 204)
        self.checks.same("the state after close", self.query(out_trade_no=number).get("trade_state"), "CLOSED")

    def check_refusals(self):
        status, text = self.wxpay.query(out_trade_no="never_ordered_1")
        self.checks.same("the status for an unknown order", status, 404)
        self.checks.that("its code is ORDER_NOT_EXIST", code(text) in ("ORDER_NOT_EXIST", "ORDERNOTEXIST"), text)
        if self.mode != "certificate":
            # Without a public key the package would ask for certificates first, in its constructor.
            status, text = self.client(another_key()).query(out_trade_no="never_ordered_1")
            self.checks.same("the status for a request signed with another key", status, 401)
            self.checks.same("its code", code(text), "SIGN_ERROR")

    def check_traps(self, openid):
        """WeChat Pay sends wrong signatures on purpose; the package must refuse them, and take what follows."""
        for fault in ("notification_signtest", "notification_tampered"):
            _, prepay_id = self.prepay(openid, "paid, with a trap in the notification")
            self.control.must("/faults", {"fault": fault})
            self.pay(prepay_id)
            self.checks.same(f"whether {fault} is accepted", self.receiver.next()[2], False)
            self.control.must("/clock", {"advance_ms": FIRST_RETRY_MS})
            self.checks.same(f"whether what follows {fault} is accepted", self.receiver.next()[2], True)
        self.control.must("/faults", {"fault": "wrong_response_signature"})
        try:
            answer = self.prepay(openid, "the answer has a wrong signature")
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
