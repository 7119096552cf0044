#!/usr/bin/env python3
"""Writes the log of a running simulator to a file, one entry per line: record.py MERCHANT_DIR FILE

Behind every notification of APIv3 comes what was encrypted in it, {"direction": "resource", "event_type", "body"}: the merchant's folder
has the key.
"""

import base64
import json
import sys
import urllib.request
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def entries(control_url):
    """All entries, oldest first; the log hands them out in pages."""
    last = 0
    while True:
        with urllib.request.urlopen(f"{control_url.rstrip('/')}/log?after={last}", timeout=20) as answer:
            page = json.load(answer)["entries"]
        if not page:
            return
        yield from page
        last = page[-1]["seq"]


def resource(entry, key):
    """What was encrypted in a notification that nobody spoilt, as a list of at most one."""
    if entry["kind"] != "notification" or entry.get("fault") or entry["request"]["body"].startswith("<"):
        return []
    method, _, target = entry["request"]["start"].partition(" ")
    envelope = json.loads(entry["request"]["body"])
    sealed = envelope["resource"]
    plain = AESGCM(key).decrypt(
        sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), sealed.get("associated_data", "").encode())
    return [{"direction": "resource", "method": method, "target": target, "event_type": envelope["event_type"], "body": plain.decode()}]


def main(folder, file):
    merchant = json.loads((Path(folder) / "merchant.json").read_text(encoding="utf-8"))
    key = merchant["apiv3_key"].encode()
    count = 0
    with open(file, "w", encoding="utf-8") as out:
        for count, entry in enumerate(entries(merchant["control_url"]), start=1):
            for line in (entry, *resource(entry, key)):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
    print(f"{count} entries of the simulator's log are in {file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
