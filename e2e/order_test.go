//go:build e2e

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// order is what a visitor is told to do. e2e/node/orders.mjs says it for the
// visitors that are scripts.
type order struct {
	URL       string            `json:"url"`
	Protocols []string          `json:"protocols,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Deflate   bool              `json:"deflate,omitempty"` // offer permessage-deflate
	Steps     []step            `json:"steps,omitempty"`
}

// step is one thing to do on a connection. One field is set.
type step struct {
	Send      string   `json:"send,omitempty"`      // a text message
	Fill      int      `json:"fill,omitempty"`      // a binary message of so many bytes
	Fragments []string `json:"fragments,omitempty"` // one text message, and a ping behind each frame
	Receive   bool     `json:"receive,omitempty"`   // wait for what comes next
	Close     int      `json:"close,omitempty"`     // close with that code, and wait until it is closed
}

func say(text string) step { return step{Send: text} }
func listen() step         { return step{Receive: true} }
func leave() step          { return step{Close: 1000} }

// event is what a visitor saw.
type event struct {
	Event      string `json:"event"` // open, message, pong, refused, closed, done
	Protocol   string `json:"protocol"`
	Extensions string `json:"extensions"`
	Text       string `json:"text"` // of a short text message
	Bytes      int    `json:"bytes"`
	SHA256     string `json:"sha256"`
	Status     int    `json:"status"` // 0: this visitor does not learn it
	Body       string `json:"body"`
	Code       int    `json:"code"`
	Reason     string `json:"reason"`
}

// String names an event in a few words. Of the messages of wsticket it keeps
// what is the same each time.
func (e event) String() string {
	switch e.Event {
	case "open":
		return strings.TrimSpace("open " + e.Protocol)
	case "refused":
		return fmt.Sprint("refused ", e.Status)
	case "closed":
		return strings.TrimSpace(fmt.Sprint("closed ", e.Code, " ", e.Reason))
	case "message":
		var ours struct{ Type, UserID, Code string }
		if json.Unmarshal([]byte(e.Text), &ours) == nil && ours.Type != "" {
			return strings.TrimSpace("message " + ours.Type + " " + ours.UserID + ours.Code)
		}
		if e.Text == "" {
			return fmt.Sprint("message of ", e.Bytes, " bytes")
		}
		return "message " + e.Text
	}
	return e.Event
}

// visitor is somebody else's implementation of a WebSocket client.
type visitor struct {
	name string
	// blind: like a browser, it does not learn the status of a refusal.
	blind bool
	// visit carries out the orders, one after the other, and returns what
	// came of each. An error is of the visitor, not of a connection.
	visit func(ctx context.Context, orders ...order) ([][]event, error)
}

// mustVisit carries out orders, all within the patience of a test.
func (v visitor) mustVisit(t *testing.T, orders ...order) [][]event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := v.visit(ctx, orders...)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	if len(got) != len(orders) {
		t.Fatalf("%s: got %d results of %d orders: %v", v.name, len(got), len(orders), got)
	}
	return got
}

// wantEvents compares what happened with what should have, both in words. A
// blind visitor is not asked for the status of a refusal.
func (v visitor) wantEvents(t *testing.T, what string, got []event, want ...string) {
	t.Helper()
	if v.blind {
		want = slices.Clone(want)
		for i, word := range want {
			if strings.HasPrefix(word, "refused ") {
				want[i] = "refused 0"
			}
		}
	}
	wantEvents(t, what, got, want...)
}

func wantEvents(t *testing.T, what string, got []event, want ...string) {
	t.Helper()
	words := make([]string, len(got))
	for i, e := range got {
		words[i] = e.String()
	}
	if g, w := strings.Join(words, ", "), strings.Join(want, ", "); g != w {
		t.Errorf("%s: got %s; want %s", what, g, w)
	}
}
