package store

import (
	"context"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// dialer connects as the client library does, and hides a failure in a
// connection that fails. Of its own accord the library stops trying when as
// many attempts to connect have failed as the pool has places, and looks only
// once a second whether the server is back.
func dialer(s *redis.UniversalOptions) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := redis.NewDialer(&redis.Options{DialTimeout: s.DialTimeout, TLSConfig: s.TLSConfig})
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return unreachable{err}, nil
		}
		return conn, nil
	}
}

// unreachable is a connection to a server that could not be reached.
type unreachable struct{ err error }

func (u unreachable) Read([]byte) (int, error)         { return 0, u.err }
func (u unreachable) Write([]byte) (int, error)        { return 0, u.err }
func (u unreachable) Close() error                     { return nil }
func (u unreachable) LocalAddr() net.Addr              { return new(net.TCPAddr) }
func (u unreachable) RemoteAddr() net.Addr             { return new(net.TCPAddr) }
func (u unreachable) SetDeadline(time.Time) error      { return nil }
func (u unreachable) SetReadDeadline(time.Time) error  { return nil }
func (u unreachable) SetWriteDeadline(time.Time) error { return nil }
