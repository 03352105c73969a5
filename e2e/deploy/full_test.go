//go:build e2e

package deploy_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// command prepares a wsticket with the environment that a container has, and with the
// folders of compose below dir.
func command(t *testing.T, env []string, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), wsticket(t), args...)
	cmd.Env = []string{}
	for _, entry := range env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(entry, "/etc/wsticket", dir))
	}
	return cmd
}

// started starts a program that prints one line of JSON when it listens, and stops it
// when the test ends.
func started(t *testing.T, cmd *exec.Cmd, into any) {
	t.Helper()
	var log test.Output
	cmd.Stderr = &log
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		deadline := time.AfterFunc(test.Patience, func() { _ = cmd.Process.Kill() })
		defer deadline.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s ended with %v\n%s", filepath.Base(cmd.Path), err, &log)
		}
	})
	deadline := time.AfterFunc(test.Patience, func() { _ = cmd.Process.Kill() })
	defer deadline.Stop()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err == nil {
		err = json.Unmarshal([]byte(line), into)
	}
	if err != nil {
		t.Fatalf("%s does not start: %v\n%s", filepath.Base(cmd.Path), err, &log)
	}
}

// application starts the sample application and returns its address.
func application(t *testing.T) string {
	t.Helper()
	node, dir := testenv.NeedNode(t, "../node"), t.TempDir()
	testenv.LinkNode(t, "../node", dir)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), node, write(t, dir, "app.mjs", read(t, "deploy/compose/app/app.mjs")))
	cmd.Env = []string{"PORT=0"}
	var listening struct{ Port json.Number }
	started(t, cmd, &listening)
	return "127.0.0.1:" + listening.Port.String()
}

// The profile full, without containers: nginx in front of wsticket, the application
// behind it, Redis for tickets and PostgreSQL for the trail. Alice and Bob chat.
func TestFullProfile(t *testing.T) {
	t.Parallel()
	c, dir := compose(t), t.TempDir()
	c.secretsOf(t, dir)
	redis, postgres, app := testenv.Redis(t), testenv.Postgres(t), application(t)

	settings := replaced(t, c.Configs["wsticket"].Content, "/etc/wsticket", dir, "redis://redis:6379/0", redis.URL()+"/0?timeout=4s",
		`listen: ":8080"`, `listen: "127.0.0.1:0"`, `listen: ":8081"`, `listen: "127.0.0.1:0"`)
	file := write(t, dir, "wsticket.yaml", settings)
	database := postgres.NewDatabase()
	write(t, filepath.Join(dir, "keys"), "database.url", database)
	env := strings.Split(replaced(t, strings.Join(fullEnv(t), "\n"), "http://app:3000", "http://"+app, "10.231.80.0/24", "127.0.0.1/32"), "\n")
	var at struct{ Public, Internal string }
	started(t, command(t, env, dir, "serve", "--config", file), &at)
	front := testenv.Nginx(t, func(s *testenv.NginxServer) string {
		return replaced(t, read(t, "deploy/compose/nginx.conf"), "listen 80;", "listen "+s.Addr()+";", "http://wsticket:8080", "http://"+at.Public,
			"/dev/stdout", "access.log", "/dev/stderr", "error.log")
	})

	alice, bob := join(t, front.URL(), file, dir, "alice"), join(t, front.URL(), file, dir, "bob")
	if err := alice.Write(t.Context(), websocket.MessageText, []byte("hi")); err != nil {
		t.Fatal(err)
	}
	for name, socket := range map[string]*websocket.Conn{"alice": alice, "bob": bob} {
		awaitMessage(t, name, socket, `{"type":"message","from":"alice","text":"hi"}`)
	}
	if log := front.Log("access.log"); !strings.Contains(log, `"POST /ws-ticket" 201`) || strings.Contains(log, "ticket=") {
		t.Errorf("the log of nginx has a query, or no request:\n%s", log)
	}
	test.Wait(t, "alice in the trail", func() bool {
		return strings.Contains(postgres.Exec(database, "SELECT DISTINCT sub FROM audit_events"), "alice")
	})
}

// join gets a ticket through nginx and connects with it.
func join(t *testing.T, front, file, dir, name string) *websocket.Conn {
	t.Helper()
	bearer := strings.TrimSpace(run(t, wsticket(t), "token", "--sub", name, "--key", filepath.Join(dir, "private", "issuer.pem"), "--config", file))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front+"/ws-ticket", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	res, err := (&http.Client{Timeout: test.Patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var issued struct{ URL string }
	if err := json.NewDecoder(res.Body).Decode(&issued); err != nil || !strings.HasPrefix(issued.URL, "ws"+strings.TrimPrefix(front, "http")) {
		t.Fatalf("POST /ws-ticket of nginx = %d, url %q, %v, want one of nginx", res.StatusCode, issued.URL, err)
	}
	socket, _, err := websocket.Dial(t.Context(), issued.URL, nil) //nolint:bodyclose // it never has to be closed
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.CloseNow() })
	awaitMessage(t, name, socket, `{"type":"joined","from":"`+name+`"}`)
	return socket
}

// awaitMessage reads until a message is the wanted one.
func awaitMessage(t *testing.T, name string, socket *websocket.Conn, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), test.Patience)
	defer cancel()
	for {
		_, data, err := socket.Read(ctx)
		if err != nil {
			t.Fatalf("%s waits for %s: %v", name, want, err)
		}
		if string(data) == want {
			return
		}
	}
}
