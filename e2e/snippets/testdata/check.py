"""Verifies each case of standard input by the Python snippet."""

import json
import sys

from snippet import verify

out = []
for case in json.load(sys.stdin):
    try:
        out.append(verify(case["assertion"], case["id"]))
    except Exception as err:  # whatever a library raises is a refusal
        out.append(repr(err))
json.dump(out, sys.stdout)
