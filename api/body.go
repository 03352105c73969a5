package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"slices"
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
	return readBodyUpTo(w, r, kind, maxBody)
}

// readBodyUpTo is readBody with another bound, in bytes.
func readBodyUpTo(w http.ResponseWriter, r *http.Request, kind string, most int64) ([]byte, error) {
	wrongType := !isType(r.Header["Content-Type"], kind)
	switch {
	case !unencoded(r.Header["Content-Encoding"]):
		return nil, badHeader(errMediaType, r, "Content-Encoding", "must be absent")
	case wrongType && r.ContentLength > 0 && r.ContentLength <= most: // It need not come.
		return nil, badHeader(errMediaType, r, "Content-Type", "must be "+kind)
	}
	data, err := readAll(w, r, most)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, ticket.WithDetail(err, "body: at most "+strconv.FormatInt(most, 10)+" bytes")
	case err != nil:
		return nil, badRequest("body: incomplete")
	case len(data) == 0:
		return nil, nil
	case wrongType: // in chunks, which might have been none
		return nil, badHeader(errMediaType, r, "Content-Type", "must be "+kind)
	default:
		return data, nil
	}
}

// badHeader returns err about a header that breaks its rule.
func badHeader(err error, r *http.Request, name, rule string) error {
	err = ticket.WithAttrs(err, slog.String("header", name), slog.String("value", strings.Join(r.Header[name], ", ")), ticket.Expected(rule))
	return ticket.WithDetail(err, name+": "+rule)
}

// readAll checks Content-Length before it reads: the first read makes net/http
// answer 100 Continue, and the client would send all of it.
func readAll(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most {
		return nil, errTooLarge
	}
	if r.Body == http.NoBody {
		return nil, nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
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

// member is a member of a JSON body.
type member struct {
	name string
	// rule says what its value has to be, for the client.
	rule string
	// set takes the value, and reports whether it is what it has to be.
	set func(json.RawMessage) bool
}

// mustBeText is the rule of texts.
const mustBeText = "must be a text that is not empty"

// textMember is a member whose value is a text that is not empty, so that nobody
// has to know whether an empty one is the same as none.
func textMember(name string, into *string) member {
	return member{name, mustBeText, func(value json.RawMessage) (good bool) {
		*into, good = text(value)
		return good
	}}
}

// decode passes the members of a body to those that are known.
func decode(data []byte, known ...member) error {
	if len(data) == 0 {
		return badRequest("body: missing")
	}
	fields, err := strictjson.Members(data, 1)
	if err != nil {
		return badRequest("body: " + errors.Unwrap(err).Error()) // a fixed text
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		i := slices.IndexFunc(known, func(m member) bool { return m.name == name })
		if i < 0 {
			return ticket.WithAttrs(badRequest("unknown member; known are "+namesOf(known)), slog.String("member", name))
		}
		if m := known[i]; !m.set(fields[name]) {
			return badMember(m.name, m.rule)
		}
	}
	return nil
}

func namesOf(members []member) string {
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name
	}
	return strings.Join(names, ", ")
}

// badMember returns the error of a member that breaks its rule.
func badMember(name, rule string) error {
	return ticket.WithAttrs(badRequest(name+": "+rule), slog.String("member", name))
}

// badRequest returns an error that tells the client and the log what is wrong.
func badRequest(detail string) error {
	err := ticket.WithAttrs(fmt.Errorf("body: %w", ticket.ErrInvalidRequest), slog.String("fault", detail))
	return ticket.WithDetail(err, detail)
}

// decodeIssue sets the fields of req from the body.
func decodeIssue(data []byte, req *ticket.Request) error {
	return decode(data,
		textMember("audience", &req.Audience), textMember("scope", &req.Scope),
		member{"ttl", "must be a whole number of seconds, at least 1", func(value json.RawMessage) (good bool) {
			req.TTL, good = seconds(value)
			return good
		}},
	)
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
