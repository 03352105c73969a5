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

// order tells a visitor what to do. e2e/node/orders.mjs describes it for scripts.
type order struct {
	URL       string            `json:"url"`
	Protocols []string          `json:"protocols,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Deflate   bool              `json:"deflate,omitempty"` // offer permessage-deflate
	Steps     []step            `json:"steps,omitempty"`
}

// step is one action on a connection. One field is set.
type step struct {
	Send      string   `json:"send,omitempty"`      // a text message
	Fill      int      `json:"fill,omitempty"`      // a binary message of this size in bytes
	Fragments []string `json:"fragments,omitempty"` // one text message, with a ping after each frame
	Receive   bool     `json:"receive,omitempty"`   // wait for the next event
	Close     int      `json:"close,omitempty"`     // close with this code, and wait for the end
}

func say(text string) step { return step{Send: text} }
func listen() step         { return step{Receive: true} }
func leave() step          { return step{Close: 1000} }

// event is what a visitor has seen.
type event struct {
	Event      string `json:"event"` // open, message, pong, refused, closed, done
	Protocol   string `json:"protocol"`
	Extensions string `json:"extensions"`
	Text       string `json:"text"` // of a short text message
	Bytes      int    `json:"bytes"`
	SHA256     string `json:"sha256"`
	Status     int    `json:"status"` // 0: unknown to this visitor
	Body       string `json:"body"`
	Code       int    `json:"code"`
	Reason     string `json:"reason"`
}

// String describes an event. For messages of wsticket it omits what varies.
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

// visitor is a WebSocket client of another project.
type visitor struct {
	name string
	// blind: like a browser, it does not see the status of a refusal.
	blind bool
	// visit carries out the orders one after the other, and returns the events of
	// each. An error means that the visitor has failed, not a connection; then there
	// are the events until then.
	visit func(ctx context.Context, orders ...order) ([][]event, error)
}

// mustVisit carries out orders and fails the test if the visitor fails.
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

// wantEvents compares events with their descriptions, without the status of refusals if
// the visitor is blind.
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
	if g, w := describe(got), strings.Join(want, ", "); g != w {
		t.Errorf("%s: got %s; want %s", what, g, w)
	}
}

// describe lists events.
func describe(events []event) string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = e.String()
	}
	return strings.Join(words, ", ")
}
