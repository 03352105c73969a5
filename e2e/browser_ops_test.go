//go:build e2e

package e2e_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"wsticket/internal/testenv"
)

// The names of internal listeners for the browser. The one with TLS has its own, because
// the browser remembers to use TLS for a name.
const (
	opsHost     = "ops.example.test"
	guardedHost = "guarded.example.test"
)

// opsWorld describes the scenery to browser/ops.
type opsWorld struct {
	world
	Operator string            `json:"operator"` // the page
	Issuing  string            `json:"issuing"`  // the public listener
	Bearers  map[string]string `json:"bearers"`
	Keys     map[string]string `json:"keys"`

	Guarded string `json:"guarded"` // the page of a process whose metrics need a key
	Pair    string `json:"pair"`    // the page of one of two processes
	Other   int    `json:"other"`   // the ID of the other one

	Kept      string `json:"kept"`      // the page of one of two processes that share a database
	Elsewhere string `json:"elsewhere"` // the public listener of the other one
}

// TestOpsPage runs browser/ops: what an operator sees and does on the page of a
// process. Afterwards it searches what the browser has stored, and the log, for the keys,
// the bearers and the tickets. With -screenshots it takes pictures.
func TestOpsPage(t *testing.T) {
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	idp, certificates := newIssuer(t), testenv.TLS(t, guardedHost)
	keys := map[string]string{"ops": "ops-key-canary-3f9a1c", "reader": "reader-key-canary-7b20de", "chat": "chat-key-canary-51c8aa"}
	s := new(scenery)
	start := func(store string, settings ...string) server {
		settings = append(settings, "public.hosts=127.0.0.1, "+opsHost+", "+guardedHost, "internal.api_keys="+apiKeys(keys))
		s.servers = append(s.servers, serve(t, idp.config(t, store), settings...))
		return s.servers[len(s.servers)-1]
	}
	page := func(base string, of server) string { return base + ":" + portOf(of.internal) + "/ops" }
	alone := start("memory:")
	guarded := start("memory:", "internal.tls.cert_file="+certificates.ServerCertFile, "internal.tls.key_file="+certificates.ServerKeyFile,
		"internal.tls.client_ca_file="+certificates.CAFile)
	redis := testenv.Redis(t).URL() + patientStore
	pair, other := start(redis), start(redis)
	database := []string{"database.url=sqlite:" + filepath.Join(t.TempDir(), "trail.db"), "database.migrate=true"}
	kept, elsewhere := start("memory:", database...), start("memory:", database...)
	w := opsWorld{
		world: world{
			Chromium: chromium, Profile: scratchDir(t), Report: filepath.Join(t.TempDir(), "report.json"), Screenshots: *screenshots, Key: keyHash(t, certificates.ServerCertFile),
		},
		Operator: page("http://"+opsHost, alone), Issuing: "http://" + alone.public, Keys: keys, Bearers: make(map[string]string),
		Guarded: page("https://"+guardedHost, guarded), Pair: page("http://"+opsHost, pair), Other: other.cmd.Process.Pid,
		Kept: page("http://"+opsHost, kept), Elsewhere: "http://" + elsewhere.public,
	}
	for _, user := range []string{"alice", "bob", "carol"} {
		w.Bearers[user] = idp.bearer(t, user, "sid=session-of-"+user)
	}
	runCases(t, node, "browser/ops/ops.test.mjs", w)
	s.secrets = readSecrets(t, w.Report)
	wantProfileClean(t, w.Profile, s.secrets)
	s.wantLogsClean(t)
}

// apiKeys returns the setting for the keys of operators.
func apiKeys(keys map[string]string) string {
	var all []string
	for name, more := range map[string]string{"ops": "scopes: [read, revoke]", "reader": "scopes: [read]", "chat": "scopes: [read, revoke], audiences: [default]"} {
		digest := sha256.Sum256([]byte(keys[name]))
		all = append(all, fmt.Sprintf("{name: %s, sha256: %q, %s}", name, hex.EncodeToString(digest[:]), more))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
