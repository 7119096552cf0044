#!/usr/bin/env python3
"""Writes the log of a running simulator to a file, one entry per line: record.py CONTROL_URL FILE"""

import json
import sys
import urllib.request


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


def main(control_url, file):
    count = 0
    with open(file, "w", encoding="utf-8") as out:
        for count, entry in enumerate(entries(control_url), start=1):
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")
    print(f"{count} entries of the simulator's log are in {file}")


if __name__ == "__main__":
    main(*sys.argv[1:])
