package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

// soon makes the linger short for tests that wait for its end.
func soon(o *relay.Options) { o.Linger = time.Second }

func TestClose(t *testing.T) {
	t.Parallel()
	f, client, app, tunnel := open(t, nil)
	tunnel.Close(4003, "revoked")
	tunnel.Close(1001, "the first one counts")
	client.expect(plain(wsframe.Close, closing(4003, "revoked")))
	h, payload := app.frame()
	if h.Opcode != wsframe.Close || !h.Masked || h.Mask == ([4]byte{}) || string(payload) != closing(4003, "revoked") {
		t.Errorf("towards the application: got %+v %q, want a masked close frame", h, payload)
	}
	// What the peers still send is dropped.
	client.send(masked(wsframe.Text, "late"), masked(wsframe.Close, closing(4003, "")))
	app.send(plain(wsframe.Text, "late"), plain(wsframe.Close, closing(4003, "")))
	client.expectEnd()
	app.expectEnd()
	got := f.leaveAfter(client, app, 4003, relay.ByRelay)
	if got.FromClient != (relay.Traffic{}) || got.FromUpstream != (relay.Traffic{}) {
		t.Errorf("passed on: got %+v, want nothing", got)
	}
}

// Whatever part of its stream a peer has sent, the close frame comes between two
// frames: a frame that has begun arrives completely, and none follows it.
func TestCloseBetweenFrames(t *testing.T) {
	t.Parallel()
	for _, size := range []int{5, 300, 200_000} {
		for name, frame := range map[string]func(wsframe.Opcode, string) string{"client": masked, "application": plain} {
			first := frame(wsframe.Text, strings.Repeat("x", size))
			stream := first + frame(wsframe.Text, "next")
			for rule, at := range map[string]int{
				"before the first frame":    0,
				"within a header":           1,
				"within a payload":          len(first) - 2,
				"behind a frame":            len(first),
				"within the next header":    len(first) + 1,
				"within the second payload": len(stream) - 1,
			} {
				t.Run(fmt.Sprintf("%s of %d of the %s", rule, size, name), func(t *testing.T) {
					f, client, app, tunnel := open(t, nil)
					from, to := client, app
					if name == "application" {
						from, to = app, client
					}
					var begun, whole string // what arrives before Close, and in total
					switch {
					case at > len(first)+6:
						begun, whole = stream[:at], stream
					case at >= len(first):
						begun, whole = first, first
					case at > 1:
						begun, whole = stream[:at], first
					}
					from.send(stream[:at])
					to.expect(begun)
					tunnel.Close(1001, "")
					from.send(stream[at:])
					to.expect(whole[len(begun):])
					to.expectClose(1001, "")
					from.expectClose(1001, "")
					f.leaveAfter(client, app, 1001, relay.ByRelay)
				})
			}
		}
	}
}

// A close frame may come between the fragments of a message.
func TestCloseBetweenFragments(t *testing.T) {
	t.Parallel()
	f, client, app, tunnel := open(t, nil)
	client.send(fragment(masked(wsframe.Text, "begin")))
	app.send(fragment(plain(wsframe.Text, "begin")))
	client.expect(fragment(plain(wsframe.Text, "begin")))
	app.expect(fragment(masked(wsframe.Text, "begin")))
	tunnel.Close(1001, "")
	client.expect(plain(wsframe.Close, closing(1001, "")))
	app.expectClose(1001, "")
	f.leaveAfter(client, app, 1001, relay.ByRelay)
}

// No peer delays the end for longer than the linger.
func TestCloseIsNotAwaited(t *testing.T) {
	t.Parallel()
	t.Run("no peer answers", func(t *testing.T) {
		f, client, app, tunnel := open(t, soon)
		tunnel.Close(1001, "")
		client.expect(plain(wsframe.Close, closing(1001, "")))
		app.expectClose(1001, "")
		f.expectResult(1001, relay.ByRelay)
		client.expectEnd()
		app.expectEnd()
	})
	t.Run("a frame that does not end", func(t *testing.T) {
		f, client, app, tunnel := open(t, soon)
		app.send(plain(wsframe.Text, "hello")[:4])
		client.expect(plain(wsframe.Text, "hello")[:4])
		tunnel.Close(1001, "")
		client.expectEnd()
		f.expectResult(1001, relay.ByRelay)
	})
	t.Run("peers do not read", func(t *testing.T) {
		f, client, app, tunnel := open(t, soon)
		flooding := flood(client, app)
		test.Wait(t, "something passes", func() bool {
			s := f.relay.Stats()
			return s.FromClient.Messages > 0 && s.FromUpstream.Messages > 0
		})
		tunnel.Close(1001, "")
		f.expectResult(1001, relay.ByRelay)
		flooding.Wait()
	})
}

// A client that has sent a close frame gets an answer, and the application no
// second close frame.
func TestCloseWhileClosing(t *testing.T) {
	t.Parallel()
	f, client, app, tunnel := open(t, nil)
	client.send(masked(wsframe.Close, closing(1000, "")))
	app.expect(masked(wsframe.Close, closing(1000, "")))
	tunnel.Close(1001, "")
	client.expect(plain(wsframe.Close, closing(1001, "")))
	client.expectEnd()
	app.send(plain(wsframe.Close, closing(1000, "")))
	app.expectEnd()
	f.leaveAfter(client, app, 1000, relay.ByClient)
}

// What follows a close frame is dropped (RFC 6455 5.5.1).
func TestNothingAfterClose(t *testing.T) {
	t.Parallel()
	f, client, app, _ := open(t, nil)
	client.send(masked(wsframe.Close, closing(1000, "")), "rubbish")
	app.expect(masked(wsframe.Close, closing(1000, "")))
	client.send(masked(wsframe.Text, "late"))
	app.send(plain(wsframe.Close, ""), "rubbish")
	client.expect(plain(wsframe.Close, ""))
	client.expectEnd()
	app.expectEnd()
	f.leaveAfter(client, app, 1000, relay.ByClient)
}

// The result has the code of the first close frame, in whatever pieces that comes.
func TestCloseCodes(t *testing.T) {
	t.Parallel()
	for rule, frame := range map[string]string{
		"without a code":     plain(wsframe.Close, ""),
		"with a code":        plain(wsframe.Close, closing(3000, "")),
		"with a long reason": plain(wsframe.Close, closing(3000, strings.Repeat("r", 123))),
	} {
		t.Run(rule, func(t *testing.T) {
			f, client, app, _ := open(t, nil)
			for _, b := range []byte(frame) {
				app.send(string([]byte{b}))
			}
			client.expect(frame)
			client.send(masked(wsframe.Close, ""))
			app.expect(masked(wsframe.Close, ""))
			client.expectEnd()
			app.expectEnd()
			_, _ = client.conn.Close(), app.conn.Close()
			want := uint16(3000)
			if frame == plain(wsframe.Close, "") {
				want = 1005
			}
			f.expectResult(want, relay.ByUpstream)
		})
	}
}
