"""The published OpenAPI description as plain JSON Schema, one schema per request and answer.

The files claim to be Swagger 2.0 but a generic parser stumbles over them: references to a plain name
instead of a pointer (`file.yaml#Name` means the top-level key of that file), references with
siblings, `nullable`, status codes as numbers and as text. All of that is resolved here; where the
content itself is known to be wrong, `quirks.py` says so.
"""

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

VERBS = ("get", "post", "put", "patch", "delete")
# Words of Swagger that mean nothing to a JSON Schema validator.
WORDS_OF_SWAGGER = {"description", "discriminator", "example", "nullable", "readOnly", "xml"}
NESTED_TOO_DEEP = 60
# RFC 3339 with an offset, as WeChat writes it; milliseconds may be there.
RFC3339 = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d:\d\d|Z)$"
BASE64 = r"^[A-Za-z0-9+/]+={0,2}$"
PATTERN_OF_FORMAT = {"rfc3339": RFC3339, "base64": BASE64}


class Description:
    """All operations below one `docs` folder."""

    def __init__(self, folder):
        self.root = Path(folder).resolve() / "docs" / "swagger.yaml"
        self.files = {}
        self.operations = []
        for template, item in self.load(self.root)["paths"].items():
            node, file = self.resolve(item["$ref"], self.root)
            for verb in VERBS:
                if verb in node:
                    self.operations.append(Operation(self, verb.upper(), template, node[verb], file))
        webhooks, file = self.resolve("./v3/webhooks.yaml", self.root)
        self.notification = Operation(self, "POST", "the address for notifications", webhooks["post"], file)

    def find(self, method, path):
        """The operation for this request line. A template with fewer variables wins."""
        fitting = [one for one in self.operations if one.method == method and one.path.fullmatch(path)]
        return min(fitting, key=lambda one: one.template.count("{"), default=None)

    def load(self, path):
        path = path.resolve()
        if path not in self.files:
            self.files[path] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return self.files[path]

    def resolve(self, reference, file):
        """The node that a reference in `file` means, and the file it is in."""
        name, _, fragment = reference.partition("#")
        path = (file.parent / name) if name else file
        node = self.load(path)
        for part in fragment.strip("/").split("/") if fragment else ():
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node, path

    def schema(self, node, file, depth=0):
        """The node with everything it refers to inlined."""
        if depth > NESTED_TOO_DEEP:
            raise RecursionError(f"{file} refers to itself")
        if isinstance(node, list):
            return [self.schema(one, file, depth + 1) for one in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            target, path = self.resolve(node["$ref"], file)
            inlined = self.schema(target, path, depth + 1)
            siblings = self.schema({key: value for key, value in node.items() if key != "$ref"}, file, depth + 1)
            return {"allOf": [inlined, siblings]} if siblings else inlined
        plain = {}
        for key, value in node.items():
            if key == "properties":
                plain[key] = {name: self.schema(one, file, depth + 1) for name, one in value.items()}
            elif key == "format":
                if value in PATTERN_OF_FORMAT:
                    plain["pattern"] = PATTERN_OF_FORMAT[value]
            elif key not in WORDS_OF_SWAGGER and not str(key).startswith("x-"):
                plain[key] = self.schema(value, file, depth + 1)
        if node.get("nullable") and isinstance(plain.get("type"), str):
            plain["type"] = [plain["type"], "null"]
        return plain


class Operation:
    """One method of one path: what may be asked and what may be answered."""

    def __init__(self, description, method, template, node, file):
        self.method, self.template = method, template
        names = re.split(r"\{[^}]+\}", template)
        self.path = re.compile("[^/]+".join(re.escape(name) for name in names))
        self.request, self.query, self.headers = None, {}, []
        for parameter in node.get("parameters") or ():
            where = file
            if "$ref" in parameter:
                parameter, where = description.resolve(parameter["$ref"], file)
            if parameter.get("in") == "body":
                self.request = description.schema(parameter["schema"], where)
            elif parameter.get("in") == "query":
                self.query[parameter["name"]] = bool(parameter.get("required"))
            elif parameter.get("in") == "header" and parameter.get("required"):
                self.headers.append(parameter["name"])
        self.answers = {}
        for status, answer in (node.get("responses") or {}).items():
            schema = (answer or {}).get("schema")
            self.answers[int(status)] = description.schema(schema, file) if schema else None

    @property
    def is_v2(self):
        """Whether it is of the older protocol, which speaks XML."""
        return not self.template.startswith("/v3/")

    @property
    def name(self):
        return f"{self.method} {self.template}"


def split_target(target):
    """The path of a request target, decoded, and its query as pairs."""
    parts = urlsplit(target)
    return unquote(parts.path), parse_qsl(parts.query, keep_blank_values=True)
