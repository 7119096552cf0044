"""The ways to pay that begin with an order: each from the order call over the buyer's phone to the refund, and once to being closed."""

import json
import time
import uuid
from dataclasses import dataclass

from wechatpayv3 import SignType, WeChatPayType

AMOUNT_FEN = 1990
REFUND_FEN = 990
ATTACH = "table=7"
# A refund takes three seconds.
REFUND_MS = 5_000
BUYER_IP = "203.0.113.9"
BROWSER = {"payer_client_ip": BUYER_IP, "h5_info": {"type": "Wap"}}


@dataclass(frozen=True)
class Product:
    """One way to pay."""

    name: str
    pay_type: WeChatPayType
    trade_type: str
    # Which of the merchant's apps.
    app: str
    # The only member of the answer to the order call.
    gives: str
    # What the cashier reports to who opened it; QR codes and browsers are told nothing.
    told: str | None


MINI_PROGRAM = Product("mini program", WeChatPayType.MINIPROG, "JSAPI", "mini_program", "prepay_id", "requestPayment:ok")
PAGE = Product("page", WeChatPayType.JSAPI, "JSAPI", "official_account", "prepay_id", "get_brand_wcpay_request:ok")
NATIVE = Product("native", WeChatPayType.NATIVE, "NATIVE", "mini_program", "code_url", None)
APP = Product("app", WeChatPayType.APP, "APP", "mobile_app", "prepay_id", "errCode:0")
H5 = Product("h5", WeChatPayType.H5, "MWEB", "official_account", "h5_url", None)
PRODUCTS = (MINI_PROGRAM, PAGE, NATIVE, APP, H5)


def new_number():
    return f"py{uuid.uuid4().hex[:20]}"


class Sale:
    """Orders of one product, and what the package says of them."""

    def __init__(self, referee, product):
        self.referee, self.product = referee, product
        self.wxpay, self.control, self.merchant = referee.wxpay, referee.control, referee.merchant
        self.appid = referee.appids[product.app]
        self.openid = referee.openids.get(product.app)

    # Checks, with the product's name in front of each.

    def that(self, what, holds, saw=None):
        return self.referee.checks.that(f"{self.product.name}: {what}", holds, saw)

    def same(self, what, saw, expected):
        return self.referee.checks.same(f"{self.product.name}: {what}", saw, expected)

    def refused(self, what, answer, status, code):
        """An answer of the package that must be a refusal with this status and code."""
        self.same(f"the status and code of {what}", (answer[0], json.loads(answer[1]).get("code")), (status, code))

    # Calls.

    def call(self, description, **named):
        """The order call, as the package answers it, and the number."""
        special = {"jsapi": {"payer": {"openid": self.openid}}, "h5": {"scene_info": BROWSER}}
        kind = "jsapi" if self.product.trade_type == "JSAPI" else self.product.name
        named = {
            "description": description, "out_trade_no": new_number(), "appid": self.appid, "attach": ATTACH,
            "amount": {"total": AMOUNT_FEN, "currency": "CNY"}, "pay_type": self.product.pay_type,
            **special.get(kind, {}), **named,
        }
        return named["out_trade_no"], self.wxpay.pay(**named)

    def order(self, description, **named):
        """An order that must be taken: its number, and what the buyer needs to find the cashier."""
        number, (status, text) = self.call(description, **named)
        self.same("the status of the order call", status, 200)
        answer = json.loads(text)
        self.same("the members of its answer", list(answer), [self.product.gives])
        return number, answer.get(self.product.gives, "")

    def query(self, **number):
        status, text = self.wxpay.query(**number)
        self.same("the status of query", status, 200)
        return json.loads(text)

    def state(self, number):
        return self.query(out_trade_no=number).get("trade_state")

    # The buyer.

    def parameters(self, handle, signed=None):
        """What opens the cashier on the phone, signed by the package: over `signed`, if the last line is to be another."""
        nonce, now = uuid.uuid4().hex, str(int(time.time()))
        if self.product is APP:
            signature = self.wxpay.sign([self.appid, now, nonce, signed or handle], SignType.RSA_SHA256)
            return {"appid": self.appid, "partnerid": self.merchant.mchid, "prepayid": handle, "package": "Sign=WXPay",
                    "noncestr": nonce, "timestamp": now, "sign": signature}
        package = f"prepay_id={handle}"
        signature = self.wxpay.sign([self.appid, now, nonce, signed or package], SignType.RSA_SHA256)
        return {"appid": self.appid, "timeStamp": now, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": signature}

    def open(self, handle, user="buyer", **changed):
        """The cashier as the buyer sees it, reached this product's way: status and content."""
        if self.product.gives != "prepay_id":
            return self.control.post("/cashier/follow", {"user": user, "url": handle})
        way = "/cashier/app" if self.product is APP else "/cashier/open"
        return self.control.post(way, {"user": user, **self.parameters(handle), **changed})

    def pay(self, handle):
        status, shown = self.open(handle)
        self.same("the status of opening the cashier", status, 200)
        self.same("the amount that the cashier shows", shown.get("amount_fen"), AMOUNT_FEN)
        done = self.control.must("/cashier/pay", {"prepay_id": shown["prepay_id"], "user": "buyer", "action": "pay"})
        self.same("what the cashier reports", done.get("errMsg"), self.product.told)

    # The life of an order.

    def run(self):
        # The description has characters of two and three bytes: the signature covers bytes, not characters.
        number, handle = self.order("拿铁 café")
        self.same("the state before payment", self.state(number), "NOTPAY")
        self.check_doors(handle)
        self.pay(handle)
        self.check_payment(number)
        self.check_refund(number)
        self.check_close()

    def check_doors(self, handle):
        """What does not open the cashier: a signature over something else, and somebody else's phone."""
        if self.product.gives == "prepay_id":
            # The bare number is what apps sign; with its name in front it is what pages and mini programs sign.
            other = self.parameters(handle, signed=f"prepay_id={handle}" if self.product is APP else handle)
            self.same("the cashier's status for a signature over the other text", self.open(handle, **other)[0], 422)
            later = str(int(time.time()) + 1)
            moved = {"timestamp": later} if self.product is APP else {"timeStamp": later}
            self.same("the cashier's status for another time than was signed", self.open(handle, **moved)[0], 422)
        if self.product.trade_type == "JSAPI":
            self.same("the cashier's status for another user", self.open(handle, "stranger")[0], 422)

    def check_payment(self, number):
        notice = self.referee.notification("TRANSACTION.SUCCESS") or {}
        by_number = self.query(out_trade_no=number)
        transaction_id = by_number.get("transaction_id")
        by_id = self.query(transaction_id=transaction_id)
        openid = self.openid or by_number.get("payer", {}).get("openid")
        known = [name for name, one in self.referee.openids.items() if one == openid]
        # Another app knows the buyer by another name.
        self.same("the apps in which the payer is known by this openid", known, [self.product.app] if self.openid else [])
        for source, seen in (("notification", notice), ("query by number", by_number), ("query by id", by_id)):
            for name, expected in (("mchid", self.merchant.mchid), ("appid", self.appid), ("out_trade_no", number),
                                   ("trade_type", self.product.trade_type), ("trade_state", "SUCCESS"),
                                   ("transaction_id", transaction_id), ("attach", ATTACH)):
                self.same(f"{name} in the {source}", seen.get(name), expected)
            self.same(f"the amount in the {source}", seen.get("amount", {}).get("total"), AMOUNT_FEN)
            self.same(f"the payer in the {source}", seen.get("payer", {}).get("openid"), openid)
        again = self.call("拿铁 café", out_trade_no=number)[1]
        self.refused("ordering under a paid number", again, 400, "ORDER_PAID")
        self.refused("closing a paid order", self.wxpay.close(number), 400, "ORDER_PAID")

    def check_refund(self, number):
        refund = new_number()
        amount = {"refund": REFUND_FEN, "total": AMOUNT_FEN, "currency": "CNY"}
        answers = [self.wxpay.refund(out_refund_no=refund, out_trade_no=number, amount=amount, reason="one cup was cold")
                   for _ in range(2)]
        self.same("the status of refund", answers[0][0], 200)
        first, again = (json.loads(text) for _, text in answers)
        self.that("a refund has a refund_id", first.get("refund_id"), first)
        self.same("the refund_id when asked again", again.get("refund_id"), first.get("refund_id"))
        self.same("the state in which a refund begins", first.get("status"), "PROCESSING")
        self.same("the refund's order", first.get("out_trade_no"), number)
        too_much = dict(amount, refund=AMOUNT_FEN)
        status, text = self.wxpay.refund(out_refund_no=refund + "x", out_trade_no=number, amount=too_much)
        self.that("a refund above what is left is refused", 400 <= status < 500, (status, text))
        self.control.must("/clock", {"advance_ms": REFUND_MS})
        notice = self.referee.notification("REFUND.SUCCESS") or {}
        self.same("refund_status in the notification", notice.get("refund_status"), "SUCCESS")
        self.same("the refund's amount in the notification", notice.get("amount", {}).get("refund"), REFUND_FEN)
        self.same("the refund's order in the notification", notice.get("out_trade_no"), number)
        status, text = self.wxpay.query_refund(refund)
        self.same("the status of refund query", status, 200)
        seen = json.loads(text)
        for name, expected in (("status", "SUCCESS"), ("out_refund_no", refund), ("out_trade_no", number),
                               ("transaction_id", notice.get("transaction_id"))):
            self.same(f"{name} of the refund", seen.get(name), expected)
        self.same("the refund's amount", seen.get("amount", {}).get("refund"), REFUND_FEN)
        self.same("the order's state after a refund", self.state(number), "REFUND")

    def check_close(self):
        number, handle = self.order("closed before it was paid")
        other_amount = {"total": AMOUNT_FEN + 1, "currency": "CNY"}
        _, again = self.call("closed before it was paid", out_trade_no=number, amount=other_amount)
        self.refused("the number again for another amount", again, 403, "OUT_TRADE_NO_USED")
        if self.product.trade_type != "JSAPI":
            self.same("the cashier's status for the first user", self.open(handle)[0], 200)
            self.same("the cashier's status for the next user", self.open(handle, "stranger")[0], 422)
        for time_of in ("close", "close again"):
            status, _ = self.wxpay.close(number)
            self.same(f"the status of {time_of}", status, 204)
        self.same("the state after close", self.state(number), "CLOSED")
        self.same("the cashier's status of a closed order", self.open(handle)[0], 422)
        again = self.call("closed before it was paid", out_trade_no=number)[1]
        self.refused("ordering under a closed number", again, 400, "ORDER_CLOSED")
        self.refused("reversing what was not paid by code", self.wxpay.codepay_reverse(number, appid=self.appid), 400, "INVALID_REQUEST")


def check_mismatches(referee):
    """What does not fit together."""
    page, app, native, h5 = (Sale(referee, product) for product in (PAGE, APP, NATIVE, H5))
    elsewhere = {"openid": referee.openids["mini_program"]}
    page.refused("an openid of another app", page.call("latte", payer=elsewhere)[1], 400, "INVALID_REQUEST")
    page.refused("the app of mobile phones", page.call("latte", appid=referee.appids["mobile_app"])[1], 400, "INVALID_REQUEST")
    app.refused("the app of a mini program", app.call("latte", appid=referee.appids["mini_program"])[1], 400, "INVALID_REQUEST")
    native.refused("an app of somebody else", native.call("latte", appid="wx0123456789abcdef")[1], 400, "APPID_MCHID_NOT_MATCH")
    native.refused("a payer", native.call("latte", payer=elsewhere)[1], 400, "PARAM_ERROR")
    h5.refused("no h5_info", h5.call("latte", scene_info={"payer_client_ip": BUYER_IP})[1], 400, "PARAM_ERROR")
    here = dict(BROWSER, payer_client_ip="127.0.0.1")
    h5.refused("this machine as the payer's address", h5.call("latte", scene_info=here)[1], 400, "PARAM_ERROR")
