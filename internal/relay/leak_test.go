package relay_test

import (
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"wsticket/internal/relay"
	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

// 10 000 connections, which end in different ways, leave no goroutine, no descriptor
// and no memory behind.
func TestNothingIsLeftBehind(t *testing.T) {
	const waves, size = 20, 500
	f := emptyFixture(t)
	f.tunnels, f.results = make(chan *relay.Tunnel, size), make(chan relay.Result, size)
	f.serve(relay.Options{Upstream: "http://" + listenEcho(t), HandshakeTimeout: patience, Linger: 20 * time.Millisecond, Ping: patience, IdleTimeout: patience}, (*httptest.Server).Start)
	wave(t, f, size) // so that everything is there that is made only once
	f.server.CloseClientConnections()
	goroutines, descriptors, memory := runtime.NumGoroutine(), countDescriptors(t), heap()
	for range waves {
		wave(t, f, size)
	}
	test.Wait(t, "goroutines and descriptors are as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && countDescriptors(t) <= descriptors
	})
	if grown := heap() - memory; grown > 1<<20 {
		t.Errorf("%d bytes more than before, want less than 1 MiB", grown)
	}
	if open := f.relay.Stats().Open; open != 0 {
		t.Errorf("%d tunnels are open, want 0", open)
	}
}

// wave opens a number of tunnels at once and ends them.
func wave(t *testing.T, f *fixture, size int) {
	t.Helper()
	var opening, ending sync.WaitGroup
	opened := make(chan struct{})
	opening.Add(size)
	for i := range size {
		ending.Go(func() {
			conn, err := f.connect()
			if err == nil {
				defer conn.Close()
				err = exchange(conn)
			}
			opening.Done()
			if err != nil {
				t.Error(err)
				return
			}
			<-opened
			leave(conn, i)
		})
	}
	opening.Wait()
	close(opened)
	for i := range size {
		tunnel := next(t, f.tunnels)
		if i%2 == 0 {
			tunnel.Close(1001, "")
		} else {
			tunnel.Cut()
		}
	}
	ending.Wait()
	for range size {
		next(t, f.results)
	}
}

// exchange opens a tunnel and sends a message both ways.
func exchange(conn net.Conn) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, request+masked(wsframe.Text, "hello")); err != nil {
		return err
	}
	want := switching(key) + plain(wsframe.Text, "hello")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		return fmt.Errorf("got %q, %w, want %q", got, err, want)
	}
	return nil
}

// leave ends a connection like a client, in one of four ways, or waits for its end.
func leave(conn net.Conn, way int) {
	switch way % 4 {
	case 0:
		_, _ = io.WriteString(conn, masked(wsframe.Close, closing(1000, "")))
	case 1:
		_, _ = io.WriteString(conn, masked(wsframe.Text, "hello")[:4])
	case 2:
		discard(conn)
		return
	}
	_, _ = io.Copy(io.Discard, conn)
}

func countDescriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}
