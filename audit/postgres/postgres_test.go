package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wsticket/audit"
	"wsticket/audit/audittest"
	"wsticket/audit/postgres"
	"wsticket/internal/testenv"
	"wsticket/migrations"
	"wsticket/ticket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

func open(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s, err := postgres.Open(tb.Context(), url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

func migrated(tb testing.TB, url string) *postgres.Store {
	tb.Helper()
	s := open(tb, url)
	if err := s.Migrate(tb.Context(), quiet); err != nil {
		tb.Fatal(err)
	}
	return s
}

// TestServer has what one server can show at once.
func TestServer(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	for name, check := range map[string]func(*testing.T, *testenv.PostgresServer){
		"the suite":                   suite,
		"without prepared statements": withoutPreparedStatements,
		"a full database":             full,
		"errors":                      failures,
		"the schema":                  schema,
		"the encoding":                encodings,
		"roles":                       roles,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, server)
		})
	}
}

func suite(t *testing.T, server *testenv.PostgresServer) {
	audittest.Run(t, func(tb testing.TB) audit.Store { return migrated(tb, server.NewDatabase()) })
}

// The mode that works behind PgBouncer does the same.
func withoutPreparedStatements(t *testing.T, server *testenv.PostgresServer) {
	audittest.Run(t, func(tb testing.TB) audit.Store {
		return migrated(tb, server.NewDatabase()+"&default_query_exec_mode=exec")
	})
}

// The database has the settings that its operator can see and change in the URL.
func TestSettings(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		"": "wsticket 15s 8 5s",
		"?statement_timeout=7s&application_name=trail&pool_max_conns=3&connect_timeout=2": "trail 7s 3 2s",
		"?default_query_exec_mode=exec": "wsticket  8 5s",
	} {
		c, err := postgres.Parse("postgres://user@host/name" + more)
		if err != nil {
			t.Fatal(err)
		}
		params := c.ConnConfig.RuntimeParams
		if got := fmt.Sprint(params["application_name"], " ", params["statement_timeout"], " ", c.MaxConns, " ", c.ConnConfig.ConnectTimeout); got != want {
			t.Errorf("%q: %s, want %s", more, got, want)
		}
	}
}

// What is said of a connection before there is one.
func TestHost(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://h/d":                                     "h:5432 false",
		"postgres://h:1/d?sslmode=disable":                   "h:1 false",
		"postgres://h/d?sslmode=require":                     "h:5432 false",
		"postgres://h/d?sslmode=verify-full":                 "h:5432 true",
		"postgres://h/d?sslmode=verify-ca":                   "h:5432 true",
		"postgres://a,b:6432/d?sslmode=verify-full":          "a:5432,b:6432 true",
		"postgres:///d?host=/run/postgresql&sslmode=disable": "/run/postgresql:5432 true",
	} {
		s := open(t, url)
		if got := fmt.Sprint(s.Host(), " ", s.Verified()); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

// A database that goes away in the middle of a batch has all of it or nothing, and the batch
// may be appended again.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	s := migrated(t, server.NewDatabase())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const size, batches = 100, 200
	stopped := make(chan struct{})
	refused := 0
	for b := range batches {
		batch := audittest.Records("one", uint64(b*size+1), size)
		if b == batches/4 {
			go func() {
				defer close(stopped)
				server.Restart()
			}()
		}
		for {
			err := s.Append(ctx, batch)
			if err == nil {
				break
			}
			if !errors.Is(err, ticket.ErrUnavailable) || ctx.Err() != nil {
				t.Fatalf("append: %v", err)
			}
			refused++
		}
		if b == batches/2 {
			<-stopped // so that the restart is within the test
		}
	}
	<-stopped
	got, err := s.ReadChain(ctx, "one", 0, size*batches+1)
	if err != nil || len(got) != size*batches {
		t.Errorf("%d records, %v, want %d", len(got), err, size*batches)
	}
	for i := range got {
		if got[i].Seq != uint64(i+1) {
			t.Fatalf("record %d has Seq %d", i, got[i].Seq)
		}
	}
	t.Logf("%d calls were refused", refused)
}

// A server that does not answer holds nobody longer than its context, and answers again.
func TestFrozen(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	s := migrated(t, server.NewDatabase())
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	batch := audittest.Records("one", 1, 10)
	if err := s.Append(ctx, batch); !errors.Is(err, ticket.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("append: %v, want ErrUnavailable and DeadlineExceeded", err)
	}
	server.Thaw()
	if err := s.Append(t.Context(), batch); err != nil {
		t.Error(err)
	}
	if got, err := s.ReadChain(t.Context(), "one", 0, 100); err != nil || len(got) != len(batch) {
		t.Errorf("%d records, %v, want each once", len(got), err)
	}
}

// A full database refuses, and goes on as soon as there is room.
func full(t *testing.T, server *testenv.PostgresServer) {
	url := server.NewDatabase()
	s := migrated(t, url)
	server.Fill(url)
	if err := s.Append(t.Context(), audittest.Records("one", 1, 10)); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("append: %v, want ErrUnavailable", err)
	}
	if err := s.PutRevocations(t.Context(), []ticket.Revocation{{ID: "1"}}); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("revoke: %v, want ErrUnavailable", err)
	}
	if _, err := s.Search(t.Context(), ticket.AuditQuery{Limit: 1}); err != nil {
		t.Errorf("search: %v", err)
	}
	server.Empty(url)
	if err := s.Append(t.Context(), audittest.Records("one", 1, 10)); err != nil {
		t.Error(err)
	}
}

// No error has the password, and each says what is wrong.
func failures(t *testing.T, server *testenv.PostgresServer) {
	const secret = "hunter2-canary"
	for name, url := range map[string]string{
		"no server":         "postgres://user:" + secret + "@127.0.0.1:1/db?sslmode=disable",
		"two attempts":      "postgres://user:" + secret + "@127.0.0.1:1/db?sslmode=prefer",
		"no TLS":            "postgres://user:" + secret + "@" + server.Addr() + "/postgres?sslmode=require",
		"no user":           "postgres://user:" + secret + "@" + server.Addr() + "/postgres?sslmode=disable",
		"no database":       "postgres://postgres:" + secret + "@" + server.Addr() + "/nobody?sslmode=disable",
		"unknown parameter": "postgres://postgres:" + secret + "@" + server.Addr() + "/postgres?sslmode=disable&nonsense=1",
	} {
		s := open(t, url)
		for op, err := range map[string]error{"Ping": s.Ping(t.Context()), "Migrate": s.Migrate(t.Context(), quiet)} {
			if !errors.Is(err, ticket.ErrUnavailable) || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %s: %v, want ErrUnavailable in one line without the password", name, op, err)
			}
		}
	}
	for _, url := range []string{
		"", "postgres://", "mysql://u:" + secret + "@h/db", "postgres://u:" + secret + "@h", "postgres://u:" + secret + "@h:port/db", "postgres://u:" + secret + "%zz@h/db",
		"postgres://u:" + secret + "@h/db?sslmode=" + secret, "postgres://u:" + secret + "@h/db?connect_timeout=x", "postgres://u:" + secret + "@h/db?pool_max_conns=x",
		"postgres://u:" + secret + "@h/db?default_query_exec_mode=x", "host=h password=" + secret, "postgres://u@h/db?sslrootcert=/missing&password=" + secret,
	} {
		_, err := postgres.Open(t.Context(), url)
		if err == nil || strings.Contains(err.Error(), "u:"+secret) || strings.Contains(err.Error(), "password="+secret) {
			t.Errorf("%q: %v, want an error without the password", url, err)
		}
	}
}

// A database without tables is found out, and so is one that is newer.
func schema(t *testing.T, server *testenv.PostgresServer) {
	url := server.NewDatabase()
	s := open(t, url)
	if err := s.CheckSchema(t.Context()); !errors.Is(err, migrations.ErrPending) || errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("an empty database: %v, want ErrPending", err)
	}
	if err := s.Migrate(t.Context(), quiet); err != nil {
		t.Fatal(err)
	}
	server.Exec(url, "INSERT INTO wsticket_migrations (version_id, is_applied) VALUES (999, true)")
	for name, err := range map[string]error{"CheckSchema": s.CheckSchema(t.Context()), "Migrate": s.Migrate(t.Context(), quiet)} {
		if !errors.Is(err, migrations.ErrNewer) {
			t.Errorf("%s: %v, want ErrNewer", name, err)
		}
	}
}

// A database that cannot hold every name is refused before anything is written.
func encodings(t *testing.T, server *testenv.PostgresServer) {
	server.Exec(server.URL(), "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
	s := open(t, strings.Replace(server.URL(), "/postgres?", "/latin?", 1))
	for name, err := range map[string]error{"CheckSchema": s.CheckSchema(t.Context()), "Migrate": s.Migrate(t.Context(), quiet)} {
		if err == nil || !strings.Contains(err.Error(), "LATIN1") {
			t.Errorf("%s: %v, want an error that names the encoding", name, err)
		}
	}
}

// What docs/audit.md says: one role makes the tables, and another one, which the service
// has, may neither make nor drop any.
func roles(t *testing.T, server *testenv.PostgresServer) {
	text, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, script, _ := strings.Cut(string(text), "```sql\n")
	script, _, _ = strings.Cut(script, "```")
	url := server.URL()
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line == `\c wsticket` {
			url = strings.Replace(url, "/postgres?", "/wsticket?", 1)
		} else if line != "" {
			server.Exec(url, line)
		}
	}
	as := func(role string) string { return strings.Replace(url, "postgres@", role+":secret@", 1) }
	service := open(t, as("wsticket"))
	if err := service.Migrate(t.Context(), quiet); !errors.Is(err, ticket.ErrUnavailable) {
		t.Errorf("the service makes tables: %v, want an error", err)
	}
	migrated(t, as("wsticket_owner"))
	if err := service.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if err := service.Append(t.Context(), audittest.Records("one", 1, 2)); err != nil {
		t.Error(err)
	}
	if err := service.PutRevocations(t.Context(), []ticket.Revocation{{ID: "1", At: time.Now(), Before: time.Now(), ExpiresAt: time.Now()}}); err != nil {
		t.Error(err)
	}
	if n, err := service.Prune(t.Context(), time.Now().Add(time.Hour), 10); err != nil || n != 2 {
		t.Errorf("%d records were removed, %v, want 2", n, err)
	}
	if n, err := service.PruneRevocations(t.Context(), time.Now().Add(time.Hour), 10); err != nil || n != 1 {
		t.Errorf("%d revocations were removed, %v, want 1", n, err)
	}
}
