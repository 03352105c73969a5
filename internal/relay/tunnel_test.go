package relay_test

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

func TestRelay(t *testing.T) {
	t.Parallel()
	f, client, app, _ := open(t, nil)
	client.send(masked(wsframe.Text, "hello"))
	app.expect(masked(wsframe.Text, "hello"))
	app.send(plain(wsframe.Binary, "world"), plain(wsframe.Ping, ""))
	client.expect(plain(wsframe.Binary, "world"), plain(wsframe.Ping, ""))
	test.Wait(t, "what has passed is counted while the tunnel is open", func() bool {
		return f.relay.Stats() == relay.Stats{
			Open: 1, FromClient: relay.Traffic{Messages: 1, Bytes: 11}, FromUpstream: relay.Traffic{Messages: 1, Bytes: 9},
		}
	})
	client.send(masked(wsframe.Close, closing(4321, "bye")))
	app.expect(masked(wsframe.Close, closing(4321, "bye")))
	app.send(plain(wsframe.Close, closing(4321, "bye")))
	client.expect(plain(wsframe.Close, closing(4321, "bye")))
	client.expectEnd()
	app.expectEnd()
	client.closeWrite()
	app.closeWrite()
	got := f.expectResult(4321, relay.ByClient)
	want := relay.Result{
		Code: 4321, By: relay.ByClient, Duration: got.Duration,
		FromClient: relay.Traffic{Messages: 1, Bytes: 11 + 11}, FromUpstream: relay.Traffic{Messages: 1, Bytes: 9 + 7},
	}
	if got != want || got.Duration <= 0 {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := f.relay.Stats(), (relay.Stats{FromClient: want.FromClient, FromUpstream: want.FromUpstream}); got != want {
		t.Errorf("stats afterwards: got %+v, want %+v", got, want)
	}
}

// Bytes that arrive together with the handshake or its response are not lost.
func TestEarlyBytes(t *testing.T) {
	t.Parallel()
	long := string(make([]byte, 3000))
	for rule, early := range map[string]string{
		"one frame":         "hello",
		"more than a frame": long,
	} {
		t.Run("from the client: "+rule, func(t *testing.T) {
			f := newFixture(t, nil)
			client := f.dial(request + masked(wsframe.Text, early))
			client.answer()
			app := next(t, f.apps)
			app.expect(masked(wsframe.Text, early))
			client.send(masked(wsframe.Text, "next"))
			app.expect(masked(wsframe.Text, "next"))
		})
		t.Run("from the application: "+rule, func(t *testing.T) {
			apps := make(chan *peer, 1)
			f := newFixture(t, func(o *relay.Options) {
				o.Upstream = "http://" + application(t, func(p *peer, _ *http.Request) {
					p.send(switching(key), plain(wsframe.Text, early))
					apps <- p
				})
			})
			client := f.dial(request)
			client.answer()
			client.expect(plain(wsframe.Text, early))
			next(t, apps).send(plain(wsframe.Text, "next"))
			client.expect(plain(wsframe.Text, "next"))
		})
	}
}

// A peer that has half-closed its connection still receives.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	for _, by := range []string{relay.ByClient, relay.ByUpstream} {
		t.Run(by, func(t *testing.T) {
			f, client, app, _ := open(t, nil)
			first, second, last, answer := client, app, masked(wsframe.Text, "last"), plain(wsframe.Text, "answer")
			if by == relay.ByUpstream {
				first, second, last, answer = app, client, answer, last
			}
			first.send(last)
			first.closeWrite()
			second.expect(last)
			second.expectEnd()
			second.send(answer)
			first.expect(answer)
			second.closeWrite()
			first.expectEnd()
			f.expectResult(1006, by)
		})
	}
}

// The end of a stream may arrive together with its last bytes.
func TestEndBehindBytes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for i := range 300 {
		client, app, _ := f.open()
		first, second := client, app
		frame := masked(wsframe.Text, "last")
		if i%2 == 1 {
			first, second, frame = app, client, plain(wsframe.Text, "last")
		}
		first.send(frame)
		first.closeWrite()
		second.expect(frame)
		second.expectEnd()
		second.closeWrite()
		first.expectEnd()
		next(t, f.results)
		_, _ = client.conn.Close(), app.conn.Close()
	}
}

// A client gets everything that an application has sent before it died.
func TestDeadPeers(t *testing.T) {
	t.Parallel()
	half := plain(wsframe.Text, "a message")[:6]
	t.Run("the application ends within a message", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Linger = time.Millisecond })
		app.send(plain(wsframe.Text, "whole"), half)
		_ = app.conn.Close()
		client.expect(plain(wsframe.Text, "whole"), half)
		client.expectEnd()
		client.closeWrite()
		f.expectResult(1006, relay.ByUpstream)
	})
	for _, by := range []string{relay.ByClient, relay.ByUpstream} {
		t.Run(by+" is reset", func(t *testing.T) {
			f, client, app, _ := open(t, func(o *relay.Options) { o.Linger = time.Millisecond })
			first, second, frame := client, app, masked(wsframe.Text, "whole")
			if by == relay.ByUpstream {
				first, second, frame = app, client, plain(wsframe.Text, "whole")
			}
			first.send(frame)
			second.expect(frame)
			discard(first.conn)
			second.expectCut()
			f.expectResult(1006, by)
		})
	}
}

// A peer that does not read is cut off; a slow one is not.
func TestStalledPeers(t *testing.T) {
	t.Parallel()
	flood := plain(wsframe.Binary, string(make([]byte, 1<<20)))
	f := newFixture(t, func(o *relay.Options) { o.WriteTimeout = time.Second })
	for _, reader := range []string{"client", "application"} {
		t.Run("the "+reader, func(t *testing.T) {
			client, app, _ := f.open()
			writer, flood := app, flood
			if reader == "application" {
				writer, flood = client, masked(wsframe.Binary, string(make([]byte, 1<<20)))
			}
			for {
				if _, err := io.WriteString(writer.conn, flood); err != nil {
					break
				}
			}
			f.expectResult(1006, relay.ByRelay)
		})
	}
	t.Run("a slow one", func(t *testing.T) {
		const pieces = 6
		client, app, _ := f.open()
		go func() { // ends when the client has read everything
			for range pieces {
				_, _ = io.WriteString(app.conn, flood)
			}
			_ = app.conn.Close()
		}()
		// The whole takes longer than the timeout, and each piece less.
		pause := time.NewTicker(300 * time.Millisecond)
		defer pause.Stop()
		for range pieces {
			<-pause.C
			client.expect(flood)
		}
		client.expectEnd()
		_ = client.conn.Close()
		f.expectResult(1006, relay.ByUpstream)
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	f, client, app, tunnel := open(t, nil)
	var all sync.WaitGroup
	for range 8 {
		all.Go(tunnel.Cut)
	}
	all.Wait()
	client.expectCut()
	app.expectCut()
	f.expectResult(1006, relay.ByRelay)
	tunnel.Cut()
	tunnel.Close(1001, "")
}

// A tunnel that is blocked in writing to both peers can be cut.
func TestCutStalled(t *testing.T) {
	t.Parallel()
	f, client, app, tunnel := open(t, nil)
	flooding := flood(client, app)
	test.Wait(t, "both directions are blocked", func() bool {
		before := f.relay.Stats()
		<-time.After(50 * time.Millisecond)
		return before == f.relay.Stats() && before.FromClient.Messages > 0 && before.FromUpstream.Messages > 0
	})
	tunnel.Cut()
	f.expectResult(1006, relay.ByRelay)
	flooding.Wait()
}
