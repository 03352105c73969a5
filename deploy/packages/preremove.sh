#!/bin/sh
# Before the files go. dpkg says "remove" and rpm 0 if no new version follows.
set -e
case ${1:-} in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now wsticket.service
	fi
	;;
esac
