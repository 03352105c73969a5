//go:build e2e

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"wsticket/internal/testenv"
)

// envoyHandle is what Envoy's Lua filter passes to a script, as far as ours uses it.
// Each row is a request and the answer's subprotocol; it prints what has become of them.
const envoyHandle = `
local function handle(headers, metadata)
  local view, data = {}, {}
  function view:get(name) return headers[name] end
  function view:remove(name) headers[name] = nil end
  function view:add(name, value) headers[name] = value end
  view.replace = view.add
  function data:set(space, key, value) metadata[space] = { [key] = value } end
  function data:get(space) return metadata[space] end
  local info = { dynamicMetadata = function() return data end }
  return { headers = function() return view end, streamInfo = function() return info end }
end

for _, row in ipairs(rows) do
  local metadata = {}
  local request = { [":path"] = row[1], ["authorization"] = row[2], ["sec-websocket-protocol"] = row[3] }
  local answer = { [":status"] = "101", ["sec-websocket-protocol"] = row[4] }
  envoy_on_request(handle(request, metadata))
  envoy_on_response(handle(answer, metadata))
  print(string.format("row|%s|%s|%s|%s", request[":path"], request["authorization"],
    request["sec-websocket-protocol"], answer["sec-websocket-protocol"]))
end
`

// TestEnvoyLua runs the Lua of the printed configuration in HAProxy's interpreter: it
// removes tickets and bearers, and nothing else.
func TestEnvoyLua(t *testing.T) {
	t.Parallel()
	type row struct{ path, authorization, offer, chosen string }
	const none = "nil"
	rows := []struct{ got, want row }{
		{row{"/ws?ticket=x", none, none, none}, row{"/ws", none, none, none}},
		{row{"/ws?a=1&ticket=x&b=%20", none, none, none}, row{"/ws?a=1&b=%20", none, none, none}},
		{row{"/ws?tickets=x", "Basic abc", none, none}, row{"/ws?tickets=x", "Basic abc", none, none}},
		{row{"/ws", "Ticket x", none, none}, row{"/ws", none, none, none}},
		{row{"/ws", "bearer x", none, none}, row{"/ws", none, none, none}},
		{row{"/ws", "Basic abc,BEARER x", none, none}, row{"/ws", none, none, none}},
		{row{"/ws", "Tickets x", none, none}, row{"/ws", "Tickets x", none, none}},
		{row{"/ws", none, "wsticket.v1, ticket.x", none}, row{"/ws", none, "wsticket.v1", "wsticket.v1"}},
		{row{"/ws", none, "Ticket.x,chat.v2 , wsticket.v1", "chat.v2"}, row{"/ws", none, "chat.v2, wsticket.v1", "chat.v2"}},
		{row{"/ws", none, "chat.v2, ticket.x", none}, row{"/ws", none, "chat.v2", none}},
	}
	var table strings.Builder
	for _, r := range rows {
		_, _ = fmt.Fprintf(&table, "{%s, %s, %s, %s},\n", lua(r.got.path), lua(r.got.authorization), lua(r.got.offer), lua(r.got.chosen))
	}
	code := printedLua(t) + "\nlocal rows = {\n" + table.String() + "}\n" + envoyHandle
	var got []string
	for line := range strings.Lines(runLua(t, code)) {
		if strings.HasPrefix(line, "row|") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if len(got) != len(rows) {
		t.Fatalf("got %d rows, want %d", len(got), len(rows))
	}
	for i, r := range rows {
		if want := fmt.Sprintf("row|%s|%s|%s|%s", r.want.path, r.want.authorization, r.want.offer, r.want.chosen); got[i] != want {
			t.Errorf("%v: got %q, want %q", r.got, got[i], want)
		}
	}
}

// lua returns a text as a literal.
func lua(text string) string {
	if text == "nil" {
		return text
	}
	return fmt.Sprintf("%q", text)
}

// printedLua returns the script in the printed configuration.
func printedLua(t *testing.T) string {
	t.Helper()
	idp := newIssuer(t)
	print := newPrinter(t, idp.edgeConfig(t, "memory:"), "127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9000")
	var found string
	var search func(node *yaml.Node)
	search = func(node *yaml.Node) {
		for i, child := range node.Content {
			if child.Value == "inline_string" && strings.Contains(node.Content[i+1].Value, "envoy_on_request") {
				found = node.Content[i+1].Value
			}
			search(child)
		}
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(print("envoy")), &document); err != nil {
		t.Fatal(err)
	}
	if search(&document); found == "" {
		t.Fatal("print-config envoy prints no Lua")
	}
	return found
}

// runLua returns what a script prints when HAProxy loads it.
func runLua(t *testing.T, code string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"script.lua":  code,
		"haproxy.cfg": "global\n\tlua-load script.lua\nfrontend unused\n\tmode http\n\ttimeout client 1s\n\tbind 127.0.0.1:1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), testenv.Need(t, "haproxy"), "-c", "-f", "haproxy.cfg") // it only checks
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("haproxy: %v\n%s", err, out)
	}
	return string(out)
}
