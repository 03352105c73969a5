"""Shows each case of standard input by the Python snippet."""

import json
import sys

from snippet import consume

out = []
for case in json.load(sys.stdin):
    try:
        out.append(consume(case["ticket"], case["attempt"], case["origin"] or None) or "refused")
    except Exception:  # whatever is raised, nothing is known
        out.append("unknown")
json.dump(out, sys.stdout)
