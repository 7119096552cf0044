#!/usr/bin/env python3
"""The PyPI package standardwebhooks, as published, verifies the webhooks that our server sent: referee.py FILE

FILE has one webhook a line, as a receiver got it, with the secrets that must and that must not open it. The package's code is
not touched; only the clock that it reads is set to the moment of each webhook.
"""

import datetime
import json
import sys

from standardwebhooks import webhooks

SIGNATURE, TIMESTAMP, ID = "webhook-signature", "webhook-timestamp", "webhook-id"


class Clock(datetime.datetime):
    """What the package takes for the time."""

    at = 0

    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(cls.at, tz)


def opened(secret, headers, body):
    """What the package makes of it: the event, or nothing."""
    try:
        return webhooks.Webhook(secret).verify(body, headers)
    except Exception:  # whatever the package raises, it did not accept
        return None


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


def forgeries(headers, body, other):
    """Everything that must not be accepted, with the same secret and at the same time."""
    signature, seconds = headers[SIGNATURE], int(headers[TIMESTAMP])
    yield "one byte of the body changed", headers, body.replace('"', "'", 1)
    yield "the amount changed", headers, body.replace("1990", "1", 1)
    yield "a space behind the body", headers, body + " "
    yield "the body cut", headers, body[:-1]
    yield "no body", headers, ""
    yield "another id", headers | {ID: headers[ID][:-1] + "x"}, body
    yield "another second", headers | {TIMESTAMP: str(seconds + 1)}, body
    yield "a second earlier", headers | {TIMESTAMP: str(seconds - 1)}, body
    yield "no signature", without(headers, SIGNATURE), body
    yield "no id", without(headers, ID), body
    yield "no timestamp", without(headers, TIMESTAMP), body
    yield "an empty signature", headers | {SIGNATURE: "v1,"}, body
    yield "another version", headers | {SIGNATURE: signature.replace("v1,", "v2,")}, body
    yield "the signature of another webhook", headers | {SIGNATURE: other[SIGNATURE]}, body


def main(file):
    with open(file, encoding="utf-8") as lines:
        sent = [json.loads(line) for line in lines]
    webhooks.datetime = Clock
    checks = failed = 0

    def that(what, holds):
        nonlocal checks, failed
        checks, failed = checks + 1, failed + (not holds)
        if not holds:
            print(f"FAILED python: {what}")

    signatures = {0: 0, 1: 0, 2: 0}
    for place, one in enumerate(sent):
        headers, body = one["headers"], one["body"]
        title = f"webhook {place} ({headers[ID]})"
        Clock.at = int(headers[TIMESTAMP])
        signatures[len(headers[SIGNATURE].split())] += 1
        that(f"{title} has one signature for each valid secret", len(headers[SIGNATURE].split()) == len(one["secrets"]))
        for secret in one["secrets"]:
            event = opened(secret, headers, body)
            that(f"{title} is accepted", event is not None)
            that(f"{title} says the same id in header and body", event and event["id"] == headers[ID])
            other = sent[place - 1]["headers"]
            for what, bad_headers, bad_body in forgeries(headers, body, other):
                if (bad_headers, bad_body) != (headers, body):
                    that(f"{title} is refused with {what}", opened(secret, bad_headers, bad_body) is None)
            for late in (-301, 301):
                Clock.at = int(headers[TIMESTAMP]) + late
                that(f"{title} is refused {late} s later", opened(secret, headers, body) is None)
            Clock.at = int(headers[TIMESTAMP])
        for secret in one["other_secrets"]:
            that(f"{title} is refused under a secret that is not valid", opened(secret, headers, body) is None)
    that("there are webhooks with one signature and with two", signatures[1] and signatures[2])
    print(f"python: {len(sent)} webhooks, {signatures[2]} of them with two signatures; {checks} checks, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
