#!/bin/sh
# Installs missing programs that the tests start, with apt-get or brew, without
# starting their services. Prints nothing if all are there. "make test" runs it;
# the targets e2e-fast and e2e run it with their names, because they need more,
# some of it built from source. With "node" it installs nothing but Node.js and npm.
set -eu

# Debian installs servers where the PATH of an ordinary user does not lead.
PATH=$PATH:/usr/local/sbin:/usr/sbin

# program, Debian package, Homebrew formula
wanted='redis-server redis-server redis
openssl openssl openssl
curl curl curl
jq jq jq
nginx nginx nginx
postgres postgresql postgresql@17'
node='node nodejs node
npm npm node'
built=

case ${1:-test} in
test) ;;
node) wanted=$node ;;
e2e-fast) built=caddy ;;
e2e) built='caddy traefik' ;;
*)
	echo "usage: install.sh [test|node|e2e-fast|e2e]" >&2
	exit 2
	;;
esac
# Modules of Debian's own Python: module, Debian package. Elsewhere the tests
# that need them are skipped.
modules=
if [ -n "$built" ]; then
	wanted="$wanted
$node
haproxy haproxy haproxy
chromium chromium chromium
prometheus prometheus prometheus
promtool prometheus prometheus"
	# Only Linux has it, and all that is wanted of it is what it says about a unit.
	if command -v apt-get >/dev/null 2>&1; then
		wanted="$wanted
systemd-analyze systemd systemd"
	fi
	modules='aiohttp python3-aiohttp
jwt python3-jwt
cryptography python3-cryptography
websockets python3-websockets
channels python3-django-channels
daphne python3-daphne'
fi
python=/usr/bin/python3

# Debian starts a service as soon as it is installed, unless this program
# forbids it (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d

fail() {
	echo "install.sh: $*" >&2
	exit 1
}

# as_root runs its arguments as root: directly, or through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "neither root nor sudo" >&2
		return 1
	fi
}

# without_services runs its arguments while no package may start a service. It
# leaves an existing policy of the machine alone.
without_services() (
	[ ! -e "$policy" ] || { "$@"; exit; }
	trap 'as_root rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
	printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy" && "$@"
)

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "$1"
}

# with_apt fetches the package lists, which is slow, only if it does not work with
# the present ones.
with_apt() {
	apt_install "$1" || { as_root apt-get update -qq && apt_install "$1"; }
}

# quietly runs its arguments and shows their output only if they fail.
quietly() {
	output=$("$@" 2>&1) || {
		echo "$output" >&2
		return 1
	}
}

# there reports whether a program is where the tests look for it. Debian and Homebrew
# have a folder for each version of PostgreSQL, which is not in PATH.
there() {
	for candidate in "$(command -v "$1")" /usr/lib/postgresql/*/bin/"$1" \
		/opt/homebrew/opt/postgresql@*/bin/"$1" /usr/local/opt/postgresql@*/bin/"$1"; do
		[ ! -x "$candidate" ] || return 0
	done
	return 1
}

# The list has a file descriptor of its own, so that commands in the loop cannot
# read it from standard input.
while read -r program deb formula <&3; do
	if there "$program"; then
		continue
	fi
	if command -v apt-get >/dev/null 2>&1; then
		echo "installing $program with apt-get"
		quietly without_services with_apt "$deb" || fail "apt-get could not install $deb; install $program by hand"
	elif command -v brew >/dev/null 2>&1; then
		echo "installing $program with brew"
		quietly brew install "$formula" || fail "brew could not install $formula; install $program by hand"
	else
		fail "$program is missing, and there is neither apt-get nor brew; install it by hand"
	fi
	there "$program" || fail "$program is installed, but not where the tests look"
done 3<<LIST
$wanted
LIST

while read -r module deb <&3; do
	if [ -z "$module" ] || ! command -v apt-get >/dev/null 2>&1 || "$python" -c "import $module" >/dev/null 2>&1; then
		continue
	fi
	echo "installing $deb with apt-get"
	quietly with_apt "$deb" || fail "apt-get could not install $deb; install it by hand"
done 3<<LIST
$modules
LIST

for program in $built; do
	sh "${0%/*}/build.sh" "$program"
done
