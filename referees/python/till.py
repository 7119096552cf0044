"""Payment codes by APIv3: what a buyer shows at the till is charged, asked for, and taken back."""

import json

from wechatpayv3 import WeChatPayType

from products import AMOUNT_FEN, REFUND_FEN, REFUND_MS, new_number

# Nothing is taken back earlier than this after the charge; a code is good for a minute.
REVERSE_MS = 15_000
CODE_MS = 60_000
SHOP = {"store_info": {"out_id": "shop-7"}, "device_id": "till-2"}


class Till:
    """A till of the mini program's shop."""

    def __init__(self, referee):
        self.referee, self.checks = referee, referee.checks
        self.wxpay, self.control = referee.wxpay, referee.control
        self.appid, self.openid = referee.appids["mini_program"], referee.openids["mini_program"]

    def same(self, what, saw, expected):
        return self.checks.same(f"code: {what}", saw, expected)

    def answered(self, what, answer, status, code=None):
        """The parsed answer; its status must be this, and its code, if it is a refusal."""
        seen = json.loads(answer[1])
        self.same(f"the status and code of {what}", (answer[0], seen.get("code")), (status, code))
        return seen

    def show(self, story):
        """What the buyer's phone shows."""
        return self.control.must("/payment-codes", {"user": "buyer", "story": story})["auth_code"]

    def charge(self, code, number, amount=AMOUNT_FEN):
        return self.wxpay.pay(
            description="拿铁 café", out_trade_no=number, amount={"total": amount, "currency": "CNY"}, payer={"auth_code": code},
            scene_info=SHOP, attach="till=2", appid=self.appid, pay_type=WeChatPayType.CODEPAY,
        )

    def reverse(self, number):
        return self.wxpay.codepay_reverse(number, appid=self.appid)

    def state(self, number):
        status, text = self.wxpay.query(out_trade_no=number)
        self.same("the status of query", status, 200)
        return json.loads(text).get("trade_state")

    def pass_ms(self, milliseconds):
        self.control.must("/clock", {"advance_ms": milliseconds})

    def run(self):
        self.check_paid_at_once()
        self.check_password()
        self.check_payer_who_hesitates()
        self.check_refusals()

    def check_paid_at_once(self):
        code, number = self.show("pays"), new_number()
        paid = self.answered("a payment by code", self.charge(code, number), 200)
        asked = json.loads(self.wxpay.query(out_trade_no=number)[1])
        by_id = json.loads(self.wxpay.query(transaction_id=paid.get("transaction_id"))[1])
        for source, seen in (("answer", paid), ("query by number", asked), ("query by id", by_id)):
            for name, expected in (("mchid", self.referee.merchant.mchid), ("appid", self.appid), ("out_trade_no", number),
                                   ("trade_type", "MICROPAY"), ("trade_state", "SUCCESS"), ("attach", "till=2"),
                                   ("transaction_id", paid.get("transaction_id")), ("success_time", paid.get("success_time"))):
                self.same(f"{name} in the {source}", seen.get(name), expected)
            self.same(f"the amount in the {source}", seen.get("amount", {}).get("payer_total"), AMOUNT_FEN)
            self.same(f"the payer in the {source}", seen.get("payer", {}).get("openid"), self.openid)
        self.answered("the same charge again", self.charge(code, number), 400, "ORDER_PAID")
        self.answered("closing a payment by code", self.wxpay.close(number), 400, "ORDER_PAID")
        self.check_refund(number)
        code, number = self.show("pays"), new_number()
        self.answered("a payment by code", self.charge(code, number), 200)
        for time_of in ("reversal", "reversal again"):
            reversed_ = self.answered(f"the {time_of} of what is paid", self.reverse(number), 200)
            self.same(f"the number in the {time_of}", reversed_.get("out_trade_no"), number)
        self.same("the state after a reversal", self.state(number), "REVOKED")
        self.answered("a charge under a reversed number", self.charge(code, number), 400, "ORDER_REVERSED")

    def check_refund(self, number):
        """Nobody is told of a payment by code: the first notification after it is that of its refund."""
        refund, amount = new_number(), {"refund": REFUND_FEN, "total": AMOUNT_FEN, "currency": "CNY"}
        answer = self.wxpay.refund(out_refund_no=refund, out_trade_no=number, amount=amount)
        self.same("the state in which a refund begins", self.answered("a refund", answer, 200).get("status"), "PROCESSING")
        self.pass_ms(REFUND_MS)
        told = self.referee.notification("REFUND.SUCCESS", only=True) or {}
        self.same("the refund in the first notification after a payment by code", told.get("out_refund_no"), refund)
        self.same("the state after a refund", self.state(number), "REFUND")
        self.answered("reversing what has refunds", self.reverse(number), 403, "TRADE_ERROR")

    def check_password(self):
        """The buyer is asked for the password, and types it; or refuses to."""
        for pays, state in ((True, "SUCCESS"), (False, "PAYERROR")):
            code, number = self.show("hesitates"), new_number()
            for time_of in ("charge", "same charge again"):
                self.answered(f"the {time_of} while the buyer types", self.charge(code, number), 202, "USERPAYING")
            self.same("the state while the buyer types", self.state(number), "USERPAYING")
            self.control.must(f"/payment-codes/{code}/decide", {"pays": pays})
            self.same(f"the state when the buyer {'has typed' if pays else 'has refused'}", self.state(number), state)
        self.same("the status of closing what failed", self.wxpay.close(number)[0], 400)
        self.answered("a reversal of what failed", self.reverse(number), 200)

    def check_payer_who_hesitates(self):
        code, number = self.show("hesitates"), new_number()
        self.answered("a charge", self.charge(code, number), 202, "USERPAYING")
        self.answered("a reversal within 15 s", self.reverse(number), 202, "USERPAYING")
        self.answered("closing what can only be reversed", self.wxpay.close(number), 400, "INVALID_REQUEST")
        self.pass_ms(REVERSE_MS)
        self.answered("a reversal after 15 s", self.reverse(number), 200)
        self.same("the state after that", self.state(number), "REVOKED")

    def check_refusals(self):
        self.answered("a code that no phone showed", self.charge("130000000000000000", new_number()), 400, "AUTH_CODE_INVALID")
        self.answered("a code that is none", self.charge("990000000000000000", new_number()), 400, "AUTH_CODE_INVALID")
        self.answered("a code with 17 digits", self.charge("13000000000000000", new_number()), 400, "PARAM_ERROR")
        code = self.show("pays")
        self.answered("a payment by code", self.charge(code, new_number()), 200)
        self.answered("a used code", self.charge(code, new_number()), 400, "AUTH_CODE_INVALID")
        code = self.show("pays")
        self.pass_ms(CODE_MS)
        number = new_number()
        self.answered("a code of a minute ago", self.charge(code, number), 403, "AUTH_CODE_EXPIRE")
        self.answered("a query of what was refused", self.wxpay.query(out_trade_no=number), 404, "ORDER_NOT_EXIST")
        self.answered("a reversal of no order", self.reverse(number), 404, "ORDER_NOT_EXIST")
        number = new_number()
        self.answered("a buyer without money", self.charge(self.show("not_enough_money"), number), 403, "NOT_ENOUGH")
        self.answered("a reversal after that", self.reverse(number), 200)
        number = new_number()
        self.answered("a bank that fails", self.charge(self.show("bank_error"), number), 500, "BANK_ERROR")
        self.same("the state after that", self.state(number), "USERPAYING")
