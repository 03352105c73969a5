package relay_test

import (
	"io"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/wsframe"
)

func TestPing(t *testing.T) {
	t.Parallel()
	ping, pong := plain(wsframe.Ping, ""), masked(wsframe.Pong, "")
	t.Run("a silent client gets pings, and its pongs pass", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping = time.Second })
		for range 2 {
			client.expect(ping)
			client.send(pong)
			app.expect(pong)
		}
		f.leave(client, app)
	})
	t.Run("a client that does not answer is cut off", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping = 20 * time.Millisecond })
		client.expect(ping)
		f.expectResult(1006, relay.ByRelay)
		client.expectEnd()
		app.expectEnd()
	})
	t.Run("between the fragments of a message", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping = 2 * time.Second })
		begin, end := fragment(plain(wsframe.Text, "begin")), plain(wsframe.Continuation, "end")
		app.send(begin)
		client.expect(begin, ping)
		app.send(end)
		client.expect(end)
		f.leave(client, app)
	})
	t.Run("not within a frame, and a client that is reading one is not cut off", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping = time.Second })
		frame := plain(wsframe.Text, "a long one")
		app.send(frame[:5])
		if early, err := client.in.Peek(len(ping)); err == nil && string(early) == ping {
			client.expect(ping) // the frame was late
			client.send(pong)
		}
		client.expect(frame[:5])
		if err := client.conn.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if got, err := client.in.ReadByte(); err == nil {
			t.Errorf("got %#x within the frame, want nothing", got)
		}
		if err := client.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		app.send(frame[5:])
		client.expect(frame[5:], ping)
		f.leave(client, app)
	})
	t.Run("a client that stays after the application has ended is cut off", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping = 20 * time.Millisecond })
		app.closeWrite()
		client.expectCut()
		if got := next(t, f.results); got.Code != 1006 {
			t.Errorf("ended with %+v, want 1006", got)
		}
	})
}

func TestIdle(t *testing.T) {
	t.Parallel()
	t.Run("a silent tunnel is closed", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.IdleTimeout = 20 * time.Millisecond })
		client.expect(plain(wsframe.Close, closing(1001, "idle")))
		app.expectClose(1001, "idle")
		f.leaveAfter(client, app, 1001, relay.ByRelay)
	})
	t.Run("a byte from either side keeps it open", func(t *testing.T) {
		const timeout = 2 * time.Second
		f, client, app, _ := open(t, func(o *relay.Options) { o.IdleTimeout = timeout })
		start := time.Now()
		pause := time.NewTicker(timeout / 10)
		defer pause.Stop()
		for sender, i := client, 0; time.Since(start) < timeout*3/2; i++ {
			frame, other := masked(wsframe.Ping, ""), app
			if sender = client; i%2 == 1 {
				sender, other, frame = app, client, plain(wsframe.Pong, "")
			}
			sender.send(frame)
			other.expect(frame)
			<-pause.C
		}
		f.leave(client, app)
	})
	t.Run("answered pings keep it open", func(t *testing.T) {
		f, client, app, _ := open(t, func(o *relay.Options) { o.Ping, o.IdleTimeout = time.Second, 3*time.Second })
		go func() { _, _ = io.Copy(io.Discard, app.conn) }() // ends with the connection
		start := time.Now()
		for time.Since(start) < 4*time.Second {
			client.expect(plain(wsframe.Ping, ""))
			client.send(masked(wsframe.Pong, ""))
		}
		f.leave(client, app)
	})
}
