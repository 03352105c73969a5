package relay_test

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"wsticket/internal/relay"
	"wsticket/internal/wsframe"
)

// sending is what one peer of a tunnel sends.
type sending struct {
	frames []string
	chunks []string // the same bytes
}

func genSending(frame func(wsframe.Opcode, string) string) *rapid.Generator[sending] {
	return rapid.Custom(func(t *rapid.T) sending {
		var s sending
		inMessage := false
		for range rapid.IntRange(0, 12).Draw(t, "frames") {
			ops := []wsframe.Opcode{wsframe.Ping, wsframe.Pong, wsframe.Text, wsframe.Binary}
			if inMessage {
				ops = append(ops[:2], wsframe.Continuation)
			}
			op := rapid.SampledFrom(ops).Draw(t, "opcode")
			size := rapid.SampledFrom([]int{0, 1, 5, 125, 126, 300, 65_535, 65_536, 100_000}).Draw(t, "size")
			if op.IsControl() {
				size = min(size, wsframe.MaxControl)
			}
			one := frame(op, strings.Repeat("x", size))
			if !op.IsControl() {
				if inMessage = rapid.Bool().Draw(t, "fragment"); inMessage {
					one = fragment(one)
				}
			}
			s.frames = append(s.frames, one)
		}
		for rest := strings.Join(s.frames, ""); rest != ""; {
			size := rapid.SampledFrom([]int{1, 2, 3, 7, 100, 1000, 70_000, len(rest)}).Draw(t, "chunk")
			size = min(size, len(rest))
			s.chunks, rest = append(s.chunks, rest[:size]), rest[size:]
		}
		return s
	})
}

// Both peers send arbitrary messages in arbitrary chunks, and the tunnel is closed at
// an arbitrary time. Each peer gets complete frames in their order, then one close
// frame, and nothing after it.
func TestFramesStayWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	rapid.Check(t, func(rt *rapid.T) {
		fromClient, fromApp := genSending(masked).Draw(rt, "from the client"), genSending(plain).Draw(rt, "from the application")
		closeAfter := rapid.IntRange(0, len(fromClient.chunks)+len(fromApp.chunks)).Draw(rt, "close after")
		client, app, tunnel := f.open()

		chunks := make(chan struct{})
		var running sync.WaitGroup
		var atClient, atApp []byte
		running.Go(func() { fromClient.send(client, chunks, masked) })
		running.Go(func() { fromApp.send(app, chunks, plain) })
		running.Go(func() { atClient, _ = io.ReadAll(client.in) })
		running.Go(func() { atApp, _ = io.ReadAll(app.in) })
		for range closeAfter {
			chunks <- struct{}{}
		}
		tunnel.Close(1001, "over")
		close(chunks)
		running.Wait()
		_, _ = client.conn.Close(), app.conn.Close()

		f.expectResult(1001, relay.ByRelay)
		fromApp.check(rt, "at the client", atClient)
		fromClient.check(rt, "at the application", atApp)
	})
}

// send sends one chunk for each value of the channel and the rest when it is closed.
// Then it sends the answer to the close frame.
func (s sending) send(p *peer, chunks <-chan struct{}, frame func(wsframe.Opcode, string) string) {
	for _, chunk := range s.chunks {
		<-chunks
		if _, err := io.WriteString(p.conn, chunk); err != nil {
			return
		}
	}
	for range chunks { // wait until the tunnel was told to close
	}
	_, _ = io.WriteString(p.conn, frame(wsframe.Close, closing(1001, "")))
}

func (s sending) check(t *rapid.T, where string, got []byte) {
	for _, frame := range s.frames {
		rest, ok := bytes.CutPrefix(got, []byte(frame))
		if !ok {
			break
		}
		got = rest
	}
	h, size, fault := wsframe.ParseHeader(got)
	if fault != "" || size == 0 || h.Opcode != wsframe.Close || int64(len(got)) != int64(size)+h.Length {
		t.Errorf("%s: behind the last whole frame got %.100q, want one close frame", where, got)
	}
}
