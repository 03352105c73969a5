package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"wsticket/auth"
	"wsticket/internal/test"
)

// page is the origin in the recipes.
const page = "https://app.example.com"

// recipes returns the YAML blocks of docs/identity-providers.md, and the page.
func recipes(t *testing.T) (blocks []string, text string) {
	t.Helper()
	text = mustRead(t, "../../docs/identity-providers.md")
	for _, found := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, found[1])
	}
	return blocks, text
}

// recipeOf returns the only YAML block that contains what.
func recipeOf(t *testing.T, what string) string {
	t.Helper()
	blocks, _ := recipes(t)
	blocks = slices.DeleteFunc(blocks, func(block string) bool { return !strings.Contains(block, what) })
	if len(blocks) != 1 {
		t.Fatalf("%d YAML blocks of the page have %q, want one", len(blocks), what)
	}
	return blocks[0]
}

// recipeFile writes a recipe with the test's secret file.
func recipeFile(t *testing.T, recipe string) string {
	t.Helper()
	secret := test.WriteFile(t, "supabase.secret", providerSecret)
	return test.WriteFile(t, "wsticket.yaml", strings.ReplaceAll(recipe, "supabase.secret", secret))
}

// atTestIssuer makes a recipe ask the test's issuer, which is on loopback and
// without TLS.
func atTestIssuer(recipe string, issuer *testIssuer) string {
	return issuer.hosts.Replace(regexp.MustCompile(`(?m)^    issuer: .*$`).
		ReplaceAllString(recipe, "$0\n    insecure_allow_private_network: true"))
}

// providerTokens returns the tokens of each provider.
func providerTokens(t *testing.T) map[string][]fieldCase[providerToken] {
	t.Helper()
	tokens := map[string][]fieldCase[providerToken]{}
	for _, c := range fieldCases[providerToken](t, "providers.json") {
		tokens[c.Input.Provider] = append(tokens[c.Input.Provider], c)
	}
	return tokens
}

// TestRecipes follows each recipe of docs/identity-providers.md: the provider's
// tokens get a ticket and a WebSocket with it, and others are refused for the
// reason that the page tells.
func TestRecipes(t *testing.T) {
	tokens := providerTokens(t)
	for _, c := range fieldCases[providerDocuments](t, "provider_documents.json") {
		t.Run(c.Input.Provider, func(t *testing.T) {
			t.Parallel()
			issuer := newTestIssuer(t, c.Input)
			issuer.serve(t)
			file := recipeFile(t, atTestIssuer(recipeOf(t, c.Input.Recipe), issuer))
			p := start(t, "serve", "--config", file, "--set", "public.listen=127.0.0.1:0", "--set", "internal.listen=127.0.0.1:0")
			accepted, refused := 0, 0
			for _, token := range tokens[c.Input.Provider] {
				if bearer := issuer.sign(t, token.Input); token.Want == "ok" {
					opens(t, p, bearer, token)
					accepted++
				} else {
					isRefused(t, p, bearer, token)
					refused++
				}
			}
			if accepted == 0 || refused == 0 {
				t.Errorf("%d tokens accepted and %d refused, want both", accepted, refused)
			}
		})
	}
}

// opens goes from a bearer to a WebSocket, as a page does.
func opens(t *testing.T, p *process, bearer string, token fieldCase[providerToken]) {
	t.Helper()
	ask := func(body string) answer {
		return exchange(t, http.MethodPost, "http://"+p.public+"/ws-ticket", body,
			"Authorization", "Bearer "+bearer, "Content-Type", "application/json", "Origin", page)
	}
	wanted := map[string]string{}
	if token.Input.Scope != "" {
		wanted["scope"] = token.Input.Scope
	}
	var got issued
	a := ask(encode(t, wanted))
	if a.status != http.StatusCreated || json.Unmarshal([]byte(a.body), &got) != nil {
		t.Errorf("%s: POST /ws-ticket = %d %s\n%s\n%s", token.Source, a.status, a.body, token.Why, p.stderr)
		return
	}
	_, hello, res := dial(t, got.URL, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {page}}})
	if hello.UserID != token.Input.Subject {
		t.Errorf("%s: greeted as %+v (%v), want %s: %s", token.Source, hello, res, token.Input.Subject, token.Why)
	}
	if a := ask(`{"scope": "no-such-scope"}`); a.status != http.StatusForbidden {
		t.Errorf("%s: a ticket for a scope that it has not = %d %s", token.Source, a.status, a.body)
	}
}

// isRefused expects 401, and the reason in the log line of the request.
func isRefused(t *testing.T, p *process, bearer string, token fieldCase[providerToken]) {
	t.Helper()
	a := send(t, http.MethodPost, "http://"+p.public+"/ws-ticket", bearer, "")
	var problem struct {
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || a.status != http.StatusUnauthorized {
		t.Errorf("%s: POST /ws-ticket = %d %s, want 401: %s", token.Source, a.status, a.body, token.Why)
		return
	}
	line := p.stderr.WaitFor(t, problem.RequestID)
	if !strings.Contains(line, `"reason":"`+token.Want+`"`) {
		t.Errorf("%s: the log says\n%s\nwant %s: %s", token.Source, line, token.Want, token.Why)
	}
}

// TestExplainSaysTheSameOfRecipes: explain, with the page's YAML as it is and
// without a connection, gives the reason that serve has in its log.
func TestExplainSaysTheSameOfRecipes(t *testing.T) {
	tokens := providerTokens(t)
	for _, c := range fieldCases[providerDocuments](t, "provider_documents.json") {
		issuer := newTestIssuer(t, c.Input)
		file := recipeFile(t, recipeOf(t, c.Input.Recipe))
		for _, token := range tokens[c.Input.Provider] {
			out, _, err := runIn(t, nil, "explain", "--config", file, "--bearer-file", test.WriteFile(t, "token", issuer.sign(t, token.Input)))
			if want := " refuses it: " + token.Want; token.Want == "ok" && err != nil {
				t.Errorf("%s: %v\n%s", token.Source, err, out)
			} else if token.Want != "ok" && !strings.Contains(strings.ReplaceAll(out, " is refused: ", " refuses it: "), want) {
				t.Errorf("%s: explain says\n%s\nwant %s", token.Source, out, token.Want)
			}
		}
	}
}

// TestRecipesAreGoodConfigurations checks each YAML block as it is on the page,
// and that there is one for each profile.
func TestRecipesAreGoodConfigurations(t *testing.T) {
	blocks, text := recipes(t)
	var profiles []string
	for _, block := range blocks {
		if !strings.Contains(block, "origins:") {
			continue // for a provider that has no profile
		}
		out, _, err := runIn(t, nil, "check-config", "--config", recipeFile(t, block))
		if err != nil {
			t.Errorf("%s\n%v", block, err)
			continue
		}
		preset := regexp.MustCompile(`^issuers\[0\]: profile (\w+): .*\n`).FindStringSubmatch(out)
		if preset == nil {
			t.Errorf("%s\ncheck-config does not say what the profile sets: %s", block, out)
			continue
		}
		profiles = append(profiles, preset[1])
		if preset[1] == "cognito" && !strings.Contains(text, "\n"+preset[0]) {
			t.Errorf("the page does not show what check-config says: %s", preset[0])
		}
	}
	slices.Sort(profiles)
	if want := auth.Profiles(); !slices.Equal(slices.Compact(profiles), want) {
		t.Errorf("recipes for %q, profiles are %q", profiles, want)
	}
}

func TestHelpNamesEveryProfile(t *testing.T) {
	text := mustRead(t, referenceFile)
	_, row, _ := strings.Cut(text, "| `issuers[].profile` |")
	row, _, _ = strings.Cut(row, "\n")
	for _, name := range auth.Profiles() {
		if !strings.Contains(row, name) {
			t.Errorf("the help of profile does not name %s", name)
		}
	}
}
