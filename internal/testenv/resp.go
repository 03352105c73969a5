package testenv

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The proxy parses just enough of the Redis protocol (RESP 2 and 3) to know where a
// command or a reply ends. It forwards the bytes as they came.

// respCommand is a command.
type respCommand struct {
	name string // lower case
	raw  []byte
}

// counted returns the name that a command is counted under. What the processes of a
// service tell each other goes on beside everything that a test does.
func (c respCommand) counted() string {
	const live, head = "{live}:", "{live}:head"
	if bytes.Count(c.raw, []byte(live)) > bytes.Count(c.raw, []byte(head)) {
		return c.name + " among processes"
	}
	return c.name
}

// readCommand reads an array of strings, or an inline command: a line of words.
func readCommand(r *bufio.Reader) (respCommand, error) {
	raw, err := readValue(r, nil)
	if err != nil {
		return respCommand{}, err
	}
	if raw[0] != '*' {
		words := bytes.Fields(raw)
		if len(words) == 0 {
			return respCommand{raw: raw}, nil
		}
		return respCommand{name: strings.ToLower(string(words[0])), raw: raw}, nil
	}
	parts := bytes.SplitN(raw, []byte("\r\n"), 4) // count, length, name, the rest
	if len(parts) < 4 {
		return respCommand{raw: raw}, nil
	}
	return respCommand{name: strings.ToLower(string(parts[2])), raw: raw}, nil
}

// readValue appends one value, with all nested values, to raw.
func readValue(r *bufio.Reader, raw []byte) ([]byte, error) {
	at := len(raw)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return nil, err
	}
	raw = append(raw, line...)
	size := strings.TrimSpace(string(raw[at+1:]))
	switch raw[at] {
	case '$', '=', '!':
		return readBytes(r, raw, size)
	case '*', '~', '>':
		return readValues(r, raw, size, 1)
	case '%', '|':
		return readValues(r, raw, size, 2)
	default:
		return raw, nil
	}
}

func readBytes(r *bufio.Reader, raw []byte, size string) ([]byte, error) {
	n, err := strconv.Atoi(size)
	if err != nil {
		return nil, fmt.Errorf("length: %w", err)
	}
	if n < 0 { // null
		return raw, nil
	}
	at := len(raw)
	raw = append(raw, make([]byte, n+len("\r\n"))...)
	_, err = io.ReadFull(r, raw[at:])
	return raw, err
}

func readValues(r *bufio.Reader, raw []byte, count string, each int) ([]byte, error) {
	n, err := strconv.Atoi(count)
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	for range n * each {
		if raw, err = readValue(r, raw); err != nil {
			return nil, err
		}
	}
	return raw, nil
}

// unasked reports whether a value is not a reply to a command, but a push or the
// attributes before a reply.
func unasked(raw []byte) bool { return raw[0] == '>' || raw[0] == '|' }
