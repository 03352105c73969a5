package relay_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"testing"

	"wsticket/internal/wsframe"
)

const key = "dGhlIHNhbXBsZSBub25jZQ==" // of RFC 6455 1.3

// switching returns the response that accepts a handshake with this key.
func switching(key string) string {
	digest := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(digest[:]) + "\r\n\r\n"
}

// listenEcho starts an echo server and returns its address.
func listenEcho(t testing.TB) string {
	t.Helper()
	l := listen(t, "tcp", "127.0.0.1:0")
	t.Cleanup(func() { _ = l.Close() })
	go acceptEcho(l)
	return l.Addr().String()
}

func acceptEcho(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go echo(conn) // ends with the connection
	}
}

// echo answers each frame with its payload. Benchmarks mask with zeros, so that
// they do not measure the unmasking.
func echo(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	request, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, switching(request.Header.Get("Sec-WebSocket-Key")))
	buffer := make([]byte, 4<<10)
	filled, _ := io.ReadFull(reader, buffer[:reader.Buffered()])
	for {
		h, size, _ := wsframe.ParseHeader(buffer[:filled])
		whole := size + int(h.Length)
		if size == 0 || filled < whole {
			if whole > len(buffer) {
				buffer = append(buffer, make([]byte, whole)...)
			}
			n, err := conn.Read(buffer[filled:])
			if err != nil {
				return
			}
			filled += n
			continue
		}
		if h.Mask != ([4]byte{}) {
			wsframe.Unmask(buffer[size:whole], h.Mask)
		}
		// Move the header, without its mask, to the start of the payload.
		copy(buffer[4:], buffer[:size-4])
		buffer[5] &= 0x7F
		if _, err := conn.Write(buffer[4:whole]); err != nil {
			return
		}
		filled = copy(buffer, buffer[whole:filled])
	}
}
