package config_test

import (
	"slices"
	"testing"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/test"
)

// load reads a configuration.
func load(t *testing.T, text string) config.Config {
	t.Helper()
	cfg, err := config.LoadFile(test.WriteFile(t, "wsticket.yaml", text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// What a reload takes, and what needs a restart: every key that is not in the list of
// docs/reload.md.
func TestReloaded(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		rule, before, after string
		taken, restart      []string
	}{
		{"nothing", "origins: [https://a.example]", "origins: [https://a.example]", nil, nil},
		{"lists", "origins: [https://a.example]", "{origins: [https://b.example], public: {hosts: [b], cors_headers: [X-A]}}", []string{"public.hosts", "public.cors_headers", "origins"}, nil},
		{
			"limits", "{}", "limits: {per_subject: 1/s, per_address: 1/s, handshakes_per_subject: 1/s, tickets_per_subject: 1, unauthenticated: 1, unauthenticated_per_address: 1}",
			[]string{"limits.per_subject", "limits.per_address", "limits.handshakes_per_subject", "limits.tickets_per_subject", "limits.unauthenticated", "limits.unauthenticated_per_address"},
			nil,
		},
		{"issuers and who may have what", "{}", "{issuers: [{issuer: a}], ticket: {audiences: [a]}, ws: {allow_missing_origin: false}}", []string{"ticket.audiences", "issuers", "ws.allow_missing_origin"}, nil},
		{
			"callers", "internal: {tls: {client_ca_file: /a}}", "internal: {api_keys: [{name: a}], tls: {client_ca_file: /b, client_names: [b]}}",
			[]string{"internal.api_keys", "internal.tls.client_ca_file", "internal.tls.client_names"},
			nil,
		},
		{
			"files", "{public: {tls: {cert_file: /a, key_file: /a}}, internal: {tls: {cert_file: /a, key_file: /a}}, ticket: {seal_key_file: /a}, identity: {assertion_key_file: /a}, webhook: {secret_file: /a}, telemetry: {headers_file: /a}}",
			"{public: {tls: {cert_file: /b, key_file: /b}}, internal: {tls: {cert_file: /b, key_file: /b}}, ticket: {seal_key_file: /b}, identity: {assertion_key_file: /b}, webhook: {secret_file: /b}, telemetry: {headers_file: /b}}",
			[]string{"public.tls.cert_file", "public.tls.key_file", "internal.tls.cert_file", "internal.tls.key_file", "ticket.seal_key_file", "identity.assertion_key_file", "webhook.secret_file", "telemetry.headers_file"},
			nil,
		},
		{"files that there were not", "{}", "{public: {tls: {cert_file: /b, key_file: /b}}, ticket: {seal_key_file: /b}}", nil, []string{"public.tls.cert_file", "public.tls.key_file", "ticket.seal_key_file"}},
		{"files that there are no longer", "ticket: {seal_key_file: /b}", "{}", nil, []string{"ticket.seal_key_file"}},
		{
			"what needs a restart", "{}",
			"{health: {listen: \":1\"}, public: {listen: \":2\", trusted_proxies: [10.0.0.1]}, ticket: {ttl: 9s}, store: {url: \"redis://a\"}, session: {cookie: a}, ws: {path: /a, doors: [query]}, origins: [https://a.example], log: {level: debug}, reload: {watch: 1m}}",
			[]string{"origins"},
			[]string{"health.listen", "public.listen", "public.trusted_proxies", "ticket.ttl", "store.url", "session.cookie", "ws.path", "ws.doors", "log.level", "reload.watch"},
		},
	} {
		before, after := load(t, row.before), load(t, row.after)
		now, restart := before.Reloaded(after)
		if taken := config.Changed(before, now); !slices.Equal(taken, row.taken) {
			t.Errorf("%s: took %q, want %q", row.rule, taken, row.taken)
		}
		if !slices.Equal(restart, row.restart) {
			t.Errorf("%s: %q need a restart, want %q", row.rule, restart, row.restart)
		}
		if same := before.Hash() == now.Hash(); same != (row.taken == nil) {
			t.Errorf("%s: the hash is the same: %t", row.rule, same)
		}
	}
}

// A hash tells settings apart and nothing of a secret.
func TestHash(t *testing.T) {
	t.Parallel()
	a, b := load(t, `store: {url: "redis://:hunter2@a"}`), load(t, `store: {url: "redis://:another@a"}`)
	if a.Hash() != b.Hash() {
		t.Error("the hash depends on a password")
	}
	if one, two := load(t, "identity: {headers: {sub: X-A}}"), load(t, "identity: {headers: {sub: X-B}}"); one.Hash() == two.Hash() {
		t.Error("the hash does not depend on a header")
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	cfg := load(t, "{public: {tls: {cert_file: /a, key_file: /b}}, issuers: [{public_key_file: /c}, {hmac_secret_file: /a}], ticket: {seal_key_file: /d}}")
	if got, want := cfg.Files(), []string{"/a", "/b", "/c", "/d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
