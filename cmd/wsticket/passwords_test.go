package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/internal/test"
)

// leaked is in every password here, and must be in no output.
const leaked = "hunter2"

// passwords are URLs as people write them, most of them wrong: with characters
// that have to be escaped, without a scheme, with two slashes too few.
func passwords() []string {
	return []string{
		"redis://user:hunter2@127.0.0.1:1/0", "rediss://:hunter2@h:port", "redis+sentinel://user:hunter2@h1,h2", "https://user:hunter2@h.example/x",
		"https://hunter2@h.example", "https://user:hunter2%zz@h", "https://user:hun/hunter2@h", "https://user:hunter2?x#y@h", "https://user:a@hunter2@h",
		"https://user:hunter2@[::1", " https://user:hunter2@h", "https://user:hunter2\x7f@h", "https://user:\"hunter2@h", "https://user:hunter2 @h",
		"ftp://user:hunter2@h", "http:/user:hunter2@h", "//user:hunter2@h", "user:hunter2@h:6379", ":hunter2@h",
		"host=h password=hunter2", "redis:/h?password=hunter2",
	}
}

// given are the ways to set a key: a file, the environment, a flag. The value has no
// single quotes.
func given(t *testing.T, key, value string) map[string][]string {
	t.Helper()
	inner, list, _ := strings.Cut(key, "[].")
	file := ""
	path := strings.Split(inner, ".")
	for _, name := range path[:len(path)-1] {
		file += name + ": {"
	}
	quoted := "'" + value + "'"
	if strings.Contains(value, "\x7f") {
		quoted = `"` + strings.NewReplacer(`"`, `\"`, "\x7f", `\x7f`).Replace(value) + `"`
	}
	if list == "" {
		file += path[len(path)-1] + ": " + quoted
	} else {
		opening, name, closing := "", list, ""
		if section, below, found := strings.Cut(list, "."); found {
			opening, name, closing = section+": {", below, "}"
		}
		file += path[len(path)-1] + ": [{" + opening + name + ": " + quoted + closing + "}]"
	}
	ways := map[string][]string{"file": {"--config", test.WriteFile(t, "wsticket.yaml", file+strings.Repeat("}", len(path)-1)+"\n")}}
	if list == "" {
		ways["environment"] = []string{"WSTICKET_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_")) + "=" + value}
		ways["flag"] = []string{"--set", key + "=" + value}
	}
	return ways
}

// TestPasswordsInURLs (R79): no fault of any key repeats one, wherever the value
// comes from. People put the URL of one setting into another.
func TestPasswordsInURLs(t *testing.T) {
	t.Parallel()
	keys := config.Keys()
	if len(keys) < 60 {
		t.Errorf("only %d keys", len(keys))
	}
	for _, key := range keys {
		faults, values := 0, passwords()
		takesURL := strings.HasSuffix(key.Path, "url") || slices.Contains([]string{"origins", "ws.upstream", "issuers[].issuer"}, key.Path)
		if !takesURL {
			values = []string{values[3], values[len(values)-2]}
		}
		for _, value := range values {
			for way, setting := range given(t, key.Path, value) {
				var env []string
				args := []string{"check-config"}
				if way == "environment" {
					env = setting
				} else {
					args = append(args, setting...)
				}
				stdout, stderr, err := runIn(t, env, args...)
				said := stdout + stderr + fmt.Sprint(err)
				if strings.Contains(said, leaked) {
					t.Errorf("%s=%q in the %s: %s", key.Path, value, way, said)
				}
				if strings.Contains(said, strings.Replace(key.Path, "[]", "[0]", 1)) {
					faults++
				}
			}
		}
		if takesURL && faults == 0 {
			t.Errorf("%s: no fault of any URL", key.Path)
		}
	}
}

// TestPasswordsInOtherPlaces: in names, in flags and in arguments of every command,
// and in what a service says that starts with such a URL.
func TestPasswordsInOtherPlaces(t *testing.T) {
	t.Parallel()
	key := test.WriteFile(t, "key.pem", publicKeyPEM(t, newP256(t)))
	seal := test.WriteFile(t, "seal.keys", sealKeyA)
	good := test.WriteFile(t, "wsticket.yaml", fmt.Sprintf("public: {listen: \"127.0.0.1:0\"}\ninternal: {listen: \"127.0.0.1:0\"}\n"+
		"issuers: [{issuer: \"https://id.example.com\", audience: [ws], public_key_file: %q}]\norigins: [\"https://app.example.com\"]\n", key))
	away := []string{"--config", good, "--set", "store.url=redis://user:hunter2@127.0.0.1:1/0", "--set", "ticket.seal_key_file=" + seal}
	for name, args := range map[string][]string{
		"a store that is away":              append([]string{"serve"}, away...),
		"the same, and a wait":              append([]string{"serve", "--wait", "300ms"}, away...),
		"the same, asked":                   append([]string{"check-config", "--online"}, away...),
		"a lookup that is away":             {"check-config", "--online", "--config", good, "--set", "session.cookie=sid", "--set", "session.lookup_url=http://127.0.0.1:1/s?token=hunter2", "--set", issuerHeader},
		"keys that are away":                {"check-config", "--online", "--config", test.WriteFile(t, "wsticket.yaml", "issuers: [{issuer: a, audience: [ws], insecure_allow_private_network: true, jwks_url: \"http://127.0.0.1:1/k?key=hunter2\"}]")},
		"a key of the file":                 {"serve", "--config", test.WriteFile(t, "wsticket.yaml", "store: {\"url:redis://user:hunter2@h\": }")},
		"a key of a mapping":                {"serve", "--config", test.WriteFile(t, "wsticket.yaml", "identity: {headers: {\"https://user:hunter2@h\": [], sub: X}}")},
		"a key in a flag":                   {"serve", "--set", "store.urlredis://user:hunter2@h=1"},
		"a flag without a key":              {"serve", "--set", "redis://user:hunter2@h"},
		"a listener":                        {"serve", "--public", "http://user:hunter2@h"},
		"a configuration":                   {"serve", "--config", "https://user:hunter2@h/wsticket.yaml"},
		"a wait":                            {"serve", "--wait", "redis://user:hunter2@h"},
		"a command":                         {"redis://user:hunter2@h"},
		"an argument":                       {"serve", "redis://user:hunter2,x@h"},
		"a flag that nobody knows":          {"serve", "--url=redis://user:hunter2@h"},
		"a proxy that is none":              {"print-config", "https://user:hunter2@h"},
		"the application of print-config":   {"print-config", "nginx", "--upstream", "http://user:hunter2@h"},
		"the listener of dev":               {"dev", "--public", "http://user:hunter2@h"},
		"the application of dev":            {"dev", "--public", "localhost:0", "--internal", "localhost:0", "--upstream", "http://user:hunter2@h"},
		"the origin of dev":                 {"dev", "--public", "localhost:0", "--internal", "localhost:0", "--origin", "http://user:hunter2@h"},
		"the listener of health":            {"health", "--internal", "http://user:hunter2@h"},
		"the bearer of explain":             {"explain", "--config", good, "--bearer-file", "https://user:hunter2@h"},
		"the key of token":                  {"token", "--sub", "a", "--key", "https://user:hunter2@h"},
		"a secret in a file that is no one": {"check-config", "--set", "ticket.seal_key_file=https://user:hunter2@vault.example/k"},
	} {
		out, err := command(t.Context(), t, args...).CombinedOutput()
		if err == nil {
			t.Errorf("%s: there is no fault: %s", name, out)
		}
		if strings.Contains(string(out), leaked) {
			t.Errorf("%s: %s", name, out)
		}
	}
	cmd := command(t.Context(), t, "check-config")
	cmd.Env = append(cmd.Env, "WSTICKET_STORE_URL_FILE=redis://user:hunter2@h:6379")
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), leaked) {
		t.Errorf("a URL for the name of a file: %v, %s", err, out)
	}
}
