#!/bin/sh
# Builds a proxy that Debian does not have, or only in an old version, from its Go
# module: sh build.sh caddy|traefik. The program is kept in
# ${XDG_CACHE_HOME:-~/.cache} and built again only for another version.
set -eu

caddy=v2.11.9
traefik=v3.7.13

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wsticket
# Neither a workspace nor flags that are meant for our module may affect theirs.
export GOWORK=off GOFLAGS= CGO_ENABLED=0

case ${1-} in
caddy | traefik) name=$1 ;;
*)
	echo "usage: build.sh caddy|traefik" >&2
	exit 2
	;;
esac
eval "version=\$$name"
if [ -x "$cache/$name-$version" ] && [ -x "$cache/$name" ]; then
	exit
fi
mkdir -p "$cache"
# On the same disk, so that the move at the end is atomic.
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

caddy() {
	GOBIN=$work go install -trimpath -ldflags '-s -w' "github.com/caddyserver/caddy/v2/cmd/caddy@$caddy"
}

# Traefik's go.mod replaces modules, which "go install" refuses. So we build a module
# that requires it, with its go.mod and go.sum. The Go module proxy does not have
# two of those modules, nor the clients of some hundred DNS providers. forwardAuth
# needs none of them, so stubs replace them, which know no provider and refuse
# everybody.
traefik() {
	module=github.com/traefik/traefik/v3
	cd "$work"
	dir=$(download "$module@$traefik")
	lego=$(awk '$1 ~ /^github.com.go-acme.lego.v[0-9]+$/ { print $1 "@" $2 }' "$dir/go.mod")
	legodir=$(download "$lego")
	sed -e 's/^module .*/module traefik/' -e '/=> /d' "$dir/go.mod" >go.mod
	cp "$dir/go.sum" go.sum
	chmod u+w go.sum
	cat >>go.mod <<-MOD

		require $module $traefik
		replace (
			github.com/traefik/traefik/dynamic/ext => ./ext
			github.com/abbot/go-http-auth => ./goauth
			${lego%@*} => ./lego
			$(awk '$1 == "github.com/gorilla/mux" && $2 == "=>"' "$dir/go.mod")
		)
	MOD
	mkdir ext goauth lego
	(cd "$legodir" && tar cf - --exclude=./providers/dns .) | (cd lego && tar xf -)
	chmod -R u+w lego
	mkdir -p lego/providers/dns
	stand_ins
	GOFLAGS=-mod=mod go build -trimpath -ldflags '-s -w' -o traefik "$module/cmd/traefik"
}

# download fetches a module and prints its directory.
download() {
	go mod download -json "$1" | awk -F '"' '$2 == "Dir" { print $4 }'
}

stand_ins() {
	cat >lego/providers/dns/dns.go <<-GO
		package dns

		import (
			"errors"

			"${lego%@*}/challenge"
		)

		func NewDNSChallengeProviderByName(string) (challenge.Provider, error) {
			return nil, errors.New("built without DNS providers")
		}
	GO
	printf 'module github.com/traefik/traefik/dynamic/ext\n' >ext/go.mod
	cat >ext/ext.go <<-GO
		package ext

		type (
			HTTP   struct{}
			Router struct{}
		)
	GO
	printf 'module github.com/abbot/go-http-auth\n' >goauth/go.mod
	cat >goauth/auth.go <<-GO
		package auth

		import "net/http"

		type SecretProvider func(user, realm string) string

		type BasicAuth struct {
			Realm   string
			Secrets SecretProvider
		}

		func CheckSecret(string, string) bool { return false }

		func (a *BasicAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

		type DigestAuth struct{}

		func NewDigestAuthenticator(string, SecretProvider) *DigestAuth { return &DigestAuth{} }

		func DigestAuthParams(string) map[string]string { return nil }

		func (a *DigestAuth) CheckAuth(*http.Request) (string, *string) { return "", nil }

		func (a *DigestAuth) RequireAuth(w http.ResponseWriter, _ *http.Request) { refuse(w) }

		func (a *DigestAuth) RequireAuthStale(w http.ResponseWriter, _ *http.Request) { refuse(w) }

		func refuse(w http.ResponseWriter) { http.Error(w, "unauthorized", http.StatusUnauthorized) }
	GO
}

echo "building $name $version (once; it takes minutes)"
log=$work/log
if ! "$name" >"$log" 2>&1; then
	cat "$log" >&2
	echo "build.sh: cannot build $name $version" >&2
	exit 1
fi
mv "$work/$name" "$cache/$name-$version"
ln -sf "$name-$version" "$cache/$name"
echo "built $cache/$name-$version"
