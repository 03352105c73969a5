package problem_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"wsticket/internal/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// all is every problem by its name; TestAllIsComplete holds it to the source.
func all() map[string]problem.Problem {
	return map[string]problem.Problem{
		"InvalidRequest":       problem.InvalidRequest,
		"CredentialInURL":      problem.CredentialInURL,
		"MissingCredential":    problem.MissingCredential,
		"InvalidToken":         problem.InvalidToken,
		"InsufficientScope":    problem.InsufficientScope,
		"OriginNotAllowed":     problem.OriginNotAllowed,
		"HostNotAllowed":       problem.HostNotAllowed,
		"InvalidTicket":        problem.InvalidTicket,
		"RateLimited":          problem.RateLimited,
		"TooLarge":             problem.TooLarge,
		"UnsupportedMediaType": problem.UnsupportedMediaType,
		"NotFound":             problem.NotFound,
		"MethodNotAllowed":     problem.MethodNotAllowed,
		"UpgradeRequired":      problem.UpgradeRequired,
		"UpstreamFailed":       problem.UpstreamFailed,
		"Unavailable":          problem.Unavailable,
		"Internal":             problem.Internal,
	}
}

func TestAllIsComplete(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared int
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, name := range spec.Names {
			if !name.IsExported() {
				continue
			}
			declared++
			if _, known := all()[name.Name]; !known {
				t.Errorf("%s: not in the tests", name.Name)
			}
		}
		return false
	})
	if declared != len(all()) {
		t.Errorf("got %d declared problems, want %d", declared, len(all()))
	}
}

// TestWriteAgreesWithVectors holds each answer to the vectors that clients of all
// languages share.
func TestWriteAgreesWithVectors(t *testing.T) {
	t.Parallel()
	vectors := readVectors(t)
	if len(vectors) != len(all()) {
		t.Errorf("got %d vectors, want %d", len(vectors), len(all()))
	}
	for name, p := range all() {
		want, known := vectors[p.Code]
		if !known {
			t.Errorf("%s: no vector for %q", name, p.Code)
			continue
		}
		if want.Status != p.Status || want.Title != p.Title {
			t.Errorf("%s: got %d %q, want %d %q", name, p.Status, p.Title, want.Status, want.Title)
		}
		w := httptest.NewRecorder()
		problem.Write(w, p)
		if got := w.Body.String(); got != want.Body || w.Code != want.Status {
			t.Errorf("%s: got %d %s, want %d %s", name, w.Code, got, want.Status, want.Body)
		}
	}
}

func TestWriteSetsHeaders(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	h := w.Header()
	h.Set("X-Request-Id", "r-1")
	h.Set("Retry-After", "7")
	// Left over from an answer that did not come to be.
	h.Set("Content-Encoding", "gzip")
	h.Set("Location", "/ws-ticket/x")
	h.Set("ETag", `"x"`)
	h.Set("Cache-Control", "max-age=60")
	problem.Write(w, problem.Unavailable)

	want := map[string]string{
		"Content-Type": "application/problem+json", "Cache-Control": "no-store",
		"Content-Length": strconv.Itoa(w.Body.Len()),
		"X-Request-Id":   "r-1", "Retry-After": "7",
		"Content-Encoding": "", "Location": "", "ETag": "",
	}
	for name, value := range want {
		if got := h.Get(name); got != value {
			t.Errorf("%s: got %q, want %q", name, got, value)
		}
	}
	const body = `{"type":"about:blank","title":"The service is temporarily unavailable",` +
		`"status":503,"code":"unavailable","request_id":"r-1"}`
	if got := w.Body.String(); got != body || w.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d %s, want 503 %s", w.Code, got, body)
	}
}

type vector struct {
	Code, Title, Body string
	Status            int
}

func readVectors(t *testing.T) map[string]vector {
	t.Helper()
	data, err := os.ReadFile("../../testdata/vectors/errors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Problems []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	vectors := make(map[string]vector)
	for _, v := range file.Problems {
		vectors[v.Code] = v
	}
	return vectors
}
