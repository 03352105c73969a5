//go:build e2e

package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// recipes are the libraries of docs/client.md.
func recipes() []recipe {
	return []recipe{
		{
			block: "phoenix", path: "/socket/websocket", application: phoenixApplication, door: doorQuery,
			target: "/socket/websocket?locale=en&vsn=2.0.0", exchanged: "alice: hello",
			driver: `
const channel = socket.channel("room:lobby");
socket.onOpen(() => {
  if (channel.state !== "closed") return; // Phoenix joins again by itself
  channel.join().receive("ok", () => {
    channel.push("say", { text: "hello" }).receive("ok", ({ text }) => exchanged(text));
  });
});
`,
		},
		graphQLRecipe(doorQuery),
		graphQLRecipe(doorSubprotocol),
		{
			block: "partysocket", path: "/ws", application: npmApplication, door: doorQuery,
			target: "/ws?room=lobby", exchanged: "hello",
			driver: `
socket.addEventListener("open", () => socket.send("hello"));
socket.addEventListener("message", ({ data }) => exchanged(data));
`,
		},
		{
			block: "socket.io", path: "/socket.io/", application: socketIOApplication, door: doorQuery,
			target: "/socket.io/?EIO=4&transport=websocket", exchanged: "alice: hello",
			driver: `socket.on("hello", () => socket.emit("say", "hello", exchanged));`,
		},
		{
			block: "signalr", path: "/hub", application: signalRApplication, door: doorQuery,
			target: "/hub", exchanged: "alice: hello",
			driver: `
async function connected() {
  exchanged(await connection.invoke("say", "hello"));
}
`,
		},
		headerRecipe("ws"),
		headerRecipe("undici"),
	}
}

// graphQLRecipe is a library with a subprotocol of its own.
func graphQLRecipe(door door) recipe {
	return recipe{
		block: "graphql-ws", path: "/graphql", application: graphQLApplication, door: door,
		target: "/graphql", protocol: "graphql-transport-ws", exchanged: "news for alice",
		driver: "const show = exchanged;\n",
	}
}

// headerRecipe is a WebSocket that can send headers.
func headerRecipe(block string) recipe {
	return recipe{
		block: block, path: "/ws", application: npmApplication, target: "/ws", door: doorHeader, exchanged: "hello",
		driver: `
const show = exchanged;
socket.addEventListener("open", () => socket.send("hello"));
`,
	}
}

// partysocketTimeout holds back the answer to the first request for a ticket for
// longer than partysocket waits. It then pretends that the connection was closed with 1000,
// which is no reason to stop.
func partysocketTimeout(t *testing.T, home recipeHome) {
	t.Parallel()
	i := slices.IndexFunc(recipes(), func(r recipe) bool { return r.block == "partysocket" })
	r := recipes()[i]
	s := newRecipeSite(t, r.application(t, home), r.path)
	s.holdNext()
	page := r.program(t, home, s, pageUser{first: s.idp.bearer(t, "alice")}, "connectionTimeout: 20_000", "connectionTimeout: 2_000")
	openPage(t, page, "page.js").output.WaitFor(t, r.exchanged)
	if asked, _ := s.counted(); asked[0] != 0 {
		t.Errorf("answers to requests for tickets: %v, want none to the first", asked)
	}
}

// npmApplication echoes.
func npmApplication(t *testing.T, _ recipeHome) *upstream {
	t.Helper()
	return npmWSUpstream(t)
}

func phoenixApplication(t *testing.T, _ recipeHome) *upstream {
	t.Helper()
	return nodeApplication(t, recipePackages, "phoenix-upstream.mjs")
}

func signalRApplication(t *testing.T, _ recipeHome) *upstream {
	t.Helper()
	return nodeApplication(t, recipePackages, "signalr-upstream.mjs")
}

// graphQLApplication is the one of docs/client.md.
func graphQLApplication(t *testing.T, home recipeHome) *upstream {
	t.Helper()
	code := strings.NewReplacer("port: 3000", "port: 0", "./schema.js", "../schema.js").Replace(docBlock(t, "client.md", "js graphql-server"))
	return documentedApplication(t, home, code+"announce(server);\n", "announce")
}

// socketIOApplication is the one of docs/frameworks.md.
func socketIOApplication(t *testing.T, home recipeHome) *upstream {
	t.Helper()
	before, _, _ := strings.Cut(docBlock(t, "frameworks.md", "js server"), "server.listen(")
	return documentedApplication(t, home, before+"announceHTTP(server);\nserver.listen(0, \"127.0.0.1\");\n", "announceHTTP")
}

// documentedApplication starts the code of a document, which announces itself by a
// function of recipes/upstream.mjs.
func documentedApplication(t *testing.T, home recipeHome, code, announce string) *upstream {
	t.Helper()
	dir := home.folder(t, map[string]string{"app.js": "import { " + announce + " } from \"../upstream.mjs\";\n" + code})
	return nodeApplication(t, dir, "app.js")
}
