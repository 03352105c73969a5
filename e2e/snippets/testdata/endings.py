"""Prints what the Python snippet of endings hears."""

import sys

from snippet import KeyRefused, follow_endings

try:
    follow_endings(
        on_open=lambda: print("open", flush=True),
        on_end=lambda ticket_id, code, reason: print("ended", ticket_id, code, reason, flush=True),
        on_renew=lambda ticket_id, until: print("renewed", ticket_id, until, flush=True),
    )
except KeyRefused as err:
    sys.exit(str(err))
