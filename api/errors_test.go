package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"wsticket/ticket"
)

var update = flag.Bool("update", false, "write testdata/answers.json anew")

// sentinels are the errors of package ticket by name. That its exported errors are
// all in the table is tested in package gate.
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

// answer is what a client gets, and the reason that it does not get.
type answer struct {
	Status     int             `json:"status"`
	Challenge  string          `json:"www_authenticate,omitempty"`
	Error      string          `json:"x_wsticket_error,omitempty"`
	RetryAfter string          `json:"retry_after,omitempty"`
	Reason     string          `json:"reason"`
	Body       json.RawMessage `json:"body"`
}

// answer returns the last answer, and checks that neither it nor the log has
// anything of an error's text.
func (h *house) answer(t *testing.T, w *httptest.ResponseRecorder) answer {
	t.Helper()
	if strings.Contains(w.Body.String()+h.log(), "SECRET") {
		t.Errorf("got %s and log %s, want nothing of the text", w.Body, h.log())
	}
	if internal := codeOf(w) == "internal"; internal != strings.Contains(h.log(), "internal error") {
		t.Errorf("got %d and log %q, want a log line for a fault of ours only", w.Code, h.log())
	}
	body := strings.Replace(w.Body.String(), w.Header().Get("X-Request-Id"), "r-1", 1) // it is a new one each time
	return answer{
		Status: w.Code, Challenge: w.Header().Get("WWW-Authenticate"), Error: w.Header().Get("X-Wsticket-Error"),
		RetryAfter: w.Header().Get("Retry-After"), Reason: h.last(t).Reason, Body: []byte(body),
	}
}

// TestAnswers compares the answer to each error with testdata/answers.json;
// -update writes it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	got := map[string]answer{
		"context.Canceled":   answerTo(t, context.Canceled),
		"an unknown error":   answerTo(t, errors.New("SECRET")),
		"*ticket.SpentError": answerTo(t, &ticket.SpentError{Mark: ticket.Mark{State: ticket.Revoked, At: noon()}}),
	}
	for name, sentinel := range sentinels() {
		err := fmt.Errorf("operation: SECRET: %w", sentinel)
		got["ticket."+name] = answerTo(t, err)
		for path, a := range answersToTicket(t, err) {
			got[path+" ticket."+name] = a
		}
	}
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

// answersToTicket returns what the endpoints where a ticket is presented answer if
// it cannot be redeemed because of err.
func answersToTicket(t *testing.T, err error) map[string]answer {
	t.Helper()
	h := newHouse(t, func(o *parts) { o.Gate.Redeemer, o.Introspector = failing{err}, failing{err} })
	answers := map[string]answer{
		"/consume":    h.answer(t, h.consume(t, `{"ticket":"`+unknownToken+`"}`)),
		"/introspect": h.answer(t, h.introspect(t, "token="+unknownToken)),
	}
	for _, a := range []asker{askers()["nginx"], askers()["traefik"]} {
		answers[a.path] = h.answer(t, h.internal(t, a.ask(t, "/ws?ticket="+unknownToken)))
	}
	return answers
}

// answerTo returns what the endpoints about tickets answer to err, whoever returns
// it: they have one answer.
func answerTo(t *testing.T, err error) answer {
	t.Helper()
	broken := newHouse(t, func(o *parts) { o.Issuer, o.Receipts = failing{err}, failing{err} })
	unauthenticated := newHouse(t, func(o *parts) {
		o.Gate.Authenticator = authenticate(func(string) (ticket.Identity, error) { return ticket.Identity{}, err })
	})
	ask := func(h *house, method, path string) answer {
		w := httptest.NewRecorder()
		h.Public().ServeHTTP(w, newRequest(t, method, path, "", "Authorization", good))
		return h.answer(t, w)
	}
	want := ask(unauthenticated, http.MethodPost, "/ws-ticket")
	for _, got := range []answer{
		ask(broken, http.MethodPost, "/ws-ticket"),
		ask(broken, http.MethodGet, "/ws-ticket/"+unknownID),
		ask(broken, http.MethodDelete, "/ws-ticket/"+unknownID),
	} {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: got %+v, want as elsewhere %+v", err, got, want)
		}
	}
	return want
}
