//go:build !linux

package relay

// hangups does nothing: EPOLLRDHUP exists on Linux only. Elsewhere pumps read
// again after each short read.
type hangups struct{}

func (*hangups) add(*Tunnel) {}

func (*hangups) remove(*Tunnel) {}
