package service

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wsticket/api"
	"wsticket/ticket"
)

// BenchmarkHandler measures the cost of a request in the service itself:
// without a socket, with the memory store, one request at a time. It is the
// steadiest benchmark here, and does not show how many requests a server
// answers.
func BenchmarkHandler(b *testing.B) {
	bearer, keyFile := benchBearer(b)
	a := benchService(b, checkConfig(b, "memory:", keyFile, "192.0.2.1"))
	for _, row := range []struct {
		name    string
		handler http.Handler
		request func(token string, n int) *http.Request
		spends  bool
	}{
		{"issue", a.handler((*api.Server).Public), func(string, int) *http.Request {
			return asked(b, http.MethodPost, "/ws-ticket", "", "Authorization", "Bearer "+bearer)
		}, false},
		{"consume", a.internalHandler(), func(token string, n int) *http.Request {
			return asked(b, http.MethodPost, "/consume",
				fmt.Sprintf(`{"ticket":%q,"attempt":"a-%d","origin":"https://app.example.com"}`, token, n),
				"Authorization", "Bearer "+chatKey, "Content-Type", "application/json")
		}, true},
		{"nginx", a.internalHandler(), func(token string, n int) *http.Request {
			return asked(b, http.MethodGet, "/auth/nginx", "",
				"X-Original-Uri", "/ws?ticket="+token, "X-Original-Method", "GET", "X-Forwarded-Host", "localhost",
				"X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.5", "X-Request-Id", fmt.Sprintf("%032x", n),
				"Origin", "https://app.example.com", "Sec-Websocket-Version", "13", "Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==",
				"Sec-Websocket-Extensions", "permessage-deflate; client_max_window_bits", "User-Agent", "Mozilla/5.0")
		}, true},
		{"livez", a.internalHandler(), func(string, int) *http.Request { return asked(b, http.MethodGet, "/livez", "") }, false},
	} {
		b.Run(row.name, func(b *testing.B) {
			requests := make([]*http.Request, b.N)
			for n := range requests {
				var token ticket.Token
				if row.spends {
					if err := issueTo(b, a.current().tickets, &token); err != nil {
						b.Fatal(err)
					}
				}
				requests[n] = row.request(token.Reveal(), n)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for _, r := range requests {
				row.handler.ServeHTTP(&nowhere{header: make(http.Header)}, r)
			}
		})
	}
}

// asked is a request with headers, as a list of names and values.
func asked(b *testing.B, method, path, body string, headers ...string) *http.Request {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), method, path, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody // as the server has it
	}
	r.Host = "localhost"
	for n := 0; n < len(headers); n += 2 {
		r.Header[headers[n]] = headers[n+1 : n+2]
	}
	return r
}

// nowhere is a ResponseWriter that drops the answer.
type nowhere struct{ header http.Header }

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(int)             {}
func (w *nowhere) Write(p []byte) (int, error) { return io.Discard.Write(p) }
