package testenv

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// askTimeout limits how long a server that accepts a connection may take to
// reply.
const askTimeout = 5 * time.Second

// refusal is an error reply of a server.
type refusal string

func (r refusal) Error() string { return string(r) }

// Ask sends one command as the default user, on a new connection, and returns the
// reply: a string, an int64, nil, or a []any of those.
func (s *RedisServer) Ask(ctx context.Context, args ...string) (any, error) {
	return ask(ctx, s.addr, args...)
}

// MustAsk is like Ask, but fails the test if the server does not reply or replies
// with an error.
func (s *RedisServer) MustAsk(args ...string) any {
	s.tb.Helper()
	reply, err := s.Ask(lasting(s.tb), args...)
	if err != nil {
		s.tb.Fatalf("redis-server: %s: %v", args[0], err)
	}
	return reply
}

func ask(ctx context.Context, addr string, args ...string) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // the reply is all we need
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return nil, err
		}
	}
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, arg := range args {
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(arg), arg)
	}
	if _, err := conn.Write([]byte(command.String())); err != nil {
		return nil, err
	}
	return decode(bufio.NewReader(conn))
}

// decode reads one reply in RESP 2.
func decode(r *bufio.Reader) (any, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimSpace(line[1:])
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return nil, refusal(rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$':
		raw, err := readBytes(r, nil, rest)
		if err != nil || raw == nil {
			return nil, err
		}
		return string(raw[:len(raw)-len("\r\n")]), nil
	case '*':
		return decodeAll(r, rest)
	default:
		return nil, fmt.Errorf("not a reply: %q", line)
	}
}

func decodeAll(r *bufio.Reader, count string) (any, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	all := make([]any, max(n, 0))
	for i := range all {
		if all[i], err = decode(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// pairs converts a reply that lists names and values in turn.
func pairs(reply any) map[string]string {
	list, _ := reply.([]any)
	named := make(map[string]string)
	for i := 0; i+1 < len(list); i += 2 {
		name, _ := list[i].(string)
		named[name], _ = list[i+1].(string)
	}
	return named
}

// info returns a section of INFO, empty if the server does not answer.
func info(ctx context.Context, addr, section string) map[string]string {
	reply, _ := ask(ctx, addr, "info", section)
	text, _ := reply.(string)
	return lines(text)
}

// lines parses lines of the form "name:value".
func lines(text string) map[string]string {
	named := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			named[name] = value
		}
	}
	return named
}

// lasting returns a context for cleanups: the test's own context ends before they
// run.
func lasting(tb testing.TB) context.Context {
	tb.Helper()
	return context.WithoutCancel(tb.Context())
}

func split(tb testing.TB, addr string) (host, port string) {
	tb.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		tb.Fatalf("address: %v", err)
	}
	return host, port
}
