//go:build e2e

package snippets_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// playbook is a block of docs/playbooks.md.
type playbook struct {
	name string
	want string // has to be in what it prints
	// before is what a person would have at hand, put before the block.
	before string
}

// playbooks lists the blocks in the order of the page.
func playbooks() []playbook {
	return []playbook{
		{name: "try", want: "sub=alice"},
		{name: "redis-down", want: "PONG"},
		{name: "redis-over", want: "wsticket_revocation_stream_age_seconds"},
		{name: "failover", want: "role:master"},
		{name: "ticket-id", want: `"reason":"not_found"`},
		{name: "ticket-revoke", before: "ID=AAAAAAAAAAAAAAAAAAAAAA\n"},
		{name: "bearer-claims", want: `"sub":"alice"`},
		{name: "bearer-jti", before: "JTI=8a3e\n"},
		{name: "bearer-sub"},
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
	}
}

// TestPlaybooks pastes each block of docs/playbooks.md beside a service with Redis, a
// connection of alice, and a log.
func TestPlaybooks(t *testing.T) {
	user := newHome(t)
	user.install(t)
	user.prefer(filepath.Join(user.dir, "wsticket", "bin"))
	user.prefer(filepath.Dir(testenv.Need(t, "redis-cli")))
	dir := filepath.Join(user.dir, "ops")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	setup := user.operate(t, dir, testenv.Redis(t), block(t, "playbooks.md", "sh setup"))
	pasted := map[string]bool{"setup": true}
	for _, row := range playbooks() {
		pasted[row.name] = true
		got := user.paste(t, setup+row.before+block(t, "playbooks.md", "sh "+row.name))
		if !strings.Contains(got, row.want) {
			t.Errorf("%s: printed %q, want %q in it", row.name, got, row.want)
		}
	}
	text, err := os.ReadFile("../../docs/playbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?m)^```sh(?: (.*))?$").FindAllStringSubmatch(string(text), -1) {
		if !pasted[found[1]] {
			t.Errorf("nobody tries the block %q", found[1])
		}
	}
}

// operate starts a service in a folder, with a connection of alice, and returns the
// setup of the page with its addresses.
func (h home) operate(t *testing.T, dir string, redis *testenv.RedisServer, setup string) string {
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
ticket:   {seal_key_file: seal.keys}
issuers:  [{issuer: "https://id.example.com", audience: [ws], algorithms: [ES256], public_key_file: issuer.pub.pem}]
origins:  [%q]
`, public, public, internal, digests["ops"], digests["chat"], redis.URL()+"/0?timeout=4s", page))
	h.pasteAndLeave(t, "cd "+dir+"; wsticket serve --config wsticket.yaml 2>wsticket.log")
	awaitListener(t, public)
	awaitListener(t, internal)
	bearer := h.paste(t, "cd "+dir+"; wsticket token --sub alice --key issuer.pem --config wsticket.yaml | tee bearer.txt")
	a := house{addresses: addresses{public: "http://" + public, internal: "http://" + internal}, bearer: bearer}
	stays(t, public, a.issue(t, ""))
	h.paste(t, fmt.Sprintf(`curl -sS http://%s/consume -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -d '{"ticket":%q}'`, internal, backendKey, strange))
	return "cd " + dir + "\n" + strings.NewReplacer("127.0.0.1:8081", internal, "redis://127.0.0.1:6379/0", redis.URL()+"/0").Replace(setup)
}
