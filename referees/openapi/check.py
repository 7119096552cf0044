#!/usr/bin/env python3
"""Checks recorded exchanges with WeChat Pay, APIv3 and API v2, against the published OpenAPI description.

Each file has one JSON object per line: an entry of the simulator's log, or
{"direction": "request"|"answer"|"notification"|"resource", "method", "target", "status", "headers", "body"},
where `target` is the request line's (an answer names the target it answers), the names of headers
are in small letters and `body` is text; a resource is what was encrypted in a notification, and has its `event_type`.

The description is not part of this repository: SHOUYIN_OPENAPI_DIR says where it is. Without it
one line says so, and the exit status is 0. Before any file, samples that must pass and samples that
must not are checked: a checker that accepts everything is no checker.
"""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

from jsonschema import Draft4Validator

import exchanges
import quirks
import samples
import v2_messages
import v2_quirks
import v2_samples
from description import Description, split_target

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_FOLDER = "../shared/wechatpay-openapi"
# "Error codes" in the documentation; the description has no schema for errors.
ERROR = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": {"type": "string", "pattern": "^[A-Z][A-Z_]{1,31}$"},
        "message": {"type": "string", "minLength": 1, "maxLength": 256},
        "detail": {"type": "object"},
    },
}
# A gateway in between may answer without a body.
GATEWAY = (502, 503, 504)
# Other hosts' paths: login, access tokens and pages of mini programs and official accounts are another product.
NOT_PAY = re.compile(r"/(sns|cgi-bin|connect|_control|_phone)/")
# What a request is refused with whose form is wrong. The referees send some, to be refused.
MALFORMED = "PARAM_ERROR"
ANSWERED = {
    **dict.fromkeys(quirks.ORDERS, 200),
    quirks.CODEPAY: 200,
    quirks.REVERSE: 200,
    quirks.QUERY: 200,
    quirks.QUERY_BY_ID: 200,
    "POST /v3/pay/transactions/out-trade-no/{out_trade_no}/close": 204,
    quirks.CREATE_REFUND: 200,
    "GET /v3/refund/domestic/refunds/{out_refund_no}": 200,
    "GET /v3/certificates": 200,
}
MUST_BE_SEEN = (
    *ANSWERED,
    *(f"{name}, answered {status}" for name, status in ANSWERED.items()),
    f"{quirks.CODEPAY}, answered 202",
    f"{quirks.REVERSE}, answered 202",
    "notification",
    *(f"notification of a payment {trade_type}" for trade_type in ("JSAPI", "NATIVE", "APP", "MWEB")),
    "notification of a refund",
    *v2_quirks.JUDGED,
    "notification of a payment, API v2",
    "notification of a refund, API v2",
)


class Checker:
    def __init__(self, folder):
        self.description = Description(folder)
        self.resources = quirks.apply(self.description)
        self.v2 = v2_quirks.exchanges(self.description)
        self.v2_payment, self.v2_refund = v2_quirks.notifications()
        self.seen = Counter()

    def problems(self, exchange):
        """What is wrong with one exchange, as a list of sentences."""
        if exchange["direction"] == "notification":
            if exchange["body"].startswith("<"):
                return self.v2_notification_problems(exchange["body"])
            self.seen["notification"] += 1
            operation = self.description.notification
            return header_problems(operation, exchange) + self.body_problems(operation.request, exchange)
        if exchange["direction"] == "resource":
            return self.resource_problems(exchange)
        path, query = split_target(exchange["target"])
        if NOT_PAY.match(path):
            self.seen["not WeChat Pay's"] += 1
            return []
        operation = self.description.find(exchange["method"], path)
        if operation is None or operation.is_v2 and operation.name not in self.v2:
            return ["the description has no such operation, or nobody here was known to use it"]
        if operation.is_v2:
            if exchange["direction"] == "request":
                self.seen[operation.name] += 1
            return self.v2[operation.name].problems(exchange)
        if exchange["direction"] == "request":
            if exchange.get("refused") == MALFORMED:
                self.seen[f"requests refused with {MALFORMED}, which may be wrong"] += 1
                return []
            self.seen[operation.name] += 1
            return query_problems(operation, query) + self.body_problems(operation.request, exchange)
        if exchange["direction"] == "answer":
            return self.answer_problems(operation, exchange)
        return [f"direction {exchange['direction']!r} is unknown"]

    def v2_notification_problems(self, body):
        refund = "<req_info>" in body
        self.seen[f"notification of a {'refund' if refund else 'payment'}, API v2"] += 1
        message = self.v2_refund if refund else self.v2_payment
        return v2_messages.judged(body, message, lambda values: message.schema())

    def resource_problems(self, exchange):
        """What is encrypted in a notification."""
        schema = self.resources.get(exchange["event_type"])
        if schema is None:
            return [f"nobody here was known to be told {exchange['event_type']}"]
        found = self.body_problems(schema, exchange)
        if not found:
            kind = json.loads(exchange["body"]).get("trade_type")
            self.seen[f"notification of a payment {kind}" if kind else "notification of a refund"] += 1
        return found

    def answer_problems(self, operation, exchange):
        status = exchange["status"]
        if status < 300:
            self.seen[f"{operation.name}, answered {status}"] += 1
        if status in operation.answers:
            return self.body_problems(operation.answers[status], exchange)
        if status < 400:
            return [f"status {status} is not described"]
        if status in GATEWAY and not exchange.get("body"):
            return []
        return self.body_problems(ERROR, exchange)

    def body_problems(self, schema, exchange):
        text = exchange.get("body")
        if schema is None:
            return ["the body should be empty"] if text else []
        try:
            body = json.loads(text) if isinstance(text, str) else text
        except ValueError as error:
            return [f"the body is not JSON: {error}"]
        found = [f"{where(error.absolute_path)}: {error.message}" for error in Draft4Validator(schema).iter_errors(body)]
        return found + list(undescribed(schema, body)) + list(nulls(body))


def query_problems(operation, query):
    names = [name for name, _ in query]
    missing = [name for name, required in operation.query.items() if required and name not in names]
    return ([f"the query has no {name}" for name in missing]
            + [f"the query has an undescribed {name}" for name in names if name not in operation.query])


def header_problems(operation, exchange):
    headers = exchange.get("headers")
    if headers is None:
        return []
    return [f"the header {name} is missing" for name in operation.headers if not headers.get(name.lower())]


def undescribed(schema, body, path=()):
    """Members that the description does not know: we would have invented them."""
    if isinstance(body, dict):
        known = quirks.merged(schema)
        for name, value in body.items():
            if not known:
                return  # an object of which nothing is described
            if name not in known:
                yield f"{where((*path, name))}: is not described"
            else:
                yield from undescribed(known[name], value, (*path, name))
    elif isinstance(body, list):
        for index, value in enumerate(body):
            yield from undescribed(schema.get("items", {}), value, (*path, index))


def nulls(body, path=()):
    """APIv3 has no null: what is absent is left out."""
    if body is None:
        yield f"{where(path)}: is null"
    children = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in children:
        yield from nulls(value, (*path, name))


def where(path):
    return "/" + "/".join(str(part) for part in path)


def self_test(checker):
    """Whether the checker tells right from wrong; prints every sample it is wrong about."""
    wrong = 0
    every = samples.all() + v2_samples.all()
    for name, exchange, is_right in every:
        found = checker.problems(exchange)
        if bool(found) == is_right:
            wrong += 1
            print(f"FAILED sample `{name}` should be {'accepted' if is_right else 'refused'}: {found}")
    checker.seen.clear()
    print(f"self-test: {len(every)} samples, {wrong} judged wrongly")
    return wrong == 0


def check_file(checker, file):
    """Returns the number of problems, and of exchanges."""
    bad = total = 0
    for number, line in enumerate(Path(file).read_text(encoding="utf-8").splitlines(), start=1):
        for exchange in exchanges.of_line(json.loads(line)):
            total += 1
            found = checker.problems(exchange)
            bad += bool(found)
            for problem in found:
                print(f"{file}:{number}: {exchange['direction']} {exchange.get('status') or ''} "
                      f"{exchange['method']} {exchange['target']}: {problem}")
    print(f"{Path(file).name}: {total} exchanges, {bad} with problems")
    return bad, total


def main(files):
    folder = Path(os.environ.get("SHOUYIN_OPENAPI_DIR") or REPOSITORY / DEFAULT_FOLDER)
    if not (folder / "docs" / "swagger.yaml").is_file():
        print(f"skipped: there is no OpenAPI description at {folder}; SHOUYIN_OPENAPI_DIR can say where one is")
        return 0
    checker = Checker(folder)
    good = self_test(checker)
    results = [check_file(checker, file) for file in files]
    if files:
        for name, count in sorted(checker.seen.items()):
            print(f"{count:>6}  {name}")
        unseen = [name for name in MUST_BE_SEEN if not checker.seen[name]]
        for name in unseen:
            print(f"FAILED nothing was recorded of: {name} (the step `referees` records it)")
        good = good and not unseen and all(bad == 0 and total > 0 for bad, total in results)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
