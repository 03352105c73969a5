package service

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wsticket/internal/sdnotify"
	"wsticket/internal/test"
)

// A process that does not answer is not ready and not alive, whatever else it does:
// systemd ends it. Who accepts connections and says nothing does not answer.
func TestSystemdHearsNothingOfASilentService(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	socket, err := sdnotify.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	silent, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}) // the kernel accepts, and nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()

	var log test.Output
	s := &Service{log: slog.New(slog.NewTextHandler(&log, nil))}
	s.now.Store(&generation{Service: s})
	s.Supervise(socket, 20*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { s.supervise(ctx, make(chan struct{}), &Listeners{public: silent, internal: silent}) })
	test.Wait(t, "two questions without an answer", func() bool {
		return strings.Count(log.String(), `msg="the internal listener does not answer" cause="no answer in time"`) >= 2
	})
	cancel()
	watching.Wait()

	if err := systemd.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 100)
	n, err := systemd.Read(buffer)
	if err != nil || !strings.HasPrefix(string(buffer[:n]), "STOPPING=1\n") {
		t.Errorf("first systemd heard %q, %v, want STOPPING=1 at the end", buffer[:n], err)
	}
	if n, err := systemd.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("then systemd heard %q, %v, want nothing", buffer[:n], err)
	}
}
