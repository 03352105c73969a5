package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// asProgram makes the test binary behave as wsticket itself, so that tests
// can start real processes of it.
const asProgram = "RUN_AS_WSTICKET"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait for another process; nothing usually waits.
const patience = 20 * time.Second

// output is what a process has written, safe to read while it writes.
type output struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced by each write
	ended bool
}

func newOutput() *output { return &output{grown: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown = make(chan struct{})
	return o.text.Write(p)
}

// end says that nothing more will come.
func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.grown)
	o.grown, o.ended = make(chan struct{}), true
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor returns when the output holds part.
func (o *output) waitFor(t testing.TB, part string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		found, grown, ended := strings.Contains(o.text.String(), part), o.grown, o.ended
		o.mu.Unlock()
		if found {
			return
		}
		if ended {
			t.Fatalf("no %q in all of the output:\n%s", part, o)
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("no %q in the output:\n%s", part, o)
		}
	}
}

// process is a running wsticket.
type process struct {
	public, internal string // host:port
	stdout, stderr   *output
	cmd              *exec.Cmd
	exited           chan struct{} // closed when it has ended, with err
	err              error
}

// command prepares a wsticket with nothing of this process's environment but
// what it needs to start.
func command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = []string{asProgram + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "GOCOVERDIR=" + t.TempDir()}
	return cmd
}

// start runs wsticket with args and returns when its start line has come.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	p := launch(t, args...)
	p.await(t)
	return p
}

// launch runs wsticket with args. It is stopped when the test ends.
func launch(t testing.TB, args ...string) *process {
	t.Helper()
	cmd := command(context.Background(), t, args...)
	p := &process{stdout: newOutput(), stderr: newOutput(), cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		p.err = cmd.Wait()
		p.stdout.end()
		p.stderr.end()
		close(p.exited)
	}()
	t.Cleanup(func() { _ = p.stop(t) })
	return p
}

// await reads the start line.
func (p *process) await(t testing.TB) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("wsticket said:\n%s", p.stderr)
		}
	}()
	p.stdout.waitFor(t, "\n")
	line, _, _ := strings.Cut(p.stdout.String(), "\n")
	p.readStartLine(t, line)
}

func (p *process) readStartLine(t testing.TB, text string) {
	t.Helper()
	var start struct{ Event, Public, Internal string }
	if err := json.Unmarshal([]byte(text), &start); err != nil || start.Event != "listening" {
		t.Fatalf("start line %q: %v", text, err)
	}
	p.public, p.internal = start.Public, start.Internal
}

// stop asks the process to end and returns its error.
func (p *process) stop(t testing.TB) error {
	t.Helper()
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.exited:
		return p.err
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		t.Error("the process did not end when it was asked to")
		return nil
	}
}

// runIn runs one command inside this process and returns its output.
func runIn(t *testing.T, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	out, errs := newOutput(), newOutput()
	err = run(t.Context(), world{Args: args, Env: env, Stdout: out, Stderr: errs})
	return out.String(), errs.String(), err
}

// writeFile puts a file into the test's own folder and returns its name.
func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// answer is an HTTP answer that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t testing.TB, method, url, bearer, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(t, &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

// do makes a request and reads the answer.
func do(t testing.TB, client *http.Client, req *http.Request) answer {
	t.Helper()
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// issued is the part of the issuing answer that tests use.
type issued struct {
	Ticket    string   `json:"ticket"`
	TicketID  string   `json:"ticket_id"`
	URL       string   `json:"url"`
	Protocols []string `json:"protocols"`
}

func issue(t testing.TB, host, bearer string) issued {
	t.Helper()
	a := send(t, http.MethodPost, "http://"+host+"/ws-ticket", bearer, "")
	if a.status != http.StatusCreated {
		t.Fatalf("POST /ws-ticket = %d %s", a.status, a.body)
	}
	var got issued
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// tlsTrusting is a client's configuration that knows one certificate.
func tlsTrusting(t testing.TB, certPEM []byte) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(certPEM) {
		t.Fatal("no certificate in the file")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
