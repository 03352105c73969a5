package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// asProgram makes the test binary behave as wsticket itself, so that tests
// can start real processes of it.
const asProgram = "RUN_AS_WSTICKET"

// sealKeyA is a seal key as the file has it.
const sealKeyA = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// patience limits requests, and the wait for the end of a process.
const patience = test.Patience

// process is a running wsticket.
type process struct {
	public, internal string // host:port
	health           string // host:port, empty if there is no such listener
	stdout, stderr   *test.Output
	cmd              *exec.Cmd
	exited           chan struct{} // closed when it has ended, with err
	err              error
}

// command prepares a wsticket, with only what it needs to start of this
// process's environment.
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
	return launchCommand(t, command(context.Background(), t, args...))
}

// launchCommand is launch for a command that runs wsticket.
func launchCommand(t testing.TB, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{stdout: new(test.Output), stderr: new(test.Output), cmd: cmd, exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process
		p.err = cmd.Wait()
		p.stdout.End()
		p.stderr.End()
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
	text := p.stdout.WaitFor(t)
	var start struct{ Event, Public, Internal, Health string }
	if err := json.Unmarshal([]byte(text), &start); err != nil || start.Event != "listening" {
		t.Fatalf("start line %q: %v", text, err)
	}
	p.public, p.internal, p.health = start.Public, start.Internal, start.Health
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
func runIn(t testing.TB, env []string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	out, errs := new(test.Output), new(test.Output)
	err = run(t.Context(), world{Args: args, Env: env, Stdout: out, Stderr: errs})
	return out.String(), errs.String(), err
}

// answer is an HTTP answer that has been read.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t testing.TB, method, url, bearer, body string) answer {
	t.Helper()
	var header []string
	if bearer != "" {
		header = append(header, "Authorization", "Bearer "+bearer)
	}
	if body != "" {
		header = append(header, "Content-Type", "application/json")
	}
	return exchange(t, method, url, body, header...)
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
	a := answered(t, func() answer { return send(t, http.MethodPost, "http://"+host+"/ws-ticket", bearer, "") })
	if a.status != http.StatusCreated {
		t.Fatalf("POST /ws-ticket = %d %s", a.status, a.body)
	}
	var got issued
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// trusting is a client's configuration that knows the authority.
func trusting(t testing.TB, certs testenv.Certificates) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(mustRead(t, certs.CAFile))) {
		t.Fatal("no certificate in the file")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}
