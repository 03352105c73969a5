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

// opsWorld describes the scenery to browser/ops.
type opsWorld struct {
	world
	Operator string            `json:"operator"` // the page
	Issuing  string            `json:"issuing"`  // the public listener
	Bearers  map[string]string `json:"bearers"`
	Keys     map[string]string `json:"keys"`
}

// TestOpsPage runs browser/ops: what an operator sees and does on the page of a
// process. Afterwards it searches what the browser has stored, and the log, for the keys,
// the bearers and the tickets.
func TestOpsPage(t *testing.T) {
	node, chromium := testenv.NeedNode(t, packages), testenv.Need(t, "chromium")
	idp := newIssuer(t)
	keys := map[string]string{"ops": "ops-key-canary-3f9a1c", "reader": "reader-key-canary-7b20de", "chat": "chat-key-canary-51c8aa"}
	const host = "ops.example.test"
	running := serve(t, idp.config(t, "memory:"), "public.hosts=127.0.0.1, "+host, "internal.api_keys="+apiKeys(keys))
	w := opsWorld{
		world:    world{Chromium: chromium, Profile: scratchDir(t), Report: filepath.Join(t.TempDir(), "report.json")},
		Operator: "http://" + host + ":" + portOf(running.internal) + "/ops", Issuing: "http://" + running.public,
		Bearers: map[string]string{"alice": idp.bearer(t, "alice"), "bob": idp.bearer(t, "bob"), "carol": idp.bearer(t, "carol", "sid=session-of-carol")}, Keys: keys,
	}
	runCases(t, node, "browser/ops/ops.test.mjs", w)
	s := &scenery{servers: []server{running}, secrets: readSecrets(t, w.Report)}
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
