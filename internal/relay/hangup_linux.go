package relay

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// hangups tells pumps that a peer has finished sending. It saves them a system
// call for each message.
//
// The network poller of Go reports each event on a socket once, and the end of
// a stream together with the last bytes before it. A pump that has read some
// bytes would have to read again to see whether the end follows, which it
// almost never does; that read is a sixteenth of the cost of forwarding a small
// message. hangups has an epoll instance of its own that reports the end of
// streams only (EPOLLRDHUP, epoll_ctl(2)). A pump that is registered here and
// has read less than its buffer holds knows that it has read everything.
type hangups struct {
	mu      sync.Mutex
	tunnels int
	poll    *os.File // the epoll(7) instance; nil while there are no tunnels
	fd      int      // of poll
	// pumps are indexed by the file descriptor that they read. The number of a
	// closed socket may be reused while an event is pending: then the wrong
	// pump is notified, which costs it one read and does no harm.
	pumps []*pump
}

// add registers the pumps of a new tunnel. If that fails, its pumps read again
// after each short read.
func (h *hangups) add(t *Tunnel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tunnels++; h.tunnels == 1 {
		h.start()
	}
	if h.poll != nil {
		h.register(&t.up)
		h.register(&t.down)
	}
}

// remove unregisters the pumps of a tunnel, and closes the epoll instance after
// the last tunnel.
func (h *hangups) remove(t *Tunnel) {
	if unused := h.unregister(t); unused != nil {
		_ = unused.Close() // Without the lock: Close waits for notify, which takes it.
	}
}

// unregister removes the pumps of t. It returns the epoll instance if that has
// no more users.
func (h *hangups) unregister(t *Tunnel) (unused *os.File) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range []*pump{&t.up, &t.down} {
		if fd := p.src.fd; p.src.registered && h.pumps[fd] == p {
			h.pumps[fd] = nil
		}
	}
	if h.tunnels--; h.tunnels == 0 {
		unused = h.poll
		h.poll, h.pumps = nil, nil
	}
	return unused
}

// start creates the epoll instance and waits for its events in a goroutine. If
// that fails, h.poll remains nil. The caller holds h.mu.
func (h *hangups) start() {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	// Package os hands a nonblocking descriptor to the network poller, so that
	// waiting for events occupies no thread.
	_ = syscall.SetNonblock(fd, true)
	poll := os.NewFile(uintptr(fd), "epoll")
	if err := poll.SetReadDeadline(time.Time{}); err != nil {
		_ = poll.Close()
		return
	}
	h.poll, h.fd = poll, fd
	go h.wait(poll)
}

// register adds the socket that p reads to the epoll instance. The caller holds
// h.mu.
func (h *hangups) register(p *pump) {
	if p.src.raw == nil {
		return
	}
	_ = p.src.raw.Control(func(fd uintptr) {
		// 1<<31 is EPOLLET, which package syscall has as a negative number.
		event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | 1<<31, Fd: int32(fd)} //nolint:gosec // A descriptor fits.
		if syscall.EpollCtl(h.fd, syscall.EPOLL_CTL_ADD, int(fd), &event) != nil {
			return
		}
		for len(h.pumps) <= int(fd) {
			h.pumps = append(h.pumps, nil)
		}
		h.pumps[fd] = p
		p.src.fd, p.src.registered = event.Fd, true
	})
}

// wait notifies pumps of the end of their streams until poll is closed.
func (h *hangups) wait(poll *os.File) {
	raw, err := poll.SyscallConn()
	if err != nil {
		return // It is closed already.
	}
	var events [64]syscall.EpollEvent
	_ = raw.Read(func(fd uintptr) bool {
		for {
			n, err := syscall.EpollWait(int(fd), events[:], 0)
			if err != nil || n == 0 {
				return false
			}
			h.notify(events[:n])
		}
	})
}

// notify makes the pumps of these events read until the end of the stream.
func (h *hangups) notify(events []syscall.EpollEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range events {
		if fd := int(event.Fd); fd < len(h.pumps) && h.pumps[fd] != nil {
			h.pumps[fd].src.hungUp.Store(true)
			h.pumps[fd].src.interruptRead()
		}
	}
}
