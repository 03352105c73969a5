//go:build e2e

package snippets_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// tried is a block of a page for operators.
type tried struct {
	name string
	want string // has to be in what it prints
	// before is what a person would have at hand, put before the block.
	before string
}

// TestPlaybooks pastes each block of docs/playbooks.md.
func TestPlaybooks(t *testing.T) {
	newOperator(t).try(t, "playbooks.md", nil, []tried{
		{name: "try", want: "sub=alice"},
		{name: "redis-down", want: "PONG"},
		{name: "redis-over", want: "wsticket_revocation_stream_age_seconds"},
		{name: "failover", want: "role:master"},
		{name: "ticket-id", want: `"reason":"not_found"`},
		{name: "ticket-trail", before: "ID=AAAAAAAAAAAAAAAAAAAAAA\n"},
		{name: "ticket-revoke", before: "ID=-AAAAAAAAAAAAAAAAAAAAA\n"},
		{name: "bearer-claims", want: `"sub":"alice"`},
		{name: "bearer-jti", before: "JTI=8a3e\n"},
		{name: "bearer-sub"},
		{name: "bearer-trail", want: "alice"},
		{name: "bearer-over", want: "wsticket_revocations_active"},
		{name: "key-uses", want: `"client_ip":"127.0.0.1"`},
		{name: "key-new"},
		{name: "key-over", want: "401"},
		{name: "clocks", want: "Date: "},
		{name: "clocks-over", want: `action="issue"`},
		{name: "flood", want: "wsticket_tcp_connections_max"},
		{name: "issuer-lock"},
		{name: "issuer-revoke"},
		{name: "issuer-left"},
		{name: "database-down", want: "PostgreSQL"},
		{name: "database-over", want: "wsticket_audit"},
		{name: "reload-failed"},
		{name: "reload-over", want: "wsticket_config_last_reload_successful 1"},
	})
}

// TestUpgradePage pastes each block of docs/upgrade.md that needs no container and no
// other version.
func TestUpgradePage(t *testing.T) {
	const check = "wsticket check-config --config wsticket.yaml >/dev/null\nwc -l < seal.keys\n"
	newOperator(t).try(t, "upgrade.md", []string{"two-versions", "digest"}, []tried{
		{name: "check", want: "store"},
		{name: "migrate"},
		{name: "seal-keys"},
		{name: "seal-first", before: check, want: "2"},
		{name: "seal-only"},
		{name: "redis-password", before: check + "redis-cli -u \"$REDIS\" acl setuser wsticket on '>OLD-PASSWORD' '~wst:*' +@all\n", want: "1"},
		{name: "redis-password-old", want: "OK"},
		{name: "drain", want: "drained 1 of 1 connections"},
	})
}

// try pastes the blocks of a page in the order of the rows. A block that is in no row,
// and not among those that are tried by hand, is a fault.
func (o operator) try(t *testing.T, page string, byHand []string, rows []tried) {
	t.Helper()
	known := append([]string{"setup"}, byHand...)
	for _, row := range rows {
		known = append(known, row.name)
		got := o.paste(t, o.setup+row.before+block(t, page, "sh "+row.name))
		if !strings.Contains(got, row.want) {
			t.Errorf("%s: printed %q, want %q in it", row.name, got, row.want)
		}
	}
	text, err := os.ReadFile("../../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?m)^ *```sh(?: (.*))?$").FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(known, found[1]) {
			t.Errorf("nobody tries the block %q", found[1])
		}
	}
}

// operator is a user in the folder of a service with Redis and PostgreSQL, a connection
// of alice, and a log.
type operator struct {
	home

	setup string // what docs/playbooks.md has to be put before its commands
}

func newOperator(t *testing.T) operator {
	t.Helper()
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Join(user.dir, "wsticket", "bin"))
	user.prefer(filepath.Dir(testenv.Need(t, "redis-cli")))
	user.prefer(filepath.Dir(testenv.Need(t, "psql")))
	dir := filepath.Join(user.dir, "ops")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	redis, database := testenv.Redis(t).URL()+"/0", testenv.Postgres(t).URL()
	internal := user.operate(t, dir, redis, database)
	setup := strings.NewReplacer("127.0.0.1:8081", internal, "redis://127.0.0.1:6379/0", redis, "postgres://127.0.0.1/chat", database)
	return operator{user, "cd " + dir + "\n" + setup.Replace(block(t, "playbooks.md", "sh setup"))}
}

// operate starts a service in a folder, with a connection of alice, and returns the
// address of its internal listener.
func (h home) operate(t *testing.T, dir, redis, database string) string {
	t.Helper()
	const opsKey = "0b1e2d3c4a5968778695a4b3c2d1e0f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
	digests := make(map[string]string)
	for name, key := range map[string]string{"ops": opsKey, "chat": backendKey} {
		sum := sha256.Sum256([]byte(key))
		digests[name] = hex.EncodeToString(sum[:])
	}
	key := newP256(t)
	writeFile(t, dir, "issuer.pem", privatePEM(t, key))
	writeFile(t, dir, "issuer.pub.pem", publicPEM(t, key))
	writeFile(t, dir, "ops.key", opsKey)
	h.paste(t, "cd "+dir+"; umask 077; openssl rand -base64 32 > seal.keys")
	public, internal := testenv.FreeAddr(t), testenv.FreeAddr(t)
	writeFile(t, dir, "wsticket.yaml", fmt.Sprintf(`
public:   {listen: %q, url: "http://%s", hosts: [127.0.0.1]}
internal:
  listen: %q
  api_keys:
    - {name: ops, sha256: %q, scopes: [read, revoke]}
    - {name: chat, sha256: %q, scopes: [consume]}
store:    {url: %q}
database: {url: %q, migrate: true}
ticket:   {seal_key_file: seal.keys}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [ES256], public_key_file: issuer.pub.pem}]
origins:  [%q]
`, public, public, internal, digests["ops"], digests["chat"], redis+"?timeout=4s", database, page))
	h.pasteAndLeave(t, "cd "+dir+"; wsticket serve --config wsticket.yaml 2>wsticket.log")
	awaitListener(t, public)
	awaitListener(t, internal)
	bearer := h.paste(t, "cd "+dir+"; wsticket token --sub alice --key issuer.pem --config wsticket.yaml | tee bearer.txt")
	a := house{addresses: addresses{public: "http://" + public, internal: "http://" + internal}, bearer: bearer}
	stays(t, public, a.issue(t, ""))
	h.paste(t, fmt.Sprintf(`curl -sS http://%s/consume -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{"ticket":%q}'`, internal, backendKey, strange))
	return internal
}
