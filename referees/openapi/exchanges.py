"""One line of a recording as exchanges.

A line is either one exchange, {"direction", "method", "target", "status", "headers", "body"}, or one
entry of the simulator's log, which holds a request together with its answer.
"""

# What the simulator's log calls the things that go between a merchant and WeChat Pay. The rest
# (clocks, phones, switches) is the simulator's own.
REQUEST, NOTIFICATION = "request", "notification"


def of_line(line):
    return [line] if "direction" in line else of_entry(line)


def of_entry(entry):
    if entry["kind"] not in (REQUEST, NOTIFICATION):
        return []
    request = entry["request"]
    method, _, target = request["start"].partition(" ")
    line = {"method": method, "target": target}
    found = [{"direction": entry["kind"], **line, **content(request)}]
    answer = entry.get("answer")
    # An answer that was spoilt on purpose is not what WeChat Pay would say.
    if entry["kind"] == REQUEST and answer and not entry.get("fault"):
        status = int(answer["start"].split()[0])
        found.append({"direction": "answer", **line, "status": status, **content(answer)})
    return found


def content(message):
    return {"headers": {name.lower(): value for name, value in message["headers"]}, "body": message["body"]}
