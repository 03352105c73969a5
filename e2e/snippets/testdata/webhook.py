"""Verifies each case of standard input by the Python snippet."""

import json
import sys

from snippet import verify

cases = json.load(sys.stdin)
json.dump([verify(c["secret"], c["header"], c["body"].encode()) for c in cases], sys.stdout)
