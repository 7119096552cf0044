"""Messages of the older protocol: flat XML against what the description says of it.

All values travel as text. Names that count (`coupon_fee_0`, `coupon_refund_fee_0_1`) are described as `coupon_fee_$n` and
`coupon_refund_fee_$n_$m`. Every answer is described as if it were a success; what a refusal has is said here.
"""

import json
import re
from xml.etree import ElementTree

from jsonschema import Draft4Validator

from quirks import merged

# What every answer begins with, and what a refusal adds, by "status fields" in the documentation.
UNSIGNED = {"return_code", "return_msg"}
HEAD = {"appid", "mch_id", "sub_appid", "sub_mch_id", "device_info", "nonce_str", "sign"}
REFUSAL = {"result_code", "err_code", "err_code_des"}
# What our simulator adds on demand, to see that clients sign and ignore what no document mentions.
OF_THE_FUTURE = "field_of_next_year_"
# Texts that hold JSON.
JSON_TEXTS = ("detail", "scene_info", "promotion_detail")


class Message:
    """One request or answer: its members by exact name and by counted name, and which must be there."""

    def __init__(self, schema):
        described = merged(schema)
        self.exact = {name: one for name, one in described.items() if "$" not in name}
        self.counted = {name: one for name, one in described.items() if "$" in name}
        self.required = set(required(schema))
        # Further schemas that must hold.
        self.also = []

    def member(self, name):
        """What is described of a member; None when nothing is."""
        if name in self.exact:
            return self.exact[name]
        return next((one for pattern, one in self.counted.items() if re.fullmatch(counted(pattern), name)), None)

    def schema(self, only=None, required=None):
        """As JSON Schema; `only` leaves out all members but these."""
        names = [name for name in self.exact if only is None or name in only]
        whole = only is None
        return {
            "type": "object",
            "properties": {name: self.exact[name] for name in names},
            "patternProperties": {f"^{counted(name)}$": one for name, one in self.counted.items()} if whole else {},
            "required": sorted(name for name in (self.required if required is None else required) if "$" not in name),
            "additionalProperties": False,
            "allOf": self.also if whole else [],
        }


def counted(pattern):
    return re.sub(r"\\?\$[nm]", "(0|[1-9][0-9]?)", re.escape(pattern))


def required(schema):
    for part in schema.get("allOf", ()):
        yield from required(part)
    yield from schema.get("required", ())


class Exchanges:
    """The judge of what is said in the older protocol. `request` and `answer` are messages by operation."""

    def __init__(self, operation, file=False):
        # Whether a success is a file, and described is only the refusal.
        self.operation, self.file = operation, file
        self.request = Message(operation.request)
        self.answer = Message(operation.answers[200])
        # Members of a refusal, beside the head that all have.
        self.refusal = set(REFUSAL)
        self.unsigned = set(UNSIGNED)
        # For each refund that a query lists.
        self.required_of_each = ()

    def problems(self, exchange):
        """What is wrong with a request or an answer, as a list of sentences."""
        text = exchange.get("body") or ""
        if exchange["direction"] == "request":
            return judged(text, self.request, lambda values: self.request.schema())
        if exchange["status"] != 200:
            return [f"status {exchange['status']} is not described"]
        if self.file and not text.startswith("<xml"):
            return [] if text else ["the file is empty"]
        return judged(text, self.answer, self.answer_schema)

    def answer_schema(self, values):
        if values.get("return_code") != "SUCCESS" or self.file:
            return self.answer.schema(only=self.unsigned, required=self.answer.required & self.unsigned)
        if values.get("result_code") != "SUCCESS":
            needed = {"return_code", "return_msg", "appid", "mch_id", "nonce_str", "sign", *self.refusal}
            return self.answer.schema(only=UNSIGNED | HEAD | self.refusal, required=needed)
        schema = self.answer.schema(required=self.answer.required - REFUSAL | {"result_code"})
        # A success has no error.
        schema["properties"] = {name: one for name, one in schema["properties"].items() if not name.startswith("err_code")}
        count = values.get("refund_count", 0)
        if self.required_of_each and isinstance(count, int):
            schema["required"] += [name.replace("$n", str(n)) for n in range(count) for name in self.required_of_each]
        return schema


def judged(text, message, schema_of):
    values, found = read(text)
    if values is None:
        return found
    values = {name: typed(message.member(name), value) for name, value in values.items()}
    for error in Draft4Validator(schema_of(values)).iter_errors(values):
        where = "/".join(str(part) for part in error.absolute_path)
        found.append(f"/{where}: {error.message}")
    for name in JSON_TEXTS:
        if name in values and not is_object(values[name]):
            found.append(f"/{name}: is no JSON object")
    return found


def read(text, root_name="xml"):
    """The members of a flat document, or None and why not."""
    try:
        root = ElementTree.fromstring(text.lstrip("\ufeff"))
    except ElementTree.ParseError as error:
        return None, [f"the body is not XML: {error}"]
    found = [] if root.tag == root_name else [f"the root is {root.tag}"]
    values = {}
    for child in root:
        if len(child) or child.attrib:
            found.append(f"/{child.tag}: is not flat")
        if child.tag in values:
            found.append(f"/{child.tag}: is there twice")
        # An empty member counts as absent.
        if child.text and not child.tag.startswith(OF_THE_FUTURE):
            values[child.tag] = child.text
    return values, found


def typed(schema, text):
    """Numbers are digits on the wire; anything else stays text, which is then not of the right type."""
    if schema and "integer" in types(schema) and re.fullmatch("0|[1-9][0-9]*", text):
        return int(text)
    return text


def types(schema):
    kinds = schema.get("type", ())
    found = {kinds} if isinstance(kinds, str) else set(kinds)
    for part in schema.get("allOf", ()):
        found |= types(part)
    return found


def is_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
