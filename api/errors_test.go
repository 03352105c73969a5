package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/ticket"
)

var update = flag.Bool("update", false, "write testdata/answers.json anew")

// sentinels are the errors of package ticket by name; the test below holds
// them to its source.
func sentinels() map[string]error {
	return map[string]error{
		"ErrInvalidRequest":    ticket.ErrInvalidRequest,
		"ErrInvalidBearer":     ticket.ErrInvalidBearer,
		"ErrShortLived":        ticket.ErrShortLived,
		"ErrInsufficientScope": ticket.ErrInsufficientScope,
		"ErrMalformedToken":    ticket.ErrMalformedToken,
		"ErrNotFound":          ticket.ErrNotFound,
		"ErrExpired":           ticket.ErrExpired,
		"ErrSpent":             ticket.ErrSpent,
		"ErrRevoked":           ticket.ErrRevoked,
		"ErrFenced":            ticket.ErrFenced,
		"ErrWrongAudience":     ticket.ErrWrongAudience,
		"ErrWrongOrigin":       ticket.ErrWrongOrigin,
		"ErrCorrupt":           ticket.ErrCorrupt,
		"ErrExists":            ticket.ErrExists,
		"ErrUnavailable":       ticket.ErrUnavailable,
		"ErrFull":              ticket.ErrFull,
	}
}

// TestEveryDomainErrorHasARow walks the source, so that an error that is new
// there cannot be forgotten here.
func TestEveryDomainErrorHasARow(t *testing.T) {
	t.Parallel()
	declared := make(map[string]bool)
	for _, file := range parseDir(t, "../ticket") {
		for _, decl := range file.Decls {
			for _, name := range declaredNames(decl) {
				if strings.HasPrefix(name, "Err") && ast.IsExported(name) {
					declared[name] = true
				}
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(sentinels())), slices.Sorted(maps.Keys(declared)); !slices.Equal(got, want) {
		t.Errorf("got sentinels in this test %q, want %q", got, want)
	}
	rows := rowsOfTheTable(t)
	for name := range declared {
		if !rows["ticket."+name] {
			t.Errorf("ticket.%s: got no row in rules(), want one", name)
		}
	}
}

func declaredNames(decl ast.Decl) (names []string) {
	block, ok := decl.(*ast.GenDecl)
	if !ok {
		return nil
	}
	for _, spec := range block.Specs {
		if value, ok := spec.(*ast.ValueSpec); ok {
			for _, name := range value.Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// rowsOfTheTable returns what stands first in each row of rules().
func rowsOfTheTable(t *testing.T) map[string]bool {
	t.Helper()
	rows := make(map[string]bool)
	for _, file := range parseDir(t, ".") {
		ast.Inspect(file, func(n ast.Node) bool {
			if f, isFunc := n.(*ast.FuncDecl); isFunc {
				return f.Name.Name == "rules"
			}
			row, ok := n.(*ast.CompositeLit)
			if !ok || row.Type != nil || len(row.Elts) == 0 {
				return true
			}
			switch first := row.Elts[0].(type) {
			case *ast.SelectorExpr:
				rows[fmt.Sprintf("%s.%s", first.X, first.Sel.Name)] = true
			case *ast.Ident:
				rows[first.Name] = true
			}
			return true
		})
	}
	return rows
}

// TestEveryRefusalHasARow: those of package api itself.
func TestEveryRefusalHasARow(t *testing.T) {
	t.Parallel()
	rows := rowsOfTheTable(t)
	for _, file := range parseDir(t, ".") {
		for _, decl := range file.Decls {
			for _, name := range declaredNames(decl) {
				if strings.HasPrefix(name, "err") && !rows[name] {
					t.Errorf("%s: got no row in rules(), want one", name)
				}
			}
		}
	}
}

func parseDir(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	notTest := func(info fs.FileInfo) bool { return !strings.HasSuffix(info.Name(), "_test.go") }
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !strings.HasSuffix(entry.Name(), ".go") || !notTest(info) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), dir+"/"+entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// answer is what a client is told, as the golden file has it.
type answer struct {
	Status     int             `json:"status"`
	Challenge  string          `json:"www_authenticate,omitempty"`
	Error      string          `json:"x_wsticket_error,omitempty"`
	RetryAfter string          `json:"retry_after,omitempty"`
	Reason     string          `json:"reason"`
	Body       json.RawMessage `json:"body"`
}

// TestAnswers holds the answer to each row to testdata/answers.json
// (-update writes it), and each body to the vectors that clients share.
func TestAnswers(t *testing.T) {
	t.Parallel()
	got := make(map[string]answer)
	for name, err := range sentinels() {
		got["ticket."+name] = answerTo(t, fmt.Errorf("operation: SECRET: %w", err))
	}
	got["context.Canceled"] = answerTo(t, context.Canceled)
	got["an unknown error"] = answerTo(t, errors.New("SECRET"))
	spent := &ticket.SpentError{Mark: ticket.Mark{State: ticket.Revoked, At: noon()}}
	got["*ticket.SpentError"] = answerTo(t, spent)

	for name, a := range got {
		var body struct{ Code string }
		if err := json.Unmarshal(a.Body, &body); err != nil {
			t.Fatal(err)
		}
		want := readVectors(t)[body.Code]
		wantBody := strings.TrimSuffix(want.Body, "}") + `,"request_id":"r-1"}`
		if a.Status != want.Status || string(a.Body) != wantBody || a.Challenge != want.WWWAuthenticate {
			t.Errorf("%s: got %d %s %q, want that of the vector: %d %s %q",
				name, a.Status, a.Body, a.Challenge, want.Status, wantBody, want.WWWAuthenticate)
		}
	}
	for name, err := range sentinels() {
		for path, a := range presentedAnswers(t, fmt.Errorf("operation: SECRET: %w", err)) {
			got[path+" ticket."+name] = a
		}
	}
	compareGolden(t, got)
}

// presentedAnswers returns what the endpoints answer where a ticket is
// presented and redeeming it is an error.
func presentedAnswers(t *testing.T, cause error) map[string]answer {
	t.Helper()
	h := newHouse(t, func(o *api.Options) { o.Redeemer = failing(cause) })
	ask := map[string]func() *httptest.ResponseRecorder{
		"/consume": func() *httptest.ResponseRecorder {
			return h.consume(t, `{"ticket":"`+unknownToken+`"}`, "X-Request-Id", "r-1")
		},
		"/introspect": func() *httptest.ResponseRecorder {
			return h.introspect(t, "token="+unknownToken, "X-Request-Id", "r-1")
		},
	}
	for _, a := range []asker{askers()["nginx"], askers()["traefik"]} {
		r := a.ask(t, "/ws?ticket="+unknownToken)
		r.Header.Set("X-Request-Id", "r-1")
		ask[a.path] = func() *httptest.ResponseRecorder { return h.internal(t, r) }
	}
	answers := make(map[string]answer)
	for path, do := range ask {
		w := do()
		answers[path] = answer{
			Status: w.Code, Challenge: w.Header().Get("WWW-Authenticate"), Error: w.Header().Get("X-Wsticket-Error"),
			RetryAfter: w.Header().Get("Retry-After"), Reason: h.last(t).Reason, Body: w.Body.Bytes(),
		}
	}
	if strings.Contains(h.log(), "SECRET") {
		t.Errorf("%v: got log %s, want nothing of the text", cause, h.log())
	}
	return answers
}

func compareGolden(t *testing.T, got map[string]answer) {
	t.Helper()
	const golden = "testdata/answers.json"
	data, err := json.MarshalIndent(got, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	data = append(data, '\n')
	if *update {
		if err := os.WriteFile(golden, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Errorf("got %s\nwant %s", data, want)
	}
}

// answerTo returns what the three endpoints answer to an error of the domain
// and of the Authenticator, which has to be one answer.
func answerTo(t *testing.T, cause error) answer {
	t.Helper()
	broken := domain{
		issue: func(context.Context, ticket.Request) (ticket.Ticket, error) { return ticket.Ticket{}, cause },
		lookup: func(context.Context, ticket.ID, ticket.Identity) (ticket.Receipt, error) {
			return ticket.Receipt{}, cause
		},
		revoke: func(context.Context, ticket.ID, ticket.Identity) error { return cause },
	}
	inDomain := newHouse(t, func(o *api.Options) { o.Issuer, o.Receipts = broken, broken })
	inAuth := newHouse(t, func(o *api.Options) {
		o.Authenticator = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, cause })
	})
	ask := func(h *house, method, target string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.Public().ServeHTTP(w, newRequest(t, method, target, "", "Authorization", good, "X-Request-Id", "r-1"))
		if strings.Contains(w.Body.String()+h.log(), "SECRET") {
			t.Errorf("%v: got %s and log %s, want nothing of the text", cause, w.Body, h.log())
		}
		if internal := w.Code == 500; internal != strings.Contains(h.log(), "internal error") {
			t.Errorf("%v: got %d and log %q, want a log line for a fault of ours only", cause, w.Code, h.log())
		}
		return w
	}
	w := ask(inDomain, http.MethodPost, "/ws-ticket")
	a := answer{
		Status: w.Code, Challenge: w.Header().Get("WWW-Authenticate"), RetryAfter: w.Header().Get("Retry-After"),
		Reason: inDomain.last(t).Reason, Body: w.Body.Bytes(),
	}
	for _, again := range []*httptest.ResponseRecorder{
		ask(inAuth, http.MethodPost, "/ws-ticket"),
		ask(inDomain, http.MethodGet, "/ws-ticket/"+unknownID),
		ask(inDomain, http.MethodDelete, "/ws-ticket/"+unknownID),
	} {
		if again.Code != w.Code || again.Body.String() != w.Body.String() ||
			again.Header().Get("WWW-Authenticate") != a.Challenge || again.Header().Get("Retry-After") != a.RetryAfter {
			t.Errorf("%v: got %d %s, want as elsewhere %d %s", cause, again.Code, again.Body, w.Code, w.Body)
		}
	}
	return a
}
