package ws_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"wsticket/ticket"
	"wsticket/ws"
)

// sentinels are the exported errors of package ticket; the test below holds
// this list against the source.
func sentinels() map[string]error {
	return map[string]error{
		"ErrInvalidRequest": ticket.ErrInvalidRequest, "ErrInvalidBearer": ticket.ErrInvalidBearer,
		"ErrShortLived": ticket.ErrShortLived, "ErrInsufficientScope": ticket.ErrInsufficientScope,
		"ErrMalformedToken": ticket.ErrMalformedToken, "ErrNotFound": ticket.ErrNotFound,
		"ErrExpired": ticket.ErrExpired, "ErrSpent": ticket.ErrSpent, "ErrRevoked": ticket.ErrRevoked,
		"ErrFenced":        ticket.ErrFenced,
		"ErrWrongAudience": ticket.ErrWrongAudience, "ErrWrongOrigin": ticket.ErrWrongOrigin,
		"ErrCorrupt": ticket.ErrCorrupt, "ErrExists": ticket.ErrExists,
		"ErrUnavailable": ticket.ErrUnavailable, "ErrFull": ticket.ErrFull,
	}
}

// A new sentinel needs an answer before it can be forgotten.
func TestEverySentinelHasARow(t *testing.T) {
	known := sentinels()
	names := exportedErrors(t, "../ticket")
	if len(names) == 0 {
		t.Fatal("no sentinel was found in ../ticket")
	}
	for _, name := range names {
		err, ok := known[name]
		if !ok {
			t.Errorf("ticket.%s is not in the list of this test, nor perhaps in the table", name)
			continue
		}
		if !ws.HasRow(err) {
			t.Errorf("ticket.%s has no row in the table of refusals", name)
		}
	}
}

// exportedErrors lists the package variables named Err… of a folder.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, variables(file, "Err")...)
	}
	return names
}

// variables lists the package variables of a file that begin with prefix.
func variables(file *ast.File, prefix string) []string {
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			_, isFunc := n.(*ast.FuncDecl)
			return !isFunc
		}
		for _, name := range spec.Names {
			if strings.HasPrefix(name.Name, prefix) {
				names = append(names, name.Name)
			}
		}
		return true
	})
	return names
}

func TestAnswers(t *testing.T) {
	const (
		ticketChallenge = `WWW-Authenticate: Ticket realm="wsticket", error="invalid_ticket"`
		bearerChallenge = `WWW-Authenticate: Bearer realm="wsticket", error="invalid_token"`
		scopeChallenge  = `WWW-Authenticate: Bearer realm="wsticket", error="insufficient_scope"`
		later           = "Retry-After: 1"
	)
	tests := []struct {
		err    error
		status int
		code   string
		reason string
		header string
	}{
		{&ticket.SpentError{Mark: ticket.Mark{State: ticket.Redeemed}}, 401, wrong, "spent", ticketChallenge},
		{&ticket.SpentError{Mark: ticket.Mark{State: ticket.Revoked}}, 401, wrong, "revoked", ticketChallenge},
		{ticket.ErrNotFound, 401, wrong, "not_found", ticketChallenge},
		{ticket.ErrExpired, 401, wrong, "expired", ticketChallenge},
		{ticket.ErrMalformedToken, 401, wrong, "malformed", ticketChallenge},
		{ticket.ErrWrongAudience, 401, wrong, "wrong_audience", ticketChallenge},
		{ticket.ErrWrongOrigin, 401, wrong, "wrong_origin", ticketChallenge},
		{ticket.ErrCorrupt, 401, wrong, "corrupt", ticketChallenge},
		{ticket.ErrFull, 503, "unavailable", "full", later},
		{ticket.ErrUnavailable, 503, "unavailable", "unavailable", later},
		{ticket.ErrInvalidRequest, 400, invalid, "invalid_request", ""},
		{ticket.ErrInvalidBearer, 401, "invalid_token", "invalid_bearer", bearerChallenge},
		{ticket.ErrShortLived, 401, "invalid_token", "short_lived", bearerChallenge},
		{ticket.ErrInsufficientScope, 403, "insufficient_scope", "insufficient_scope", scopeChallenge},
		{ticket.ErrExists, 500, "internal", "exists", ""},
		{context.Canceled, 503, "unavailable", "canceled", later},
		{errors.New("anything else " + marker), 500, "internal", "internal", ""},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			status, code, reason, header := ws.Answer(fmt.Errorf("redeem: %w", tt.err))
			if status != tt.status || code != tt.code || reason != tt.reason || strings.Join(header, ": ") != tt.header {
				t.Errorf("%v: %d %s %s %q, want %d %s %s %q",
					tt.err, status, code, reason, header, tt.status, tt.code, tt.reason, tt.header)
			}
		})
	}
}

// Only faults that are ours may be told apart from a wrong ticket.
func TestWrongTicketsShareARow(t *testing.T) {
	_, _, _, want := ws.Answer(ticket.ErrNotFound)
	for name, err := range sentinels() {
		status, code, _, header := ws.Answer(err)
		if code == wrong && (status != 401 || !slices.Equal(header, want)) {
			t.Errorf("%s: %d %q, want 401 %q", name, status, header, want)
		}
	}
}
