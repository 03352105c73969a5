package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"wsticket/auth"
	"wsticket/cmd/wsticket/internal/devidp"
	"wsticket/gate"
	"wsticket/internal/test"
	"wsticket/ticket"
)

// explained is what a developer has who asks why a token does not work: a
// configuration with an issuer of a file and one of a URL, and their keys.
type explained struct {
	key    *ecdsa.PrivateKey
	config string
	// issuer publishes the key as k1, and counts who asks.
	issuer *httptest.Server
	asked  chan string
}

func newExplained(t *testing.T) explained {
	t.Helper()
	e := explained{key: test.ECKey(elliptic.P256()), asked: make(chan string, 100)}
	point, err := e.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	set := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","x":%q,"y":%q},{"kty":"RSA","kid":"odd","n":"AQAB","e":"AQAB"}]}`, b64(point[1:33]), b64(point[33:]))
	e.issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked <- r.URL.Path
		_, _ = fmt.Fprint(w, set)
	}))
	t.Cleanup(e.issuer.Close)
	e.config = test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(`
issuers:
  - {issuer: "https://id.example.com", audience: [ws], public_key_file: %q}
  - {issuer: "https://login.example.net", audience: [ws], algorithms: [ES256], jwks_url: "%s/keys", insecure_allow_private_network: true}
ticket: {ttl: 99h} # a fault that does not matter here
`, test.WriteFile(t, "key.pem", test.PublicPEM(e.key)), e.issuer.URL))
	return e
}

// bearer signs one that the first issuer takes, but for the changes.
func (e explained) bearer(t *testing.T, change func(*devidp.Bearer)) string {
	t.Helper()
	b := devidp.Bearer{
		Issuer: "https://id.example.com", Subject: "alice", Audience: []string{"ws"}, TTL: time.Hour,
		Claims: map[string]any{"email": "alice@example.com"}, Type: "JWT",
	}
	if change != nil {
		change(&b)
	}
	text, err := b.Sign(e.key, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ask runs the command with the bearer on standard input.
func (e explained) ask(t *testing.T, input string, args ...string) (string, error) {
	t.Helper()
	out, errs := new(test.Output), new(test.Output)
	args = append([]string{"explain", "--config", e.config}, args...)
	err := run(t.Context(), world{Args: args, Stdin: strings.NewReader(input), Stdout: out, Stderr: errs})
	if strings.Contains(out.String()+errs.String(), "alice") {
		t.Errorf("explain says who the user is:\n%s%s", out, errs)
	}
	if parts := strings.Split(input, "."); len(parts) == 3 && strings.Contains(out.String(), strings.TrimSpace(parts[2])) {
		t.Errorf("explain prints the signature:\n%s", out)
	}
	return out.String(), err
}

func TestExplainRefusals(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	claim := func(name string, value any) func(*devidp.Bearer) {
		return func(b *devidp.Bearer) { b.Claims[name] = value }
	}
	for _, row := range []struct {
		rule   string
		change func(*devidp.Bearer)
		want   []string // in the part about the first issuer
	}{
		{"expired", func(b *devidp.Bearer) { b.TTL = -time.Minute }, []string{"bearer_expired", "exp: 20", "setting: none", "Get a new one"}},
		{"another audience", func(b *devidp.Bearer) { b.Audience = []string{"account"} }, []string{"bearer_audience", "audience: account", "expected: ws", "setting: issuers[0].audience\n"}},
		{"no audience", func(b *devidp.Bearer) { b.Audience = nil }, []string{"bearer_audience", "claim: aud", "audience: (none)", "setting: issuers[0].claim_names.audience\n"}},
		{"a slash at the end", func(b *devidp.Bearer) { b.Issuer += "/" }, []string{"bearer_issuer", "issuer: https://id.example.com/\n", "expected: https://id.example.com\n", "setting: issuers[0].issuer\n", "only by the slash"}},
		{"another issuer", func(b *devidp.Bearer) { b.Issuer = "https://other.example" }, []string{"bearer_issuer", "issuer: https://other.example\n", "setting: issuers[0].issuer\n", "Copy it exactly"}},
		{"another typ", func(b *devidp.Bearer) { b.Type = "vnd.example+jwt" }, []string{"bearer_type", "typ: vnd.example+jwt", "expected: at+jwt, JWT, (none)", "setting: issuers[0].type\n"}},
		{"a proof", func(b *devidp.Bearer) { b.Type = "dpop+jwt" }, []string{"bearer_type", "typ: dpop+jwt", "setting: none", "Send the access token"}},
		{"an ID token", claim("token_use", "id"), []string{"bearer_type", "claim: token_use", "value: id", "setting: none", "Send the access token"}},
		{"for a week", func(b *devidp.Bearer) { b.TTL = 7 * 24 * time.Hour }, []string{"bearer_lifetime", "lifetime: 168h0m0s", "expected: 24h0m0s", "setting: issuers[0].max_lifetime\n"}},
		{"from the future", claim("nbf", time.Now().Add(30*time.Minute).Unix()), []string{"bearer_not_yet_valid", "nbf: 20", "setting: issuers[0].leeway\n", "Set the clock"}},
		{"a scope that is none", claim("scope", 5), []string{"bearer_claims", "claim: scope", "setting: issuers[0].claim_names.scope\n"}},
		{"bound to a key", claim("cnf", map[string]any{"jkt": "x"}), []string{"bearer_bound", "claim: cnf", "setting: none"}},
	} {
		out, err := e.ask(t, e.bearer(t, row.change))
		first, _, _ := strings.Cut(out, "issuers[1]")
		for _, want := range append(row.want, "issuers[0] (https://id.example.com) refuses it: ") {
			if !strings.Contains(first, want) {
				t.Errorf("%s: explain does not say %q:\n%s", row.rule, want, first)
			}
		}
		if err == nil || err.Error() != "explain: no issuer takes this bearer" {
			t.Errorf("%s: %v, want that no issuer takes it", row.rule, err)
		}
	}
	if len(e.asked) > 0 {
		t.Errorf("without --live, %s was asked for", <-e.asked)
	}
}

// TestExplainInput: a bearer as people have it at hand, and what is none.
func TestExplainInput(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	good := e.bearer(t, nil)
	for _, input := range []string{good, good + "\r\n", "Bearer " + good + "\n", "Authorization: Bearer " + good, `"` + good + "\"\n"} {
		out, err := e.ask(t, input, "--bearer-file", "-")
		if err != nil || !strings.HasSuffix(out, "\nissuers[0] takes this bearer.\n") {
			t.Errorf("explain %.20q = %v\n%s", input, err, out)
		}
	}
	if out, err := e.ask(t, "", "--bearer-file", test.WriteFile(t, "bearer", good+"\n")); err != nil {
		t.Errorf("a file: %v\n%s", err, out)
	}
	for input, want := range map[string]string{
		"": "explain: no bearer in standard input", " \n": "explain: no bearer in standard input",
		`{"access_token":"` + good + `"}`: "explain: the input is JSON: give the token alone, such as the value of access_token",
		"ya29.opaque":                     "explain: this is no bearer", good + ".a.b": "explain: this is no bearer",
	} {
		if out, err := e.ask(t, input); err == nil || err.Error() != want {
			t.Errorf("explain %.20q = %v, want %q\n%s", input, err, want, out)
		}
	}
	if out, _ := e.ask(t, "ya29.opaque"); !strings.Contains(out, "bearer_malformed\n    segments: 2\n") {
		t.Errorf("an opaque token: explain says\n%s", out)
	}
	for input, want := range map[string]string{
		strings.Repeat("x", 9000): "put less into it", "ya29.opaque": "in three parts",
		e.bearer(t, func(b *devidp.Bearer) { b.Claims["x"] = map[string]any{"a": 1, "A": 2} }): "read differently",
	} {
		if out, _ := e.ask(t, input); !strings.Contains(out, want) {
			t.Errorf("explain %.20q: does not say %q:\n%s", input, want, out)
		}
	}
	if _, err := e.ask(t, "", "--bearer-file", "/nowhere"); err == nil || !strings.Contains(err.Error(), "--bearer-file: no such file: /nowhere") {
		t.Errorf("a file that is not there: %v", err)
	}
	_, _, err := runIn(t, nil, "explain", "--bearer-file", test.WriteFile(t, "bearer", good))
	if err == nil || !strings.Contains(err.Error(), "issuers: must name at least one") || !strings.Contains(err.Error(), "--config") {
		t.Errorf("without a configuration: %v", err)
	}
}

// TestExplainOfTestBearers: what wsticket token signs is an access token to the
// letter of RFC 9068.
func TestExplainOfTestBearers(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	e.config = test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(
		"issuers: [{issuer: \"https://id.example.com\", audience: [ws], type: at+jwt, public_key_file: %q}]", test.WriteFile(t, "key.pem", test.PublicPEM(e.key))))
	bearer, _, err := runIn(t, nil, "token", "--sub", "alice", "--config", e.config, "--key", test.WriteFile(t, "private.pem", test.PrivatePEM(e.key)))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := e.ask(t, bearer); err != nil {
		t.Errorf("explain = %v\n%s", err, out)
	}
}

// TestExplainLive: without --live the keys behind a URL are not asked for, with
// it the signature is checked as serve does.
func TestExplainLive(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	remote := func(change func(*devidp.Bearer)) string {
		return e.bearer(t, func(b *devidp.Bearer) {
			b.Issuer, b.KeyID = "https://login.example.net", "k1"
			if change != nil {
				change(b)
			}
		})
	}
	out, err := e.ask(t, remote(nil))
	if err != nil || !strings.Contains(out, "issuers[1] (https://login.example.net) takes it") || !strings.Contains(out, "the signature not checked: add --live") {
		t.Errorf("without --live: %v\n%s", err, out)
	}
	if len(e.asked) > 0 {
		t.Errorf("without --live, %s was asked for", <-e.asked)
	}
	out, err = e.ask(t, remote(nil), "--live")
	if err != nil || !strings.Contains(out, "jwks_url: "+e.issuer.URL+"/keys\n    its keys: k1 (ES256)\n    not used: ") || !strings.HasSuffix(out, "\nissuers[1] takes this bearer.\n") {
		t.Errorf("with --live: %v\n%s", err, out)
	}
	out, err = e.ask(t, remote(func(b *devidp.Bearer) { b.KeyID = "k0" }), "--live")
	for _, want := range []string{"bearer_key_unknown", "kid: k0", "expected: k1", "setting: issuers[1].jwks_url\n"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("another kid: explain does not say %q: %v\n%s", want, err, out)
		}
	}
	stranger := explained{key: test.ECKey(elliptic.P256())}
	out, err = e.ask(t, stranger.bearer(t, func(b *devidp.Bearer) { b.Issuer, b.KeyID = "https://login.example.net", "k1" }), "--live")
	if err == nil || !strings.Contains(out, "bearer_signature") {
		t.Errorf("another signer: %v\n%s", err, out)
	}
	e.issuer.Close()
	out, err = e.ask(t, remote(nil), "--live")
	if err == nil || !strings.Contains(out, "keys_unavailable") || !strings.Contains(out, "connection refused") || !strings.Contains(out, "setting: issuers[1].jwks_url\n") {
		t.Errorf("an issuer that is away: %v\n%s", err, out)
	}
}

// TestExplainStatus runs the command as a process: 0 if the bearer is good, 1 if
// not, with the explanation on standard output.
func TestExplainStatus(t *testing.T) {
	t.Parallel()
	e := newExplained(t)
	for want, bearer := range []string{e.bearer(t, nil), e.bearer(t, func(b *devidp.Bearer) { b.Audience = []string{"x"} })} {
		cmd := command(t.Context(), t, "explain", "--config", e.config)
		cmd.Stdin = strings.NewReader(bearer)
		out, err := cmd.Output()
		status := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			status = exit.ExitCode()
		}
		if status != want || !strings.Contains(string(out), "issuers[0] (https://id.example.com)") {
			t.Errorf("explain = %d, want %d\n%s", status, want, out)
		}
	}
}

// TestEveryReasonIsExplained: each word that the log may have for a bearer is in
// docs/operations.md, and explain says what to do about it.
func TestEveryReasonIsExplained(t *testing.T) {
	t.Parallel()
	page := mustRead(t, "../../docs/operations.md")
	for _, reason := range auth.Reasons() {
		if strings.HasPrefix(reason, "session_") {
			continue // docs/sessions.md
		}
		if !strings.Contains(page, "\n| `"+reason+"` |") {
			t.Errorf("docs/operations.md has no row for %s", reason)
		}
		if bearerAdvice[reason] == "" {
			t.Errorf("explain does not say what to do about %s", reason)
		}
	}
}

// TestReasonsOfHandshakesAreExplained: a reason that the client is not told is in
// the documents.
func TestReasonsOfHandshakesAreExplained(t *testing.T) {
	t.Parallel()
	pages := mustRead(t, "../../docs/operations.md") + mustRead(t, "../../docs/sessions.md")
	for _, row := range gate.Refusals() {
		reason := ticket.Reason(row.Err)
		if reason != row.Refusal.Code && row.Refusal.Code != "internal" && !strings.Contains(pages, "`"+reason+"`") {
			t.Errorf("no page explains the reason %s", reason)
		}
	}
}

// TestExplainInDocs holds the output in docs/operations.md to the program. To
// write it again: go test ./cmd/wsticket -run TestExplainInDocs -update
func TestExplainInDocs(t *testing.T) {
	t.Parallel()
	const name = "../../docs/operations.md"
	e := newExplained(t)
	e.config = test.WriteFile(t, "wsticket.yaml", fmt.Sprintf(
		"issuers: [{issuer: \"https://id.example.com\", audience: [ws], public_key_file: %q}]", test.WriteFile(t, "key.pem", test.PublicPEM(e.key))))
	var blocks string
	for _, change := range []func(*devidp.Bearer){
		func(b *devidp.Bearer) { b.Audience = []string{"account"} },
		func(b *devidp.Bearer) { b.Issuer += "/" },
		func(b *devidp.Bearer) { b.Claims["nonce"], b.Claims["at_hash"] = "n-0S6", "x1bLMw" },
	} {
		out, err := e.ask(t, e.bearer(t, change))
		if err == nil {
			t.Errorf("a bearer is taken that should be refused:\n%s", out)
		}
		blocks += "```\n" + out + "wsticket: " + err.Error() + "\n```\n\n"
	}
	page := mustRead(t, name)
	before, rest, found := strings.Cut(page, "and an ID token:\n\n")
	_, after, ended := strings.Cut(rest, "\n#")
	if !found || !ended {
		t.Fatalf("%s has no output of explain", name)
	}
	want := before + "and an ID token:\n\n" + blocks + "#" + after
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if page != want {
		t.Errorf("%s is not what the program says: run this test with -update", name)
	}
}
