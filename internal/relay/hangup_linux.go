package relay

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// hangups tells pumps that a peer has sent the last that it will.
//
// Package net hears once of what happens on a socket: of the end of a stream
// together with the last bytes before it. So whoever has read some bytes has
// to read again, to see whether there is an end behind them, and after each
// message but the last one it does so in vain; that is a sixteenth of what it
// costs to pass on a small one. Here is who waits for the ends alone
// (EPOLLRDHUP of epoll_ctl(2)). A pump that is watched and has read less than
// it had room for has read all that there is.
type hangups struct {
	mu      sync.Mutex
	tunnels int
	poll    *os.File // an epoll(7); nil while there are no tunnels
	fd      int
	// pumps are found by the number of the socket that they read. After a
	// socket is closed its number may be another one's: that is told, too, and
	// reads once in vain.
	pumps []*pump
}

// watch has the pumps of a new tunnel told. Where that fails they have to read
// again.
func (h *hangups) watch(t *Tunnel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tunnels++; h.tunnels == 1 {
		h.open()
	}
	if h.poll != nil {
		h.add(&t.up)
		h.add(&t.down)
	}
}

// unwatch forgets a tunnel. The last one ends the waiting.
func (h *hangups) unwatch(t *Tunnel) {
	if unused := h.forget(t); unused != nil {
		_ = unused.Close() // Not locked: it waits for tell to be done.
	}
}

func (h *hangups) forget(t *Tunnel) (unused *os.File) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range []*pump{&t.up, &t.down} {
		if fd := p.src.fd; p.src.watched && h.pumps[fd] == p {
			h.pumps[fd] = nil
		}
	}
	if h.tunnels--; h.tunnels == 0 {
		unused = h.poll
		h.poll, h.pumps = nil, nil
	}
	return unused
}

func (h *hangups) open() {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	// Package os waits for it as for a socket, where it does not block.
	_ = syscall.SetNonblock(fd, true)
	poll := os.NewFile(uintptr(fd), "epoll")
	if err := poll.SetReadDeadline(time.Time{}); err != nil {
		_ = poll.Close()
		return
	}
	h.poll, h.fd = poll, fd
	go h.wait(poll)
}

func (h *hangups) add(p *pump) {
	if p.src.raw == nil {
		return
	}
	_ = p.src.raw.Control(func(fd uintptr) {
		event := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | 1<<31, Fd: int32(fd)} //nolint:gosec // As the system has it. The bit is EPOLLET.
		if syscall.EpollCtl(h.fd, syscall.EPOLL_CTL_ADD, int(fd), &event) != nil {
			return
		}
		for len(h.pumps) <= int(fd) {
			h.pumps = append(h.pumps, nil)
		}
		h.pumps[fd] = p
		p.src.fd, p.src.watched = event.Fd, true
	})
}

// wait tells pumps of ends until poll is closed.
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
			h.tell(events[:n])
		}
	})
}

func (h *hangups) tell(events []syscall.EpollEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range events {
		if fd := int(event.Fd); fd < len(h.pumps) && h.pumps[fd] != nil {
			h.pumps[fd].src.hungUp.Store(true)
			h.pumps[fd].src.wake()
		}
	}
}
