package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"wsticket/internal/strictjson"
	"wsticket/ticket"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 4 << 10

// The media types of bodies.
const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// readBody returns the body of a request, which must have the media type kind,
// and nil if the request has none.
func readBody(w http.ResponseWriter, r *http.Request, kind string) ([]byte, error) {
	if !unencoded(r.Header["Content-Encoding"]) {
		return nil, fmt.Errorf("content encoding: %w", errMediaType)
	}
	data, err := readAll(w, r)
	switch {
	case errors.Is(err, errTooLarge):
		// Otherwise net/http reads the rest, to reuse the connection.
		w.Header().Set("Connection", "close")
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("body: %w", ticket.ErrInvalidRequest)
	case len(data) == 0:
		return nil, nil
	case !isType(r.Header["Content-Type"], kind):
		return nil, fmt.Errorf("content type: %w", errMediaType)
	default:
		return data, nil
	}
}

// readAll checks Content-Length before it reads: the first read makes net/http
// answer 100 Continue, and the client would send all of it.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, errTooLarge
	}
	if r.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, exceeded := errors.AsType[*http.MaxBytesError](err); exceeded {
		return nil, errTooLarge
	}
	return data, err
}

// unencoded reports whether a Content-Encoding is absent or identity.
func unencoded(headers []string) bool {
	for _, h := range headers {
		if !strings.EqualFold(h, "identity") {
			return false
		}
	}
	return true
}

// isType reports whether there is one Content-Type, and it is want. The types
// here have no parameters (RFC 8259 11, URL Standard 5.1). The charset utf-8,
// which is theirs in any case, is accepted.
func isType(headers []string, want string) bool {
	if len(headers) != 1 {
		return false
	}
	kind, params, err := mime.ParseMediaType(headers[0])
	if err != nil || kind != want {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// decodeIssue sets the fields of req from the body. A field that is present must
// not be empty, so that nobody has to know whether an empty scope is the same as
// none.
func decodeIssue(data []byte, req *ticket.Request) error {
	fields, err := strictjson.Members(data, 1)
	if err != nil {
		return fmt.Errorf("body: %w", ticket.ErrInvalidRequest)
	}
	for name, value := range fields {
		good := false
		switch name {
		case "audience":
			req.Audience, good = text(value)
		case "scope":
			req.Scope, good = text(value)
		case "ttl":
			req.TTL, good = seconds(value)
		}
		if !good {
			return fmt.Errorf("body: field: %w", ticket.ErrInvalidRequest)
		}
	}
	return nil
}

// text returns the JSON string in value, and reports whether it is one and not
// empty.
func text(value json.RawMessage) (string, bool) {
	s, ok := strictjson.Text(value)
	return s, ok && s != ""
}

// seconds returns the duration in value, and reports whether value is a positive
// integer without sign, fraction and exponent.
func seconds(value json.RawMessage) (*time.Duration, bool) {
	n, err := strconv.ParseUint(string(value), 10, 31)
	if err != nil || n == 0 {
		return nil, false
	}
	d := time.Duration(n) * time.Second
	return &d, true
}
