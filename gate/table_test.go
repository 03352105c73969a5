package gate_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"wsticket/gate"
	"wsticket/internal/problem"
	"wsticket/ticket"
)

// Each sentinel of package ticket has a row, so that a new one cannot be
// forgotten, and one ending. TestAnswers holds the list against the source.
func TestAnswers(t *testing.T) {
	const (
		tickets = `Ticket realm="wsticket", error="invalid_ticket"`
		bearers = `Bearer realm="wsticket", error="invalid_token"`
		scopes  = `Bearer realm="wsticket", error="insufficient_scope"`
	)
	tests := map[string]struct {
		err              error
		status           int
		code, reason     string
		challenge, retry string
		ending           ticket.Ending
	}{
		"ErrSpent":              {&ticket.SpentError{Mark: ticket.Mark{State: ticket.Redeemed}}, 401, "invalid_ticket", "spent", tickets, "", ticket.EndAuthFailed},
		"ErrRevoked":            {&ticket.SpentError{Mark: ticket.Mark{State: ticket.Revoked}}, 401, "invalid_ticket", "revoked", tickets, "", ticket.EndAuthFailed},
		"ErrNotFound":           {ticket.ErrNotFound, 401, "invalid_ticket", "not_found", tickets, "", ticket.EndAuthFailed},
		"ErrExpired":            {ticket.ErrExpired, 401, "invalid_ticket", "expired", tickets, "", ticket.EndAuthFailed},
		"ErrVoided":             {ticket.ErrVoided, 401, "invalid_ticket", "voided", tickets, "", ticket.EndAuthFailed},
		"ErrFenced":             {ticket.ErrFenced, 401, "invalid_ticket", "fenced", tickets, "", ticket.EndAuthFailed},
		"ErrMalformedToken":     {ticket.ErrMalformedToken, 401, "invalid_ticket", "malformed", tickets, "", ticket.EndAuthFailed},
		"ErrWrongAudience":      {ticket.ErrWrongAudience, 401, "invalid_ticket", "wrong_audience", tickets, "", ticket.EndAuthFailed},
		"ErrWrongOrigin":        {ticket.ErrWrongOrigin, 401, "invalid_ticket", "wrong_origin", tickets, "", ticket.EndAuthFailed},
		"ErrCorrupt":            {ticket.ErrCorrupt, 401, "invalid_ticket", "corrupt", tickets, "", ticket.EndAuthFailed},
		"ErrInvalidBearer":      {ticket.ErrInvalidBearer, 401, "invalid_token", "invalid_bearer", bearers, "", ticket.EndAuthFailed},
		"ErrBearerRevoked":      {ticket.ErrBearerRevoked, 401, "invalid_token", "bearer_revoked", bearers, "", ticket.EndAuthFailed},
		"ErrShortLived":         {ticket.ErrShortLived, 401, "invalid_token", "short_lived", bearers, "", ticket.EndAuthFailed},
		"ErrInsufficientScope":  {ticket.ErrInsufficientScope, 403, "insufficient_scope", "insufficient_scope", scopes, "", ticket.EndPolicy},
		"ErrInvalidRequest":     {ticket.ErrInvalidRequest, 400, "invalid_request", "invalid_request", "", "", ticket.EndPolicy},
		"ErrTooManyConnections": {ticket.ErrTooManyConnections, 429, "rate_limited", "too_many_connections", "", "5", ticket.EndTooMany},
		"ErrTooManyTickets":     {ticket.ErrTooManyTickets, 429, "rate_limited", "too_many_tickets", "", "5", ticket.EndOverload},
		"ErrFull":               {ticket.ErrFull, 503, "unavailable", "full", "", "5", ticket.EndOverload},
		"ErrUnavailable":        {ticket.ErrUnavailable, 503, "unavailable", "unavailable", "", "1", ticket.EndOverload},
		"ErrExists":             {ticket.ErrExists, 500, "internal", "exists", "", "", ticket.EndInternal},

		"the caller has left":       {context.Canceled, 503, "unavailable", "canceled", "", "1", ticket.EndOverload},
		"anything else":             {errors.New("any"), 500, "internal", "internal", "", "", ticket.EndInternal},
		"a limit says when":         {&gate.LimitError{RetryAfter: 90 * time.Second}, 429, "rate_limited", "rate_limited", "", "90", ticket.EndOverload},
		"a limit is rounded up":     {&gate.LimitError{RetryAfter: 1001 * time.Millisecond}, 429, "rate_limited", "rate_limited", "", "2", ticket.EndOverload},
		"a limit is at least 1 s":   {&gate.LimitError{}, 429, "rate_limited", "rate_limited", "", "1", ticket.EndOverload},
		"a bearer that was good":    {expired(t), 401, "invalid_token", "bearer_expired", bearers, "", ticket.EndExpired},
		"an origin, by status only": {gate.ErrOrigin, 403, "origin_not_allowed", "origin_not_allowed", "", "", ticket.Ending{}},
	}
	for rule, tt := range tests {
		answer := gate.Refusals().Of(fmt.Errorf("wrapped: %w", tt.err))
		w := httptest.NewRecorder()
		answer.Write(w)
		if w.Code != tt.status || answer.Code != tt.code || answer.Reason != tt.reason || answer.Ending != tt.ending ||
			w.Header().Get("Www-Authenticate") != tt.challenge || w.Header().Get("Retry-After") != tt.retry {
			t.Errorf("%s: %d %v\n%+v\nwant %+v", rule, w.Code, w.Header(), answer, tt)
		}
	}
	limited := httptest.NewRecorder()
	gate.Refusals().Of(gate.LimitedBy("limits.per_subject", &gate.LimitError{RetryAfter: 1500 * time.Millisecond, Events: 10, Per: time.Minute})).Write(limited)
	if policy, left := limited.Header().Get("RateLimit-Policy"), limited.Header().Get("RateLimit"); policy != `"per_subject";q=10;w=60` || left != `"per_subject";r=0;t=2` {
		t.Errorf("RateLimit-Policy %s, RateLimit %s, want those of the limit", policy, left)
	}
	for _, name := range exported(t, "../ticket/errors.go") {
		if tests[name].err == nil {
			t.Errorf("ticket.%s is missing in this test, and perhaps in the table", name)
		}
	}
}

func expired(t *testing.T) error {
	t.Helper()
	_, err := ticket.GrantOf(ticket.Identity{}, "", time.Now())
	return err
}

// exported lists the exported errors of a file.
func exported(t *testing.T, name string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, name := range spec.Names {
				if strings.HasPrefix(name.Name, "Err") {
					names = append(names, name.Name)
				}
			}
		}
		return true
	})
	if len(names) == 0 {
		t.Fatalf("no sentinel was found in %s", name)
	}
	return names
}

// No row of the table has the answer of an unknown error, and each code has one
// advice.
func TestTable(t *testing.T) {
	advice := make(map[string]gate.Advice)
	for _, row := range gate.Refusals() {
		answer := gate.Refusals().Of(row.Err)
		if answer.Code == problem.Internal.Code && !errors.Is(row.Err, ticket.ErrExists) {
			t.Errorf("%v has no row of its own", row.Err)
		}
		if answer.Advice == "" || answer.Title == "" {
			t.Errorf("%v: %+v lacks advice or title", row.Err, answer)
		}
		if known, ok := advice[answer.Code]; ok && known != answer.Advice {
			t.Errorf("code %s has the advice %q and %q", answer.Code, known, answer.Advice)
		}
		advice[answer.Code] = answer.Advice
	}
}

// The answer to a wrong ticket does not say what is wrong.
func TestWrongTicketsLookTheSame(t *testing.T) {
	want := gate.Refusals().Of(ticket.ErrNotFound)
	same := 0
	for _, row := range gate.Refusals() {
		if answer := gate.Refusals().Of(row.Err); answer.Code == want.Code {
			answer.Reason = want.Reason // for us alone
			if !reflect.DeepEqual(answer, want) {
				t.Errorf("%v: %+v, want %+v", row.Err, answer, want)
			}
			same++
		}
	}
	if same != 10 {
		t.Errorf("%d errors look like an unknown ticket, want 10", same)
	}
}

func TestNewRefusalOfNoCode(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("NewRefusal took a code that there is not")
		}
	}()
	gate.NewRefusal("none")
}
