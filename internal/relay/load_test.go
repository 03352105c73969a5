package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"wsticket/internal/test"
	"wsticket/internal/wsframe"
)

// load is a set of connections that send messages and wait for the echo.
type load struct {
	conns  []net.Conn
	frame  []byte
	answer int
}

func dialLoad(b *testing.B, addr string, count, size int) *load {
	b.Helper()
	l := &load{frame: wsframe.Append(nil, wsframe.Binary, make([]byte, size), &[4]byte{})}
	l.answer = len(l.frame) - 4 // it is not masked
	for range count {
		conn, err := dialWebSocket(b.Context(), addr)
		if err != nil {
			b.Fatal(err)
		}
		l.conns = append(l.conns, conn)
	}
	b.Cleanup(l.close)
	return l
}

func dialWebSocket(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, request); err != nil {
		return nil, err
	}
	reader := bufio.NewReaderSize(conn, 512)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols || reader.Buffered() > 0 {
		return nil, fmt.Errorf("status %d and %d bytes, want 101 and none", answer.StatusCode, reader.Buffered())
	}
	return conn, nil
}

func (l *load) close() {
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

// once sends one message over each connection and reads the echo.
func (l *load) once(b *testing.B) {
	b.Helper()
	buffer := make([]byte, l.answer)
	for _, conn := range l.conns {
		if _, err := conn.Write(l.frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(conn, buffer); err != nil {
			b.Fatal(err)
		}
	}
}

// run sends messages over all connections at once for a time d.
func (l *load) run(b *testing.B, d time.Duration) (count int, p99 time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	each := make([][]time.Duration, len(l.conns))
	test.Together(b, len(l.conns), len(l.conns), func(n int) error {
		each[n] = l.drive(ctx, l.conns[n])
		return nil
	})
	all := slices.Concat(each...)
	if len(all) == 0 {
		b.Fatal("no message came back")
	}
	slices.Sort(all)
	return len(all), all[len(all)*99/100]
}

func (l *load) drive(ctx context.Context, conn net.Conn) []time.Duration {
	var took []time.Duration
	buffer := make([]byte, l.answer)
	for ctx.Err() == nil {
		start := time.Now()
		if _, err := conn.Write(l.frame); err != nil {
			return took
		}
		if _, err := io.ReadFull(conn, buffer); err != nil {
			return took
		}
		took = append(took, time.Since(start))
	}
	return took
}

// handshakes opens and closes connections, several at once, for a time d, and
// returns their number.
func handshakes(b *testing.B, addr string, d time.Duration) int {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	var count atomic.Int64
	test.Together(b, 16, 16, func(int) error {
		for ctx.Err() == nil {
			conn, err := dialWebSocket(b.Context(), addr)
			if err != nil {
				return err
			}
			discard(conn) // leaves no port in TIME_WAIT
			count.Add(1)
		}
		return nil
	})
	return int(count.Load())
}
