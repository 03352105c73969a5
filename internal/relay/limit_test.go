package relay_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"wsticket/internal/relay"
	"wsticket/internal/wsframe"
)

func TestMaxMessage(t *testing.T) {
	t.Parallel()
	const limit = 1000
	fits, half := strings.Repeat("x", limit), strings.Repeat("x", limit/2)
	for _, tt := range []struct {
		rule   string
		passes []string
		over   string
	}{
		{"one that fits passes, and a byte more does not", []string{masked(wsframe.Text, fits)}, masked(wsframe.Text, fits+"x")},
		{"the announced length counts", nil, header(wsframe.Binary, 1<<30)},
		{"fragments count together", []string{
			fragment(masked(wsframe.Text, half)), fragment(masked(wsframe.Continuation, half)),
		}, masked(wsframe.Continuation, "x")},
		{"each message starts at zero", []string{
			masked(wsframe.Text, fits), fragment(masked(wsframe.Text, fits)), masked(wsframe.Continuation, ""), masked(wsframe.Text, fits),
		}, masked(wsframe.Binary, fits+"x")},
		{"an end starts at zero again", []string{
			fragment(masked(wsframe.Text, half)), masked(wsframe.Continuation, half), fragment(masked(wsframe.Text, half)),
		}, masked(wsframe.Continuation, half+"x")},
		{"control frames do not count", []string{
			fragment(masked(wsframe.Text, fits)), masked(wsframe.Ping, half[:100]), masked(wsframe.Continuation, ""),
		}, masked(wsframe.Binary, fits+"x")},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			f, client, app, _ := open(t, func(o *relay.Options) { o.MaxMessage = limit })
			client.send(strings.Join(tt.passes, ""), tt.over)
			app.expect(tt.passes...)
			app.expectClose(1001, "")
			client.expect(plain(wsframe.Close, closing(1009, "too big")))
			f.leaveAfter(client, app, 1009, relay.ByRelay)
		})
	}
	t.Run("the close frame of the client is found after it", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.MaxMessage = limit })
		client.send(masked(wsframe.Text, fits+"x"), masked(wsframe.Text, "next"), masked(wsframe.Close, closing(1009, "")))
		client.expect(plain(wsframe.Close, closing(1009, "too big")))
		client.expectEnd()
		app.expectClose(1001, "")
		f.leaveAfter(client, app, 1009, relay.ByRelay)
	})
	t.Run("it does not apply to the application", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.MaxMessage = limit })
		app.send(plain(wsframe.Text, fits+"x"))
		client.expect(plain(wsframe.Text, fits+"x"))
		f.leave(client, app)
	})
}

// W4 and W5: announced lengths and endless messages take no memory.
func TestMemory(t *testing.T) {
	f, client, app, _ := open(t, nil)
	before := heap()
	// Frames without payload: fragments of a message that does not end.
	first, empty := fragment(masked(wsframe.Text, "")), strings.Repeat(fragment(masked(wsframe.Continuation, "")), 10_000)
	go func() { // ends when the test has read everything
		_, _ = io.WriteString(client.conn, first)
		for range 50 {
			_, _ = io.WriteString(client.conn, empty)
		}
		_, _ = io.WriteString(client.conn, header(wsframe.Continuation, 1<<30)+"begin")
	}()
	if _, err := io.CopyN(io.Discard, app.in, int64(len(first)+50*len(empty)+14)); err != nil {
		t.Fatal(err)
	}
	app.expect("begin")
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d bytes more than before, want less than 1 MiB", grown)
	}
	f.leave(client, app)
}

// An idle tunnel holds no buffer, also after messages have passed.
func TestIdleTunnelHoldsNoBuffer(t *testing.T) {
	const count, size = 30, 72 << 10
	f := newFixture(t, nil)
	before := heap()
	var ends []*peer
	for range count {
		client, app, _ := f.open()
		client.send(masked(wsframe.Text, "hello"))
		app.expect(masked(wsframe.Text, "hello"))
		app.send(plain(wsframe.Text, "hello"))
		client.expect(plain(wsframe.Text, "hello"))
		ends = append(ends, client, app)
		heap() // empties the pool, so that the next tunnel gets a new buffer
	}
	if grown := heap() - before; grown > count*size/2 {
		t.Errorf("%d tunnels hold %d bytes, want less than %d", count, grown, count*size/2)
	}
	for i, end := range ends {
		_ = end.conn.Close()
		if i%2 == 1 {
			next(t, f.results)
		}
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // the second one empties the pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
