#!/bin/sh
# After the files are gone. The user, /etc/wsticket/secrets and /var/lib/wsticket stay:
# they hold what only the operator may throw away.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
fi
