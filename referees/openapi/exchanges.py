"""One line of a recording as exchanges.

A line is either one exchange, {"direction", "method", "target", "status", "headers", "body"}, or one
entry of the simulator's log, which holds a request together with its answer.
"""

import json

# What the simulator's log calls the things that go between a merchant and WeChat Pay. The rest
# (clocks, phones, switches) is the simulator's own.
REQUEST, NOTIFICATION = "request", "notification"


def of_line(line):
    return [line] if "direction" in line else of_entry(line)


def of_entry(entry):
    # What was spoilt on purpose is not what WeChat Pay would say; what arrived before it still counts.
    spoilt = bool(entry.get("fault"))
    if entry["kind"] == NOTIFICATION and not spoilt:
        return [message(NOTIFICATION, entry["request"])]
    if entry["kind"] != REQUEST:
        return []
    request, answer = message(REQUEST, entry["request"]), entry.get("answer")
    if spoilt or not answer:
        return [request]
    line = {"method": request["method"], "target": request["target"]}
    request["refused"] = code_of(answer["body"])
    return [request, {"direction": "answer", **line, "status": int(answer["start"].split()[0]), **content(answer)}]


def code_of(body):
    """The code of a refusal in JSON, else None."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer.get("code") if isinstance(answer, dict) else None


def message(direction, sent):
    method, _, target = sent["start"].partition(" ")
    return {"direction": direction, "method": method, "target": target, **content(sent)}


def content(sent):
    return {"headers": {name.lower(): value for name, value in sent["headers"]}, "body": sent["body"]}
