#!/usr/bin/env python3
"""The PyPI package wechatpy, as published, lives through a shop's day in the older protocol at our simulator.

Every line printed is one check made by that package or on what it returned. Its code is not
touched; only the address that it calls is replaced, from outside.

What the package cannot do, and who does it instead (the npm packages in ../node): it signs and verifies
HMAC-SHA256 in orders and fund flows only; it reads no p12 file; it does not verify answers by itself, it has
`check_signature` for that, which is called here; and it cannot ask for a packed bill.
"""

import argparse
import os
import queue
import sys
import uuid
from datetime import datetime, timedelta, timezone

import requests
import xmltodict
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from wechatpy.exceptions import WeChatException, WeChatPayException
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature_hmac

from checks import Checks
from desk import PATIENCE, Control, Merchant, Receiver

AMOUNT_FEN = 1990
REFUND_FEN = 990
COUPON_FEN = 300
# With everything that has a meaning in XML, and with characters of two and three bytes.
ATTACH = "table=7 & <杯> café"
SHOP_IP, BUYER_IP = "192.0.2.8", "203.0.113.9"
BROWSER = {"h5_info": {"type": "Wap", "wap_url": "https://shop.example.com", "wap_name": "茶馆"}}
SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
# A notification that was not accepted is sent again after 15 s; a refund takes three.
FIRST_RETRY_MS = 16 * SECOND_MS
REFUND_MS = 5 * SECOND_MS
# The bill of a day is there at ten o'clock on the next.
BILL_MS = 34 * HOUR_MS


class Referee:
    def __init__(self, checks, merchant):
        self.checks, self.merchant = checks, merchant
        self.control = Control(merchant.control_url)
        WeChatPay.API_BASE_URL = merchant.pay_tls_url.rstrip("/") + "/"
        # What `requests` reads to know an authority that is not in its own list.
        os.environ["REQUESTS_CA_BUNDLE"] = str(merchant.folder / "simulator_ca.pem")
        self.wxpay = self.client()
        # Orders for mobile apps take no other kind of app.
        self.mobile = self.client(appid=merchant.mobile_app["appid"])
        self.receiver = Receiver(lambda headers, body: self.open(body), "v2")
        self.paid = []

    def client(self, api_key=None, certificate=("apiclient_cert.pem", "apiclient_key.pem"), appid=None):
        files = [str(self.merchant.folder / name) for name in certificate] or [None, None]
        return WeChatPay(appid or self.merchant.appid, api_key or self.merchant.api_key, self.merchant.mchid,
                         mch_cert=files[0], mch_key=files[1], timeout=PATIENCE)

    def open(self, body, wxpay=None):
        """What a notification says, if the package believes it."""
        wxpay = wxpay or self.wxpay
        try:
            if b"<req_info>" in body:
                return wxpay.parse_refund_notify_result(body)
            return wxpay.parse_payment_result(body)
        except (WeChatException, ValueError, KeyError, TypeError, xmltodict.expat.ExpatError) as error:
            print(f"       the package raised {type(error).__name__} on a notification")
            return None

    def run(self):
        try:
            # WeChat's clock stands still and is moved by hand, so that no check depends on how fast this machine is.
            self.control.must("/clock", {"rate": 0})
            self.stay_in_one_day()
            self.openid = self.control.must("/login-codes", {"appid": self.merchant.appid, "user": "buyer"})["openid"]
            for trade_type in ("JSAPI", "NATIVE", "APP", "MWEB"):
                self.check_payment(trade_type)
            self.check_coupon()
            self.check_refunds(self.paid[0])
            self.check_close()
            self.check_till()
            self.check_refusals(self.paid[1])
            self.check_hmac()
            self.check_traps()
            self.check_what_may_change()
            # Last, because it moves the clock out of the lives of all orders.
            self.check_bills()
        finally:
            self.receiver.close()

    def stay_in_one_day(self):
        """All trades must be in one bill, whenever this runs: not the last half hour of a day in Beijing."""
        now = datetime.now(timezone(timedelta(hours=8)))
        if (now + timedelta(minutes=30)).date() != now.date():
            self.advance(30 * MINUTE_MS)

    # Calls, with the checks that belong to every one of them.

    def answer(self, what, call, *arguments, **named):
        """The answer of a call that must succeed; the package's own check of its signature is part of it."""
        data = call(*arguments, **named)
        self.checks.that(f"the answer to {what} is signed with the API key", self.wxpay.check_signature(data), data)
        return data

    def refused(self, what, code, call, *arguments, **named):
        """A call that must be refused: with a code, and then signed; or without, and then not."""
        try:
            data = call(*arguments, **named)
        except WeChatPayException as error:
            self.checks.same(f"the code of {what}", error.errcode, code)
            data = xmltodict.parse(error.response.content)["xml"]
            if code:
                self.checks.that(f"the refusal of {what} is signed", self.wxpay.check_signature(data), data)
            else:
                self.checks.same(f"return_code of {what}", error.return_code, "FAIL")
                self.checks.that(f"the refusal of {what} is not signed", "sign" not in data, data)
            return data
        self.checks.that(f"{what} is refused", False, data)
        return {}

    def number(self):
        return f"py2{uuid.uuid4().hex[:20]}"

    def advance(self, milliseconds):
        self.control.must("/clock", {"advance_ms": milliseconds})

    def create(self, trade_type, **named):
        number = named.pop("out_trade_no", None) or self.number()
        special = {
            "JSAPI": {"user_id": self.openid},
            "NATIVE": {"product_id": "latte"},
            "APP": {},
            "MWEB": {"scene_info": BROWSER, "client_ip": BUYER_IP},
        }[trade_type]
        data = self.of(trade_type).order.create(**{
            "trade_type": trade_type, "body": "茶馆-拿铁 café", "total_fee": AMOUNT_FEN, "out_trade_no": number,
            "notify_url": self.receiver.url, "attach": ATTACH, "client_ip": SHOP_IP, **special, **named,
        })
        return number, data

    def of(self, trade_type):
        """The client for this kind of order."""
        return self.mobile if trade_type == "APP" else self.wxpay

    def order(self, trade_type, **named):
        number, data = self.create(trade_type, **named)
        self.checks.that(f"the answer to an order {trade_type} is signed", self.wxpay.check_signature(data), data)
        self.checks.same("its trade_type", data.get("trade_type"), trade_type)
        self.checks.that("it has a prepay_id", data.get("prepay_id"), data)
        return number, data

    def cashier(self, trade_type, order):
        """The cashier as the buyer sees it, reached the way of this kind of order; status and content."""
        if trade_type == "JSAPI":
            signed = self.wxpay.jsapi.get_jsapi_params(order["prepay_id"])
            signed["appid"] = signed.pop("appId")
            return self.control.post("/cashier/open", {"user": "buyer", **signed})
        if trade_type == "APP":
            return self.control.post("/cashier/app", {"user": "buyer", **self.mobile.order.get_appapi_params(order["prepay_id"])})
        return self.control.post("/cashier/follow", {"user": "buyer", "url": order["code_url" if trade_type == "NATIVE" else "mweb_url"]})

    def pay(self, order, **coupon):
        done = self.control.must("/cashier/pay", {"prepay_id": order["prepay_id"], "user": "buyer", "action": "pay", **coupon})
        self.checks.same("the state at the cashier", done.get("trade_state"), "SUCCESS")

    def notification(self, what):
        """The next notification: its body, and what it says if the package believes it."""
        try:
            _, body, accepted = self.receiver.next()
        except queue.Empty:
            self.checks.that(f"{what} is told", False, "nothing")
            return b"", {}
        self.checks.that(f"the package believes what is told of {what}", accepted, body)
        return body, self.open(body) or {}

    # The shop's day.

    def check_payment(self, trade_type):
        wxpay = self.of(trade_type)
        number, order = self.order(trade_type)
        before = self.answer("a query before payment", wxpay.order.query, out_trade_no=number)
        self.checks.same("the state before payment", before.get("trade_state"), "NOTPAY")
        self.checks.same("attach before payment", before.get("attach"), ATTACH)
        status, shown = self.cashier(trade_type, order)
        self.checks.same(f"the status of opening the cashier for {trade_type}", status, 200)
        self.checks.same("the amount that the cashier shows", shown.get("amount_fen"), AMOUNT_FEN)
        self.pay(order)
        body, told = self.notification(f"a payment {trade_type}")
        forged = body.replace(b"<total_fee>1990<", b"<total_fee>1<")
        self.checks.that("the package refuses another amount", forged != body and not self.open(forged), "accepted")
        self.checks.that("the package refuses it under another key", not self.open(body, self.client("k" * 32)), "accepted")
        by_number = self.answer("a query by number", wxpay.order.query, out_trade_no=number)
        by_id = self.answer("a query by id", wxpay.order.query, transaction_id=by_number.get("transaction_id"))
        # Another app knows the buyer by another name.
        same_buyer = by_number.get("openid") == self.openid
        self.checks.same("whether the payer is known by the openid of the mini program", same_buyer, trade_type != "APP")
        for source, seen in (("notification", told), ("query by number", by_number), ("query by id", by_id)):
            for name, expected in (
                ("appid", wxpay.appid), ("mch_id", self.merchant.mchid), ("out_trade_no", number),
                ("trade_type", trade_type), ("openid", by_number.get("openid")), ("attach", ATTACH), ("fee_type", "CNY"),
                ("transaction_id", by_number.get("transaction_id")), ("time_end", by_number.get("time_end")),
            ):
                self.checks.same(f"{name} in the {source}", seen.get(name), expected)
            for name in ("total_fee", "cash_fee"):
                self.checks.same(f"{name} in the {source}", int(seen.get(name, 0)), AMOUNT_FEN)
        self.checks.same("trade_state", by_number.get("trade_state"), "SUCCESS")
        self.paid.append({"out_trade_no": number, **by_number})

    def check_coupon(self):
        """Numbered fields are signed as all others are; what was paid and what is settled differ."""
        number, order = self.order("NATIVE")
        self.cashier("NATIVE", order)
        self.pay(order, coupon_fen=COUPON_FEN, coupon_no_cash=True)
        _, told = self.notification("a payment with a coupon")
        asked = self.answer("a query of an order with a coupon", self.wxpay.order.query, out_trade_no=number)
        for source, seen in (("notification", told), ("query", asked)):
            for name, expected in (("total_fee", AMOUNT_FEN), ("cash_fee", AMOUNT_FEN - COUPON_FEN),
                                   ("coupon_fee", COUPON_FEN), ("coupon_fee_0", COUPON_FEN), ("coupon_count", 1),
                                   ("settlement_total_fee", AMOUNT_FEN - COUPON_FEN)):
                self.checks.same(f"{name} with a coupon in the {source}", int(seen.get(name, 0)), expected)
        refund = self.number()
        self.refund(number, refund, AMOUNT_FEN)
        self.advance(REFUND_MS)
        _, told = self.notification("a refund with a coupon")
        self.checks.same("settlement_refund_fee", told.get("settlement_refund_fee"), AMOUNT_FEN - COUPON_FEN)
        asked = self.answer("a query of a refund with a coupon", self.wxpay.refund.query, out_refund_no=refund)
        self.checks.same("coupon_refund_fee_0", asked.get("coupon_refund_fee_0"), str(COUPON_FEN))
        self.checks.same("coupon_refund_fee_0_0", asked.get("coupon_refund_fee_0_0"), str(COUPON_FEN))
        self.paid.append({"out_trade_no": number, **asked})

    def refund(self, number, refund, amount, wxpay=None):
        return (wxpay or self.wxpay).refund.apply(
            total_fee=AMOUNT_FEN, refund_fee=amount, out_refund_no=refund, out_trade_no=number,
            refund_desc="一杯凉了", notify_url=self.receiver.url,
        )

    def check_refunds(self, paid):
        number, refund = paid["out_trade_no"], self.number()
        first = self.answer("a refund", self.refund, number, refund, REFUND_FEN)
        again = self.answer("the same refund again", self.refund, number, refund, REFUND_FEN)
        self.checks.that("a refund has a refund_id", first.get("refund_id"), first)
        self.checks.same("the refund_id when asked again", again.get("refund_id"), first.get("refund_id"))
        self.checks.same("the refund's transaction", first.get("transaction_id"), paid["transaction_id"])
        self.checks.same("refund_fee of the answer", first.get("refund_fee"), str(REFUND_FEN))
        asked = self.answer("a query of a new refund", self.wxpay.refund.query, refund_id=first.get("refund_id"))
        self.checks.same("its state", asked.get("refund_status_0"), "PROCESSING")
        self.refused("a refund above what is left", "REFUND_FEE_INVALID", self.refund, number, refund + "x", AMOUNT_FEN)
        self.refused("a refund of no order", "ORDERNOTEXIST", self.refund, self.number(), self.number(), REFUND_FEN)
        self.advance(REFUND_MS)
        body, told = self.notification("a refund")
        self.checks.that("the package cannot decrypt it with another key", not self.open(body, self.client("k" * 32)), "it did")
        for name, expected in (("refund_status", "SUCCESS"), ("refund_fee", REFUND_FEN), ("total_fee", AMOUNT_FEN),
                               ("out_trade_no", number), ("out_refund_no", refund), ("refund_request_source", "API"),
                               ("refund_id", first.get("refund_id")), ("transaction_id", paid["transaction_id"])):
            self.checks.same(f"{name} in the refund's notification", told.get(name), expected)
        for name, value in (("out_refund_no", refund), ("refund_id", first.get("refund_id")),
                            ("out_trade_no", number), ("transaction_id", paid["transaction_id"])):
            asked = self.answer(f"a query of refunds by {name}", self.wxpay.refund.query, **{name: value})
            self.checks.same("refund_count", asked.get("refund_count"), "1")
            self.checks.same("refund_status_0", asked.get("refund_status_0"), "SUCCESS")
            self.checks.same("refund_fee_0", asked.get("refund_fee_0"), str(REFUND_FEN))
            self.checks.same("refund_success_time_0", asked.get("refund_success_time_0"), told.get("success_time"))
            # The spelling is WeChat's.
            self.checks.that("refund_recv_accout_0 says where it went", asked.get("refund_recv_accout_0"), asked)
        order = self.answer("a query after the refund", self.wxpay.order.query, out_trade_no=number)
        self.checks.same("the order's state after a refund", order.get("trade_state"), "REFUND")
        self.refused("a query of no refund", "REFUNDNOTEXIST", self.wxpay.refund.query, out_refund_no=self.number())

    def check_close(self):
        number, _ = self.order("NATIVE")
        self.refused("closing at once", "TRADE_STATE_ERROR", self.wxpay.order.close, number)
        self.advance(5 * MINUTE_MS)
        for time_of in ("close", "close again"):
            self.answer(time_of, self.wxpay.order.close, number)
        closed = self.answer("a query of a closed order", self.wxpay.order.query, out_trade_no=number)
        self.checks.same("the state after close", closed.get("trade_state"), "CLOSED")
        self.refused("closing a paid order", "ORDERPAID", self.wxpay.order.close, self.paid[1]["out_trade_no"])
        self.refused("ordering under a closed number", "ORDERCLOSED", lambda: self.create("NATIVE", out_trade_no=number))

    def show_code(self, story):
        return self.control.must("/payment-codes", {"user": "buyer", "story": story})["auth_code"]

    def till(self, story):
        """(the order's number, a call that charges the code of a phone with this story)"""
        number, code = self.number(), self.show_code(story)
        return number, lambda: self.wxpay.micropay.create(
            body="茶馆-拿铁", total_fee=AMOUNT_FEN, auth_code=code, client_ip=SHOP_IP, out_trade_no=number)

    def state(self, number):
        return self.answer("a query", self.wxpay.micropay.query, out_trade_no=number).get("trade_state")

    def check_till(self):
        code = self.show_code("pays")
        asked = self.answer("whose code it is", self.wxpay.tools.auto_code_to_openid, code)
        self.checks.same("the openid behind a code", asked.get("openid"), self.openid)
        self.refused("whose code it is, of a code that no phone showed", "AUTH_CODE_INVALID",
                     self.wxpay.tools.auto_code_to_openid, "130000000000000000")
        number, charge = self.till("pays")
        paid = self.answer("a payment by code", charge)
        self.checks.same("its trade_type", paid.get("trade_type"), "MICROPAY")
        self.checks.same("its amount", paid.get("total_fee"), str(AMOUNT_FEN))
        self.refused("a code for the second time", "ORDERPAID", charge)
        self.checks.same("the state of a payment by code", self.state(number), "SUCCESS")
        reversed_ = self.answer("a reversal", self.wxpay.order.reverse, out_trade_no=number)
        self.checks.same("recall", reversed_.get("recall"), "N")
        self.checks.same("the state after a reversal", self.state(number), "REVOKED")
        number, charge = self.till("pays_later")
        self.refused("a payment by code that asks for a password", "USERPAYING", charge)
        self.checks.same("the state while the payer types", self.state(number), "USERPAYING")
        self.advance(20 * SECOND_MS)
        self.checks.same("the state when the payer has typed", self.state(number), "SUCCESS")
        self.paid.append({"out_trade_no": number})
        number, charge = self.till("hesitates")
        self.refused("a payment by code of a payer who hesitates", "USERPAYING", charge)
        early = self.refused("a reversal within 15 s", "USERPAYING", self.wxpay.order.reverse, out_trade_no=number)
        self.checks.same("recall within 15 s", early.get("recall"), "Y")
        self.advance(20 * SECOND_MS)
        self.answer("a reversal after 15 s", self.wxpay.order.reverse, out_trade_no=number)
        self.checks.same("the state after that", self.state(number), "REVOKED")
        _, charge = self.till("not_enough_money")
        self.refused("a payment by code without money", "NOTENOUGH", charge)

    def check_refusals(self, paid):
        self.refused("a query of no order", "ORDERNOTEXIST", self.wxpay.order.query, out_trade_no=self.number())
        stranger = self.client("k" * 32)
        self.refused("a query signed with another key", None, stranger.order.query, out_trade_no=paid["out_trade_no"])
        number, order = self.order("JSAPI")
        signed = stranger.jsapi.get_jsapi_params(order["prepay_id"])
        signed["appid"] = signed.pop("appId")
        status, _ = self.control.post("/cashier/open", {"user": "buyer", **signed})
        self.checks.same("the cashier's status for parameters signed with another key", status, 422)
        self.refused("a refund without a certificate", None, self.refund, paid["out_trade_no"], self.number(), REFUND_FEN,
                     self.client(certificate=()))
        self.refused("a reversal without a certificate", None, self.client(certificate=()).order.reverse, out_trade_no=number)
        write_a_strangers_certificate(self.merchant.folder)
        refund = self.number()
        try:
            done = self.refund(paid["out_trade_no"], refund, REFUND_FEN, self.client(certificate=("stranger.pem", "stranger_key.pem")))
            self.checks.that("a stranger's certificate is refused", False, done)
        except requests.exceptions.ConnectionError as error:  # a failed handshake, however it shows
            print(f"       a stranger's certificate ended in {type(error).__name__}")
        self.refused("a query of the stranger's refund", "REFUNDNOTEXIST", self.wxpay.refund.query, out_refund_no=refund)

    def check_hmac(self):
        """The other way to sign, as far as the package goes."""
        number, order = self.create("JSAPI", sign_type="HMAC-SHA256")
        fields = {name: value for name, value in order.items() if name != "sign"}
        self.checks.same("the signature of an answer to HMAC-SHA256", order.get("sign"), calculate_signature_hmac(fields, self.merchant.api_key))
        status, _ = self.cashier("JSAPI", order)
        self.checks.same("the cashier's status when signType is MD5 and the order was HMAC-SHA256", status, 422)
        self.refused("the number again, signed otherwise and for another amount", "OUT_TRADE_NO_USED",
                     lambda: self.create("JSAPI", out_trade_no=number, total_fee=1))

    def check_traps(self):
        """What must not be believed, and what follows it."""
        # In this protocol, which has no probes, the first of these has a wrong signature.
        for fault in ("notification_signtest", "notification_tampered"):
            self.pay_with(fault)
            self.checks.same(f"whether {fault} is accepted", self.receiver.next()[2], False)
            self.advance(FIRST_RETRY_MS)
            self.checks.same(f"whether what follows {fault} is accepted", self.receiver.next()[2], True)
        # Somebody else's and WeChat's own, side by side, in any order.
        self.pay_with("notification_forged")
        both = sorted(self.receiver.next()[2] for _ in range(2))
        self.checks.same("which of a forged and a genuine notification are accepted", both, [False, True])
        for fault in ("wrong_response_signature", "unsigned_response"):
            self.control.must("/faults", {"fault": fault})
            _, order = self.create("NATIVE")
            self.checks.that(f"the package refuses {fault}", not self.wxpay.check_signature(order), order)

    def pay_with(self, fault):
        _, order = self.order("NATIVE")
        self.cashier("NATIVE", order)
        self.control.must("/faults", {"fault": fault})
        self.pay(order)

    def check_what_may_change(self):
        """Texts without CDATA, fields that no document mentions, a notification that names its sign type."""
        self.control.must("/assumptions", {
            "v2_cdata": False, "v2_extra_fields": True, "notification_extra_members": True}, "PATCH")
        number, order = self.order("APP")
        self.cashier("APP", order)
        self.pay(order)
        body, told = self.notification("a payment without CDATA")
        self.checks.that("there is no CDATA in it", b"CDATA" not in body, body)
        self.checks.same("sign_type in it", told.get("sign_type"), "MD5")
        self.checks.same("attach in it", told.get("attach"), ATTACH)
        asked = self.answer("a query without CDATA", self.mobile.order.query, out_trade_no=number)
        self.checks.same("attach in the answer to a query", asked.get("attach"), ATTACH)

    def check_bills(self):
        day = self.paid[0]["time_end"][:8]
        self.control.must("/assumptions", {"v2_cdata": True, "v2_extra_fields": False}, "PATCH")
        self.refused("a bill of today", None, self.wxpay.tools.download_bill, day)
        self.advance(BILL_MS)
        bill = self.wxpay.tools.download_bill(day)
        self.checks.that("a bill begins with the byte order mark and ends its lines as Windows does",
                         bill.startswith("\ufeff交易时间,") and bill.endswith("\r\n"), bill[:80])
        *rows, _, sums = bill.strip().splitlines()[1:]
        fields = [row[1:].split(",`") for row in rows]
        self.checks.that("every line has 27 fields", all(len(row) == 27 for row in fields), fields)
        for paid in self.paid:
            lines = [row for row in fields if row[6] == paid["out_trade_no"] and row[9] == "SUCCESS"]
            self.checks.same(f"lines for the payment {paid['out_trade_no']}", len(lines), 1)
            self.checks.same("their amount in yuan", [row[24] for row in lines], ["19.90"])
        self.checks.same("lines of refunds", len([row for row in fields if row[9] == "REFUND"]), 2)
        self.checks.same("lines of reversals", len([row for row in fields if row[9] == "REVOKED"]), 1)
        self.checks.same("the count in the sums", sums.split(",`")[0], f"`{len(rows)}.0")
        ago = (datetime.strptime(day, "%Y%m%d") - timedelta(days=1)).strftime("%Y%m%d")
        none = self.refused("a bill of a day without trades", None, self.wxpay.tools.download_bill, ago)
        self.checks.same("its error_code", none.get("error_code"), "20002")
        flow = self.wxpay.tools.download_fundflow(day)
        self.checks.that("a fund flow is a table", flow.startswith("\ufeff记账时间,"), flow[:80])
        self.refused("a fund flow without a certificate", None,
                     self.client(certificate=()).tools.download_fundflow, day)


def write_a_strangers_certificate(folder):
    """A key and a certificate that nobody at the simulator knows, beside the merchant's own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "1900000009")])
    now = datetime.now(timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
                   .not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256()))
    (folder / "stranger.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "stranger_key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--merchant", required=True, help="the folder that `shouyin simulator --out` wrote")
    arguments = parser.parse_args()
    # The simulator is on this machine; a proxy would not find it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    checks = Checks("wechatpy")
    return checks.run(lambda checks: Referee(checks, Merchant(arguments.merchant)).run())


if __name__ == "__main__":
    sys.exit(main())
