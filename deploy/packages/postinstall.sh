#!/bin/sh
# After the files are there, for the first time or in a new version: the user of the
# service, and a new version in its place. The service is never started for the first
# time, because its configuration is an example.
set -e
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers wsticket.conf
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	# The package is fine where its configuration is not.
	systemctl try-restart wsticket.service ||
		echo "wsticket does not start again, and journalctl --unit wsticket says why" >&2
fi
