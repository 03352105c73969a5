package timeline

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/api"
	"wsticket/internal/accesslog"
	"wsticket/ticket"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// id returns the ID of the nth ticket.
func id(n int) ticket.ID { return ticket.ID(fmt.Sprintf("%022d", n)) }

// event returns an event of the nth ticket, some seconds after noon.
func event(n int, kind ticket.EventKind, seconds int) *ticket.Event {
	return &ticket.Event{Kind: kind, TicketID: id(n), At: noon.Add(time.Duration(seconds) * time.Second), Reason: "ok"}
}

func kinds(t api.Timeline) (all []ticket.EventKind) {
	for _, e := range t.Events {
		all = append(all, e.Kind)
	}
	return all
}

func TestTheWayOfOneTicket(t *testing.T) {
	t.Parallel()
	l := New(noon)
	client := netip.MustParseAddr("192.0.2.7")
	l.Record(&ticket.Event{
		Kind: ticket.EventRequest, TicketID: id(1), At: noon.Add(time.Second), Duration: 2 * time.Millisecond, Outcome: "issued", Reason: "ok",
		Request: ticket.RequestInfo{ID: "r1", ClientIP: client}, HTTP: ticket.HTTPAnswer{Method: "POST", Path: "/ws-ticket", Route: "/ws-ticket", Status: 201},
	})
	l.Record(&ticket.Event{
		Kind: ticket.EventDisconnect, Action: ticket.ActionHandshake, TicketID: id(1), At: noon.Add(time.Minute), Duration: 55 * time.Second, Reason: "ok",
		Request:      ticket.RequestInfo{ID: "r2", Caller: "key:chat"},
		Presentation: ticket.Presentation{Door: ticket.DoorQuery, ClientIP: client}, Closed: ticket.Closed{Code: 4003, By: ticket.ByServer},
	})
	// Sinks are called by many goroutines, so an earlier event may come later.
	l.Record(event(1, ticket.EventIssue, 1))
	l.Record(event(2, ticket.EventIssue, 3))
	got := l.Timeline(t.Context(), id(1))
	want := api.Timeline{Source: api.TimelineOfProcess, Started: noon, Since: noon, Events: []api.TimelineEvent{
		{At: noon.Add(time.Second), Kind: "request", Outcome: "issued", Reason: "ok", Seconds: 0.002, ClientIP: "192.0.2.7", RequestID: "r1", Method: "POST", Route: "/ws-ticket", Status: 201},
		{At: noon.Add(time.Second), Kind: "issue", Reason: "ok"},
		{
			At: noon.Add(time.Minute), Kind: "disconnect", Action: "handshake", Reason: "ok", Door: "query", Seconds: 55, ClientIP: "192.0.2.7",
			RequestID: "r2", Caller: "key:chat", CloseCode: 4003, ClosedBy: "relay",
		},
	}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	if got := l.Timeline(t.Context(), id(9)); got.Events == nil || len(got.Events) != 0 {
		t.Errorf("an unknown ticket: got %+v, want an empty list", got.Events)
	}
}

func TestWhatIsNoPartOfIt(t *testing.T) {
	t.Parallel()
	l := New(noon)
	l.Record(&ticket.Event{Kind: ticket.EventRequest, Reason: "ok"})
	look, kept := event(1, ticket.EventRequest, 1), event(1, ticket.EventRecheck, 1)
	look.HTTP.Route, kept.Outcome = "/ops/tickets/{id}", "kept"
	l.Record(look)
	l.Record(kept)
	if got := kinds(l.Timeline(t.Context(), id(1))); got != nil || len(l.known.entries)+len(l.unknown.entries) != 0 {
		t.Errorf("got %v, want nothing: no ticket, the page's own look, a session that goes on", got)
	}
}

// The oldest events make room, and the page learns since when all are there.
func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLog(noon, 10, 4)
	for n := range 25 {
		l.Record(event(n/2, ticket.EventRenew, n)) // two of each ticket
	}
	if len(l.known.entries) != 10 || len(l.known.tickets) != 6 {
		t.Errorf("got %d events of %d tickets, want the last 10, of 6", len(l.known.entries), len(l.known.tickets))
	}
	for n, want := range map[int]int{0: 0, 6: 0, 7: 1, 8: 2, 11: 2, 12: 1} {
		if got := l.Timeline(t.Context(), id(n)); len(got.Events) != want || !got.Since.Equal(noon.Add(14*time.Second)) {
			t.Errorf("ticket %d: got %d events since %v, want %d since 12:00:14", n, len(got.Events), got.Since, want)
		}
	}
}

// Somebody who invents tickets displaces nothing but what others have invented.
func TestInventedTicketsHaveTheirOwnRoom(t *testing.T) {
	t.Parallel()
	l := newLog(noon, 10, 4)
	l.Record(event(1, ticket.EventIssue, 0))
	for n := range 100 {
		invented := event(1000+n, ticket.EventRefuse, n)
		invented.Reason = "not_found"
		l.Record(invented)
		answer := event(1000+n, ticket.EventRequest, n)
		answer.Reason = "not_found"
		l.Record(answer)
	}
	if got := kinds(l.Timeline(t.Context(), id(1))); len(got) != 1 || len(l.unknown.entries) != 4 {
		t.Errorf("got %v and %d invented events, want the issue and 4", got, len(l.unknown.entries))
	}
	if got := l.Timeline(t.Context(), id(1099)); len(got.Events) != 2 {
		t.Errorf("the last of them: got %d events, want 2", len(got.Events))
	}
	if gone, kept := l.Timeline(t.Context(), id(1000)), l.Timeline(t.Context(), id(1)); !gone.Since.After(noon) || !kept.Since.Equal(noon) {
		t.Errorf("got everything since %v of a displaced one and %v of ours, want later than noon and noon", gone.Since, kept.Since)
	}
}

// Refusals of one ticket are counted once there are many; its end is kept.
func TestReplaysOfOneTicketAreBounded(t *testing.T) {
	t.Parallel()
	l := newLog(noon, 100, 10)
	l.Record(event(1, ticket.EventIssue, 0))
	for n := range 50 {
		l.Record(event(1, ticket.EventReplay, n+1))
	}
	l.Record(event(1, ticket.EventDisconnect, 60))
	got := l.Timeline(t.Context(), id(1))
	if all := kinds(got); len(all) != maxOfTicket+1 || all[0] != ticket.EventIssue || all[maxOfTicket] != ticket.EventDisconnect || got.LeftOut != 19 {
		t.Errorf("got %d events, %d left out; want %d from issue to disconnect, and 19", len(all), got.LeftOut, maxOfTicket+1)
	}
}

// What is kept of a request is a copy: the ID and the method are parts of its first
// line, which may be long and have a ticket in it. It measures the memory of the
// process, so nothing runs beside it.
func TestRequestsAreNotKept(t *testing.T) {
	const requests, size = 256, 64 << 10
	l := New(noon)
	sink := func(_ context.Context, e accesslog.Entry) {
		l.Record(&ticket.Event{
			Kind: ticket.EventRequest, TicketID: ticket.ID(e.TicketID), Reason: e.Reason,
			HTTP: ticket.HTTPAnswer{Method: e.Method, Route: e.Route, Status: e.Status},
		})
	}
	h := accesslog.Middleware(nil, sink, nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		id, err := ticket.ParseID(path.Base(r.URL.Path))
		if err != nil {
			t.Error(err)
		}
		accesslog.NoteOf(r.Context()).TicketID = string(id)
	}))
	before := heap()
	for n := range requests {
		text := fmt.Sprintf("GET /ws-ticket/%s?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", id(n), strings.Repeat("x", size))
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatal(err)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if grown := heap() - before; grown > requests*size/4 {
		t.Errorf("%d events keep %d bytes", requests, grown)
	}
	if got := l.Timeline(t.Context(), id(0)); len(got.Events) != 1 || got.Events[0].Method != http.MethodGet {
		t.Errorf("got %+v, want the request", got.Events)
	}
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what a sync.Pool has goes in two steps
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	l := newLog(noon, 64, 16)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for n := range 500 {
				l.Record(event(worker*1000+n, ticket.EventIssue, n))
				l.Record(event(n, ticket.EventReplay, n))
				if got := l.Timeline(t.Context(), id(n)); len(got.Events) > maxOfTicket+8 {
					t.Errorf("got %d events of one ticket", len(got.Events))
				}
			}
		})
	}
	all.Wait()
	if len(l.known.entries) != 64 || len(l.unknown.entries) > 16 {
		t.Errorf("got %d and %d events, want 64 and at most 16", len(l.known.entries), len(l.unknown.entries))
	}
}
