//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"testing"

	"wsticket/internal/testenv"
)

// packages is the folder of the package.json for the scripts.
const packages = "node"

// nodeVisitor is a visitor that runs on Node.js.
func nodeVisitor(t testing.TB, name, file string) visitor {
	t.Helper()
	return scripted(name, testenv.NeedNode(t, packages), file)
}

// npmWS is a visitor that uses the npm package ws.
func npmWS(t testing.TB) visitor {
	t.Helper()
	return nodeVisitor(t, "npm ws", "node/ws-client.mjs")
}

// undici is a visitor that uses the WebSocket of Node.js.
func undici(t testing.TB) visitor {
	t.Helper()
	v := nodeVisitor(t, "undici", "node/undici-client.mjs")
	v.blind = true
	return v
}

// python is a visitor that uses Debian's python3-websockets.
func python(t testing.TB) visitor {
	t.Helper()
	return scripted("python websockets", testenv.NeedPython(t, "websockets"), "python/client.py")
}

// scripted makes a visitor of a program that takes orders as arguments and
// prints events as lines of JSON.
func scripted(name, program, file string) visitor {
	return visitor{name: name, visit: func(ctx context.Context, orders ...order) ([][]event, error) {
		args := []string{file}
		for _, o := range orders {
			text, err := json.Marshal(o)
			if err != nil {
				return nil, err
			}
			args = append(args, string(text))
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env, cmd.SysProcAttr, cmd.Stderr = []string{}, attributes(), &stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("%w after\n%s\n%s", err, out, &stderr)
		}
		return parseEvents(out)
	}}
}

// parseEvents splits the output of a script by order.
func parseEvents(out []byte) ([][]event, error) {
	var all [][]event
	var events []event
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var e event
		switch err := decoder.Decode(&e); {
		case errors.Is(err, io.EOF):
			return all, nil
		case err != nil:
			return nil, fmt.Errorf("%q: %w", out, err)
		case e.Event == "done":
			all, events = append(all, events), nil
		default:
			events = append(events, e)
		}
	}
}
