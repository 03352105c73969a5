package problem_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"

	"wsticket/internal/problem"
)

// all returns every problem by its name.
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

// The responses are those of the vectors that clients in all languages share.
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
	// From a response that was given up.
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
