package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// warned returns the keys that check-config warns of, each line with its own.
func warned(t *testing.T, env []string, file string, set ...string) []string {
	t.Helper()
	args := []string{"check-config", "--config", file}
	for _, setting := range set {
		args = append(args, "--set", setting)
	}
	_, stderr, err := runIn(t, env, args...)
	if err != nil {
		t.Fatalf("%q: %v", set, err)
	}
	var keys []string
	for line := range strings.Lines(stderr) {
		key, says, ok := strings.Cut(strings.TrimPrefix(line, "warning: "), ": ")
		if !ok || !strings.Contains(says, ": ") {
			t.Errorf("%q has no remedy", line)
		}
		keys = append(keys, key)
	}
	return keys
}

// TestWarnings: what is weak is said by its key, once, and what is not weak is not.
func TestWarnings(t *testing.T) {
	t.Parallel()
	certs := testenv.TLS(t)
	key := test.WriteFile(t, "key.pem", publicKeyPEM(t, newP256(t)))
	seal := test.WriteFile(t, "seal.keys", sealKeyA)
	file := test.WriteFile(t, "wsticket.yaml", fmt.Sprintf("public: {listen: \"127.0.0.1:0\", hosts: [ws.example]}\ninternal: {listen: \"127.0.0.1:0\"}\n"+
		"issuers: [{issuer: \"https://id.example.com\", audience: [ws], public_key_file: %q}]\norigins: [\"https://app.example.com\"]\nticket: {seal_key_file: %q}\n", key, seal))
	issuer := func(more string) string {
		return `issuers=[{issuer: "http://id.example.com", audience: [ws], insecure_allow_private_network: true, ` + more + `}]`
	}
	internalTLS := set("internal.tls.cert_file="+certs.ServerCertFile, "internal.tls.key_file="+certs.ServerKeyFile)
	session := set("session.cookie=sid", issuerHeader)
	webhook := set("webhook.secret_file="+seal, "webhook.insecure_allow_private_network=true")
	for _, row := range []struct {
		rule string
		set  []string
		want []string
	}{
		{"nothing", nil, nil},
		{"no host", set("public.hosts="), set("public.hosts")},
		{"all proxies", set("public.trusted_proxies=0.0.0.0/0"), set("public.trusted_proxies")},
		{"all of IPv6", set("public.trusted_proxies=::/0"), set("public.trusted_proxies")},
		{"all that is allocated of it", set("public.trusted_proxies=2000::/4, 3000::/4"), set("public.trusted_proxies")},
		{"in halves", set("public.trusted_proxies=128.0.0.0/1, 0.0.0.0/1"), set("public.trusted_proxies")},
		{"in its other spelling", set("public.trusted_proxies=::ffff:0:0/96"), set("public.trusted_proxies")},
		{"what is public of it", set("public.trusted_proxies=1.0.0.0/8, 2.0.0.0/7, 4.0.0.0/6, 8.0.0.0/7, 11.0.0.0/8, 12.0.0.0/6, 16.0.0.0/4, 32.0.0.0/3, 64.0.0.0/2, 128.0.0.0/2, 192.0.0.0/3"), set("public.trusted_proxies")},
		{"one address less", set("public.trusted_proxies=0.0.0.0/1, 128.0.0.0/2, 192.0.0.0/4, 208.0.0.0/5, 216.0.0.0/6, 220.0.0.0/7, 222.0.0.0/8"), nil},
		{"private networks, and a large one", set("public.trusted_proxies=10.0.0.0/8, 192.168.0.0/16, 172.16.0.0/12, fc00::/7, 104.16.0.0/12"), nil},
		{"everybody is believed, and one may ask", set("public.trusted_proxies=0.0.0.0/0", "internal.forward_auth_peers=127.0.0.1"), set("public.trusted_proxies")},
		{"everybody may ask", set("internal.forward_auth_peers=::/0"), set("internal.forward_auth_peers")},
		{"nobody may ask", set("internal.forward_auth_peers=[]"), nil},
		{"bearers in plain text", set("public.listen=:8080"), set("public.listen")},
		{"a proxy ends TLS", set("public.listen=:8080", "public.trusted_proxies=10.0.0.7"), nil},
		{"TLS", set("public.listen=:8080", "public.tls.cert_file="+certs.ServerCertFile, "public.tls.key_file="+certs.ServerKeyFile), nil},
		{"loopback by name", set("public.listen=LOCALHOST:0", "internal.listen=[::1]:0"), nil},
		{"keys in plain text", set("internal.listen=10.0.0.1:8081"), set("internal.listen")},
		{"metrics for everybody", append(internalTLS, "internal.listen=:8081"), set("internal.listen")},
		{"for callers with a certificate", append(slices.Clone(internalTLS), "internal.listen=:8081", "internal.tls.client_ca_file="+certs.CAFile), nil},
		{"keys over http", set(issuer(`jwks_url: "http://id.example.com/keys"`)), set("issuers[0].insecure_allow_private_network", "issuers[0].jwks_url")},
		{"found over http", set(issuer("discovery: true")), set("issuers[0].insecure_allow_private_network", "issuers[0].issuer")},
		{"of this machine", set(issuer(`jwks_url: "http://127.0.0.1:1/keys"`)), set("issuers[0].insecure_allow_private_network")},
		{"cookies over http", append(session, "session.lookup_url=http://app:3000/s"), set("session.lookup_url")},
		{"to this machine", append(slices.Clone(session), "session.lookup_url=http://localhost:3000/s"), nil},
		{"over https", append(slices.Clone(session), "session.lookup_url=https://app/s"), nil},
		{"events over http", append(webhook, "webhook.url=http://hooks:3000"), set("webhook.url")},
		{"events to this machine", append(slices.Clone(webhook), "webhook.url=http://localhost:3000"), nil},
		{"frames over http", set("ws.upstream=http://app:9000"), set("ws.upstream")},
		{"frames to this machine", set("ws.upstream=http://[::1]:9000"), nil},
		{"frames over https", set("ws.upstream=https://app"), nil},
		{"frames through a socket", set("ws.upstream=unix:/run/app.sock"), nil},
		{"an open Redis", set("store.url=redis://redis:6379"), set("store.url", "store.url")},
		{"with a password", set("store.url=redis://u:p@redis:6379"), set("store.url")},
		{"with TLS", set("store.url=rediss://redis:6379"), set("store.url")},
		{"with both", set("store.url=rediss://:p@redis:6379"), nil},
		{"with a certificate", set("store.url=rediss://redis:6379?cert_file=" + certs.ClientCertFile + "&key_file=" + certs.ClientKeyFile), nil},
		{"of this machine", set("store.url=redis://localhost:6379"), nil},
		{"Sentinels, one of them elsewhere", set("store.url=redis+sentinel://name@127.0.0.1,10.0.0.2"), set("store.url", "store.url")},
		{"a PostgreSQL elsewhere", set("database.url=postgres://u:p@db/trail"), set("database.url")},
		{"unverified", set("database.url=postgres://u:p@db/trail?sslmode=require"), set("database.url")},
		{"verified", set("database.url=postgres://u:p@db/trail?sslmode=verify-full"), nil},
		{"a PostgreSQL of this machine", set("database.url=postgres://u:p@localhost/trail"), nil},
		{"a cluster", set("store.url=redis+cluster://:p@10.0.0.1,10.0.0.2"), set("store.url")},
	} {
		if got := warned(t, nil, file, row.set...); !slices.Equal(got, row.want) {
			t.Errorf("%s: got warnings of %q, want %q", row.rule, got, row.want)
		}
	}
}

// TestWarningsOfFiles: every file with a secret, and every one that decides whom to
// trust.
func TestWarningsOfFiles(t *testing.T) {
	t.Parallel()
	open := func(path string, mode os.FileMode) string {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certs := testenv.TLS(t)
	assertion := open(test.WriteFile(t, "assertion.pem", test.PrivatePEM(newEd25519(t))), 0o644)
	secret := open(test.WriteFile(t, "hmac", strings.Repeat(sealKeyA, 2)), 0o604)
	public := open(test.WriteFile(t, "key.pem", publicKeyPEM(t, newP256(t))), 0o646)
	seal := open(test.WriteFile(t, "seal.keys", sealKeyA), 0o666)
	open(certs.ServerKeyFile, 0o644)
	open(certs.ClientKeyFile, 0o644)
	open(certs.CAFile, 0o666)
	text := fmt.Sprintf("public: {listen: \"127.0.0.1:0\", url: \"https://ws.example\", tls: {cert_file: %[1]q, key_file: %[2]q}}\n"+
		"internal: {listen: \"127.0.0.1:0\", tls: {cert_file: %[1]q, key_file: %[2]q, client_ca_file: %[3]q}}\n"+
		"issuers: [{issuer: a, audience: [ws], public_key_file: %[4]q}, {issuer: b, audience: [ws], algorithms: [HS256], hmac_secret_file: %[5]q}]\n"+
		"ticket: {seal_key_file: %[6]q}\nidentity: {assertion_key_file: %[7]q, assertion_audience: app}\n",
		certs.ServerCertFile, certs.ServerKeyFile, certs.CAFile, public, secret, seal, assertion)
	all := set("public.tls.key_file", "internal.tls.key_file", "ticket.seal_key_file", "identity.assertion_key_file", "issuers[0].public_key_file",
		"issuers[1].hmac_secret_file", "internal.tls.client_ca_file")
	plain := open(test.WriteFile(t, "plain.yaml", text), 0o644)
	withPassword := open(test.WriteFile(t, "password.yaml", text+"store: {url: \"rediss://u:p@redis\"}\n"), 0o644)
	inFile := open(test.WriteFile(t, "url", "rediss://u:p@redis\n"), 0o644)
	for _, row := range []struct {
		rule, file string
		env        []string
		more       []string
	}{
		{"a configuration without a secret", plain, nil, nil},
		{"one with a password", withPassword, nil, set("store.url")},
		{"one whose password is not used", withPassword, set("WSTICKET_STORE_URL=memory:"), nil},
		{"a password in a file of its own", plain, set("WSTICKET_STORE_URL_FILE=" + inFile), set("store.url")},
		{"a URL without one", plain, set("WSTICKET_STORE_URL_FILE=" + open(test.WriteFile(t, "url", "memory:"), 0o644)), nil},
		{"the password of a database", plain, set("WSTICKET_DATABASE_URL_FILE=" + open(test.WriteFile(t, "db", "postgres://u:p@localhost/d"), 0o644)), set("database.url")},
		{"a trail", plain, set("WSTICKET_DATABASE_URL=sqlite:" + open(test.WriteFile(t, "trail.db", ""), 0o644)), set("database.url (the file)")},
		{"a key of Redis", plain, set("WSTICKET_STORE_URL=rediss://:p@redis?cert_file=" + certs.ClientCertFile + "&key_file=" + certs.ClientKeyFile), set("store.url (key_file)")},
		{"a configuration that everybody can change", open(test.WriteFile(t, "changed.yaml", text), 0o646), nil, set("--config")},
	} {
		got, want := warned(t, row.env, row.file), slices.Concat(all, row.more)
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s: got warnings of %q, want %q", row.rule, got, want)
		}
	}
}

// TestWarningsAtStart: serve logs what check-config prints, each line once.
func TestWarningsAtStart(t *testing.T) {
	config := newProvider(t).config(t, "memory:")
	more := set("--set", "public.trusted_proxies=0.0.0.0/0", "--set", "ws.upstream=http://app.example:9000", "--set", "public.listen=0.0.0.0:0", "--set", "internal.listen=0.0.0.0:0")
	_, stderr, err := runIn(t, nil, append(set("check-config", "--config", config), more...)...)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(lines) != 3 {
		t.Errorf("got warnings %q, want 3", lines)
	}
	p := start(t, append(set("serve", "--config", config), more...)...)
	for _, line := range lines {
		said := `"level":"WARN","msg":"` + strings.TrimPrefix(line, "warning: ") + `"`
		p.stderr.WaitFor(t, said)
		if n := strings.Count(p.stderr.String(), said); n != 1 {
			t.Errorf("%s is logged %d times", line, n)
		}
	}
}
