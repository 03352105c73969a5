//go:build !linux

package relay

// hangups is Linux's: elsewhere pumps read until there is no more.
type hangups struct{}

func (*hangups) watch(*Tunnel) {}

func (*hangups) unwatch(*Tunnel) {}
