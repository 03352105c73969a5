// Package unread ends requests whose body nobody has read. By itself net/http
// waits for such a body, up to the server's ReadTimeout: before it sends the
// answer, or between the answer and the end of the connection.
package unread

import (
	"io"
	"net/http"
	"time"
)

// wait is how long after the answer the rest of a body is read. A connection that
// is closed with unread data is reset, and a reset may destroy the answer before
// the client has read it.
const wait = 500 * time.Millisecond

// Middleware answers at once where next does not read the body of a request to
// its end, such as when it refuses the request. The answer then has "Connection:
// close", and the connection ends 1 s later at the latest, whether the body
// comes or not. Requests without a body, or with one that was read, are not
// affected, nor are those of HTTP/2, where a body delays nothing.
func Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody || r.ProtoMajor != 1 {
			next.ServeHTTP(w, r)
			return
		}
		b := &body{ReadCloser: r.Body, answer: w.Header()}
		b.answer.Set("Connection", "close")
		served := false
		defer func() { b.finish(w, served) }()
		// The server goes by the body in its own request.
		seen := r.WithContext(r.Context())
		seen.Body = b
		next.ServeHTTP(w, seen)
		served = true
	})
}

// body is the body of a request. Only the goroutine that serves the request may
// use it.
type body struct {
	io.ReadCloser
	answer http.Header
	read   bool // to its end
}

// Read lets the connection live on after the answer once the body has been read
// to its end.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF && !b.read {
		b.read = true
		b.answer.Del("Connection")
	}
	return n, err
}

// finish bounds the time for which the server waits for the rest of the body, and
// reads that once the answer is out. The server would read nothing where the client
// has asked for the end of the connection, and no more than 256 KiB elsewhere. The
// answer of a handler that has panicked is not sent.
func (b *body) finish(w http.ResponseWriter, served bool) {
	if b.read {
		return
	}
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(wait)) != nil || !served {
		return // The server reads on by itself, or closes the connection.
	}
	if c.Flush() == nil {
		_, _ = io.Copy(io.Discard, b.ReadCloser)
	}
}
