package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
)

// document is api/openapi.yaml, read once.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("openapi.yaml")
})

func loadDocument(tb testing.TB) *openapi3.T {
	tb.Helper()
	doc, err := document()
	if err != nil {
		tb.Fatal(err)
	}
	return doc
}

// checkDocumented compares an answer with the document. Without a route it must be
// one of those that the document has for all paths.
func checkDocumented(tb testing.TB, r *http.Request, w *httptest.ResponseRecorder, pattern string) {
	tb.Helper()
	doc := loadDocument(tb)
	if pattern == "/auth/envoy/*" {
		pattern = "/auth/envoy/{path}"
	}
	operation, item := strayOperation(doc), doc.Paths.Find(pattern)
	if pattern != "" {
		method := r.Method
		// The document has the questions of proxies under one method.
		if method == http.MethodHead || strings.HasPrefix(pattern, "/auth/") {
			method = http.MethodGet
		}
		if item == nil || item.GetOperation(method) == nil {
			tb.Errorf("%s %s: not in the document", method, pattern)
			return
		}
		operation = item.GetOperation(method)
	}
	if operation.Responses.Status(w.Code) == nil {
		tb.Errorf("%s %s: status %d is not in the document", r.Method, pattern, w.Code)
	}
	request := &openapi3filter.RequestValidationInput{
		Request: r,
		Route:   &routers.Route{Spec: doc, Path: pattern, PathItem: item, Method: r.Method, Operation: operation},
	}
	err := openapi3filter.ValidateResponse(tb.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: w.Code, Header: w.Header(),
		Body:    io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		tb.Errorf("%s %s: the answer is not that of the document: %v", r.Method, pattern, err)
	}
}

// strayOperation has the answers to requests without a route.
func strayOperation(doc *openapi3.T) *openapi3.Operation {
	answers := doc.Components.Responses
	return &openapi3.Operation{Responses: openapi3.NewResponses(
		openapi3.WithStatus(http.StatusNotFound, answers["NotFound"]),
		openapi3.WithStatus(http.StatusMethodNotAllowed, answers["MethodNotAllowed"]),
		openapi3.WithStatus(http.StatusMisdirectedRequest, answers["HostNotAllowed"]),
	)}
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	if err := loadDocument(t).Validate(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nil)
	w := h.internal(t, newRequest(t, http.MethodGet, "/openapi.yaml", ""))
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("got %d and %d bytes, want 200 and the %d bytes of the file", w.Code, w.Body.Len(), len(want))
	}
	if got := w.Header().Get("Content-Type"); got != "application/yaml" {
		t.Errorf("got content type %q, want application/yaml", got)
	}
	w = h.public(t, newRequest(t, http.MethodGet, "/openapi.yaml", ""))
	expect(t, "the public listener does not serve it", w, 404, "not_found")
}

func TestDocumentNamesExactlyTheRoutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	mounted := make(map[string]bool)
	for _, router := range []http.Handler{h.Public(), h.Internal()} {
		routes, ok := router.(chi.Routes)
		if !ok {
			t.Fatalf("got a router of type %T, want one with routes", router)
		}
		err := chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
			if strings.HasPrefix(route, "/auth/") {
				// The document has one of its methods.
				method, route = http.MethodGet, strings.Replace(route, "*", "{path}", 1)
			}
			mounted[method+" "+route] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// The document does not mention HEAD, which goes with GET.
	for route := range mounted {
		if path, isHead := strings.CutPrefix(route, "HEAD "); isHead {
			if !mounted["GET "+path] {
				t.Errorf("%s: got no GET, want HEAD only beside it", route)
			}
			delete(mounted, route)
		}
	}
	documented := make(map[string]bool)
	for path, item := range loadDocument(t).Paths.Map() {
		for method := range item.Operations() {
			documented[method+" "+path] = true
		}
	}
	got, want := slices.Sorted(maps.Keys(mounted)), slices.Sorted(maps.Keys(documented))
	if !slices.Equal(got, want) {
		t.Errorf("got routes     %q\nwant documented %q", got, want)
	}
}

// TestDocumentNamesAllCodes: the document lists the codes of the shared vectors.
func TestDocumentNamesAllCodes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, code := range loadDocument(t).Components.Schemas["Problem"].Value.Properties["code"].Value.Enum {
		text, _ := code.(string)
		got = append(got, text)
	}
	slices.Sort(got)
	if want := slices.Sorted(maps.Keys(readVectors(t))); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// vector is a row of testdata/vectors/errors.json.
type vector struct {
	Code, Body      string
	Status          int
	WWWAuthenticate string `json:"www_authenticate"`
}

func readVectors(tb testing.TB) map[string]vector {
	tb.Helper()
	data, err := os.ReadFile("../testdata/vectors/errors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var file struct{ Problems []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		tb.Fatal(err)
	}
	vectors := make(map[string]vector)
	for _, v := range file.Problems {
		vectors[v.Code] = v
	}
	return vectors
}

// codeOf returns the code of a problem, empty for another answer.
func codeOf(w *httptest.ResponseRecorder) string { return problemOf(w).Code }

// detailOf returns the detail of a problem, empty if there is none.
func detailOf(w *httptest.ResponseRecorder) string { return problemOf(w).Detail }

func problemOf(w *httptest.ResponseRecorder) (p struct{ Code, Detail string }) {
	if w.Header().Get("Content-Type") != "application/problem+json" {
		return p
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		p.Code = "unreadable"
	}
	return p
}
