#!/usr/bin/env bash
# Makes sure that redis-server is on PATH, which the tests of pubsub compare with: installs it by apt-get if it is not.
# The system's own instance, which Debian's package starts and enables, is stopped and disabled: the tests start theirs.
set -euo pipefail

die() {
	printf '%s\n' "$@" >&2
	exit 1
}

command -v redis-server && exit
command -v apt-get >/dev/null || die "Missing: redis-server. Install it, and run this again."
root=()
if [ "$(id -u)" != 0 ]; then
	sudo -n true 2>/dev/null || die "Missing: redis-server. Run: sudo apt-get install redis-server"
	root=(sudo -n)
fi
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends redis-server
# It was not installed before, so whatever runs now was started by the package.
if [ -d /run/systemd/system ]; then
	"${root[@]}" systemctl disable --now redis-server
elif [ -x /etc/init.d/redis-server ]; then
	"${root[@]}" /etc/init.d/redis-server stop
fi
command -v redis-server || die "apt-get installed redis-server, but it is not on PATH."
