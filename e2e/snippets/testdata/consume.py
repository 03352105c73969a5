"""Shows each case of standard input by the Python snippet, or with an argument checks
the key."""

import json
import sys

from snippet import Unknown, check_key, consume

if len(sys.argv) > 1:
    check_key()
    sys.exit()
out = []
for case in json.load(sys.stdin):
    try:
        out.append(consume(case["ticket"], case["attempt"], case["origin"] or None) or "refused")
    except Unknown as err:
        out.append(f"unknown: {err}")
json.dump(out, sys.stdout)
