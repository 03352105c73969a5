package testenv

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// superuser is the user of every connection, who needs no password.
const superuser = "postgres"

// PostgresServer is a PostgreSQL server of a test.
type PostgresServer struct {
	tb      testing.TB
	dir     string
	addr    string
	attr    *syscall.SysProcAttr
	process *process
}

// Postgres starts a PostgreSQL with an empty folder of data on a free loopback port, and
// returns when it answers. It takes any password and does not wait for the disk. The
// server is stopped when the test ends.
func Postgres(tb testing.TB) *PostgresServer {
	tb.Helper()
	Need(tb, "postgres")
	s := &PostgresServer{tb: tb}
	s.prepare()
	tb.Cleanup(func() {
		s.Stop()
		if tb.Failed() {
			tb.Logf("postgres at %s said:\n%s", s.addr, logTail(s.dir))
		}
		if err := os.RemoveAll(s.dir); err != nil {
			tb.Errorf("postgres: %v", err)
		}
	})
	s.run("initdb", "--no-sync", "--auth=trust", "--username="+superuser, "--locale=C", "--encoding=UTF8", "--pgdata=data")
	for range startTries {
		s.addr = FreeAddr(tb)
		if s.up() {
			return s
		}
		s.Stop()
	}
	tb.Fatalf("postgres does not answer:\n%s", logTail(s.dir))
	return nil
}

// prepare makes the working folder. PostgreSQL refuses to run as root, and another user
// cannot enter the folders of the testing package.
func (s *PostgresServer) prepare() {
	s.tb.Helper()
	var err error
	if s.dir, err = os.MkdirTemp("", "wsticket-postgres-"); err != nil { //nolint:usetesting // see above
		s.tb.Fatalf("postgres: %v", err)
	}
	s.attr = attributes(syscall.SIGQUIT) // its processes end with it
	if os.Geteuid() != 0 {
		return
	}
	who, err := user.Lookup(superuser)
	if err != nil {
		s.tb.Fatalf("postgres does not run as root: %v", err)
	}
	uid, _ := strconv.Atoi(who.Uid) // numbers, on a system that has root
	gid, _ := strconv.Atoi(who.Gid)
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	if err := os.Chown(s.dir, uid, gid); err != nil {
		s.tb.Fatalf("postgres: %v", err)
	}
}

// run runs a program of PostgreSQL as the user of the server, and returns what it prints.
func (s *PostgresServer) run(program string, args ...string) string {
	s.tb.Helper()
	cmd := exec.CommandContext(lasting(s.tb), Need(s.tb, program), args...)
	cmd.Dir, cmd.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: s.attr.Credential}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.tb.Fatalf("%s: %v\n%s", program, err, out)
	}
	return string(out)
}

// Addr returns the host and port of the server, which Stop and Start do not change.
func (s *PostgresServer) Addr() string { return s.addr }

// URL returns the database that PostgreSQL makes for administrators.
func (s *PostgresServer) URL() string { return s.databaseURL(superuser) }

func (s *PostgresServer) databaseURL(name string) string {
	return "postgres://" + superuser + "@" + s.addr + "/" + name + "?sslmode=disable"
}

// NewDatabase makes an empty database and returns its URL.
func (s *PostgresServer) NewDatabase() string {
	s.tb.Helper()
	name := "t" + strings.ToLower(rand.Text())
	s.Exec(s.URL(), "CREATE DATABASE "+name)
	return s.databaseURL(name)
}

// Exec runs SQL in a database and returns the values that it selects, a line for each
// row with | between columns.
func (s *PostgresServer) Exec(url, sql string) string {
	s.tb.Helper()
	return strings.TrimSpace(s.run("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--dbname="+url, "--command="+sql))
}

// Fill makes a database refuse new rows in all of its tables, with the error of a full disk,
// until Empty.
func (s *PostgresServer) Fill(url string) {
	s.tb.Helper()
	s.Exec(url, `CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
		DO $$ DECLARE name text; BEGIN
			FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
				EXECUTE format('CREATE TRIGGER full_disk BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION full_disk()', name);
			END LOOP;
		END $$`)
}

// Empty undoes Fill.
func (s *PostgresServer) Empty(url string) {
	s.tb.Helper()
	s.Exec(url, "DROP FUNCTION full_disk CASCADE")
}

// Freeze suspends all processes of the server: connections stay open, and it answers
// nothing until Thaw.
func (s *PostgresServer) Freeze() {
	s.tb.Helper()
	s.process.signal(s.tb, syscall.SIGSTOP) // first the one that starts the others
	s.signalChildren(syscall.SIGSTOP)
}

// Thaw resumes a frozen server. It then answers what it was sent in the meantime.
func (s *PostgresServer) Thaw() {
	s.tb.Helper()
	s.signalChildren(syscall.SIGCONT)
	s.process.signal(s.tb, syscall.SIGCONT)
}

// signalChildren sends a signal to the processes that the server has started. Each is in
// a process group of its own.
func (s *PostgresServer) signalChildren(sig syscall.Signal) {
	s.tb.Helper()
	pid := strconv.Itoa(s.process.cmd.Process.Pid)
	all, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil && !os.IsNotExist(err) {
		s.tb.Fatalf("postgres: processes: %v", err)
	}
	for child := range strings.FieldsSeq(string(all)) {
		if n, err := strconv.Atoi(child); err == nil {
			_ = syscall.Kill(n, sig) // an error means that it has ended
		}
	}
}

// Stop ends the server at once, like a power cut. It may be frozen or stopped already.
func (s *PostgresServer) Stop() {
	if s.process == nil {
		return
	}
	_ = s.process.cmd.Process.Signal(syscall.SIGQUIT) // an error means that it has ended
	s.signalChildren(syscall.SIGCONT)
	_ = s.process.cmd.Process.Signal(syscall.SIGCONT)
	s.process.terminate()
}

// Start starts a stopped server on the same port with the same data, and returns when it
// answers.
func (s *PostgresServer) Start() {
	s.tb.Helper()
	if !s.up() {
		s.tb.Fatalf("postgres does not come back at %s:\n%s", s.addr, logTail(s.dir))
	}
}

// Restart is Stop and Start.
func (s *PostgresServer) Restart() {
	s.tb.Helper()
	s.Stop()
	s.Start()
}

// up starts the program and reports whether it answers in time.
func (s *PostgresServer) up() bool {
	s.tb.Helper()
	host, port := split(s.tb, s.addr)
	args := []string{"-D", "data"}
	for _, setting := range []string{
		"listen_addresses=" + host, "port=" + port, "unix_socket_directories=", "max_connections=200",
		"fsync=off", "full_page_writes=off", "timezone=UTC",
	} {
		args = append(args, "-c", setting)
	}
	s.process = startAs(s.tb, s.dir, s.attr, Need(s.tb, "postgres"), args...)
	return s.process.within(s.tb, s.ready)
}

// ready reports whether our process answers, which it writes into the file of its PID.
func (s *PostgresServer) ready(context.Context) bool {
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	said := strings.Fields(string(text))
	return err == nil && len(said) > 0 && said[0] == strconv.Itoa(s.process.cmd.Process.Pid) && said[len(said)-1] == "ready"
}
