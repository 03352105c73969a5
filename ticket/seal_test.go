package ticket_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/ticket"
)

// spy is a store in which a test reads and writes like an intruder.
type spy struct {
	ticket.Store
	records map[ticket.ID]ticket.Record
	swap    func(ticket.Record) ticket.Record
}

func (s *spy) Create(_ context.Context, id ticket.ID, rec ticket.Record, _ time.Duration) error {
	s.records[id] = rec
	return nil
}

func (s *spy) Consume(_ context.Context, id ticket.ID, _ ticket.Mark, _ time.Duration) (ticket.Entry, error) {
	rec, ok := s.records[id]
	if !ok {
		return ticket.Entry{}, ticket.ErrNotFound
	}
	if s.swap != nil {
		rec = s.swap(rec)
	}
	return ticket.Entry{Record: rec, Mark: ticket.Mark{State: ticket.Pending}}, nil
}

func (s *spy) Settle(context.Context, ticket.ID, ticket.Mark) error { return nil }

func (s *spy) Lookup(_ context.Context, id ticket.ID) (ticket.Entry, error) {
	return ticket.Entry{Record: s.records[id], Mark: ticket.Mark{State: ticket.Pending}}, nil
}

func key(fill byte) []byte { return bytes.Repeat([]byte{fill}, ticket.SealKeyLen) }

func newSpy() *spy { return &spy{records: map[ticket.ID]ticket.Record{}} }

func TestStoreLearnsNothing(t *testing.T) {
	in := newSpy()
	s := mustNew(t, ticket.Options{Store: in})
	issued, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice(), Origin: "https://app.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	rec := in.records[issued.ID]
	all := string(rec.Payload) + string(rec.Owner[:]) + string(issued.ID)
	for _, part := range []string{"alice", "id.example.com", "chat.read", "email", "app.example.com", "default", issued.Token.Reveal()[5:]} {
		if strings.Contains(all, part) {
			t.Errorf("the store sees %q", part)
		}
	}
}

func TestTwoTicketsOfOneUserShareOnlyTheOwner(t *testing.T) {
	in := newSpy()
	s := mustNew(t, ticket.Options{Store: in})
	var payloads [][]byte
	for range 2 {
		issued, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, in.records[issued.ID].Payload)
	}
	if bytes.Equal(payloads[0][1:9], payloads[1][1:9]) {
		t.Error("the sealed payloads of two tickets begin alike")
	}
	// Under another seal key the same user has another tag.
	other := newSpy()
	o := mustNew(t, ticket.Options{Store: other})
	if _, err := o.Issue(t.Context(), ticket.Request{Identity: test.Alice()}); err != nil {
		t.Fatal(err)
	}
	for _, a := range in.records {
		for _, b := range other.records {
			if a.Owner == b.Owner {
				t.Error("the owner tag does not depend on the key")
			}
		}
	}
}

func TestChangedRecordsAreRefused(t *testing.T) {
	var another ticket.Record
	for _, row := range []struct {
		rule string
		swap func(ticket.Record) ticket.Record
	}{
		{"the payload of another ticket", func(r ticket.Record) ticket.Record { r.Payload = another.Payload; return r }},
		{"a later end", func(r ticket.Record) ticket.Record { r.ExpiresAt = r.ExpiresAt.Add(time.Hour); return r }},
		{"an earlier beginning", func(r ticket.Record) ticket.Record { r.IssuedAt = r.IssuedAt.Add(-time.Hour); return r }},
		{"another owner", func(r ticket.Record) ticket.Record { r.Owner[3] ^= 1; return r }},
		{"a bit of the payload", func(r ticket.Record) ticket.Record {
			r.Payload = bytes.Clone(r.Payload)
			r.Payload[len(r.Payload)/2] ^= 1
			return r
		}},
		{"the seal's tag cut", func(r ticket.Record) ticket.Record { r.Payload = r.Payload[:len(r.Payload)-1]; return r }},
		{"a payload made by hand", func(r ticket.Record) ticket.Record {
			r.Payload = []byte("\x02{\"i\":\"https://id.example.com\",\"s\":\"admin\",\"a\":\"default\",\"e\":99999999999999}")
			return r
		}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			in := newSpy()
			s := mustNew(t, ticket.Options{Store: in})
			mine, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
			if err != nil {
				t.Fatal(err)
			}
			theirs, err := s.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
			if err != nil {
				t.Fatal(err)
			}
			another, in.swap = in.records[theirs.ID], row.swap
			if _, err := s.Redeem(t.Context(), mine.Token, ticket.Presentation{}); !errors.Is(err, ticket.ErrCorrupt) {
				t.Errorf("Redeem = %v, want ErrCorrupt", err)
			}
		})
	}
}

func TestSealKeysRotate(t *testing.T) {
	in := newSpy()
	old := mustNew(t, ticket.Options{Store: in, SealKeys: [][]byte{key(1)}})
	both := mustNew(t, ticket.Options{Store: in, SealKeys: [][]byte{key(2), key(1)}})
	fresh := mustNew(t, ticket.Options{Store: in, SealKeys: [][]byte{key(2)}})
	issued, err := old.Issue(t.Context(), ticket.Request{Identity: test.Alice()})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*ticket.Service{old, both} {
		if _, err := s.Redeem(t.Context(), issued.Token, ticket.Presentation{}); err != nil {
			t.Errorf("a process that has the key: %v", err)
		}
		if _, err := s.Lookup(t.Context(), issued.ID, test.Alice()); err != nil {
			t.Errorf("the receipt under that key: %v", err)
		}
	}
	if _, err := fresh.Redeem(t.Context(), issued.Token, ticket.Presentation{}); !errors.Is(err, ticket.ErrCorrupt) {
		t.Errorf("a process without the key = %v, want ErrCorrupt", err)
	}
	if _, err := fresh.Lookup(t.Context(), issued.ID, test.Alice()); !errors.Is(err, ticket.ErrNotFound) {
		t.Errorf("the receipt without the key = %v, want ErrNotFound", err)
	}
}

func TestNewChecksSealKeysAndWindow(t *testing.T) {
	for want, all := range map[string][]ticket.Options{
		"ticket.SealKeys": {
			{Store: newSpy(), SealKeys: [][]byte{key(1), key(2)[:31]}},
			{Store: newSpy(), SealKeys: [][]byte{key(1), key(2), key(3), key(4), key(5)}},
		},
		"ticket.RetryWindow": {{Store: newSpy(), RetryWindow: 11 * time.Second}, {Store: newSpy(), RetryWindow: -time.Second}},
	} {
		for _, o := range all {
			if _, err := ticket.New(o); !slices.Equal(test.Faults(err), []string{want}) {
				t.Errorf("New: %v, want a fault of %s alone", err, want)
			}
		}
	}
}
