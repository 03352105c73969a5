package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"wsticket/internal/test"
	"wsticket/internal/testenv"
)

// withDatabase adds a database to the configuration in a file.
func withDatabase(t testing.TB, file, database string) string {
	t.Helper()
	return test.WriteFile(t, "wsticket.yaml", mustRead(t, file)+"\ndatabase: "+database+"\n")
}

// TestMigrate: status says what is missing and fails, up makes it, and both are content
// then. A service that finds it missing says what to do.
func TestMigrate(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "wsticket.db"), testenv.Postgres(t).NewDatabase()} {
		flag := "--database=" + url
		out, _, err := runIn(t, nil, "migrate", "status", flag)
		if err == nil || !strings.Contains(err.Error(), "wsticket migrate up") || !strings.Contains(out, "00001_audit.sql") {
			t.Errorf("status of an empty database: %v\n%s", err, out)
		}
		config := withDatabase(t, idp.config(t, "memory:"), fmt.Sprintf("{url: %q}", url))
		if _, _, err := runIn(t, nil, "serve", "--config", config); err == nil || !strings.Contains(err.Error(), "wsticket migrate up") {
			t.Errorf("serve with an empty database: %v, want what to do", err)
		}
		for _, args := range [][]string{{flag}, {"--config", config}} {
			if _, _, err := runIn(t, nil, append([]string{"migrate", "up"}, args...)...); err != nil {
				t.Errorf("up %q: %v", args, err)
			}
			if out, _, err := runIn(t, nil, append([]string{"migrate", "status"}, args...)...); err != nil || strings.Contains(out, "no ") {
				t.Errorf("status %q: %v\n%s", args, err, out)
			}
		}
		p := start(t, "serve", "--config", config)
		if a := send(t, "GET", "http://"+p.internal+"/readyz", "", ""); a.status != 200 {
			t.Errorf("a service with the database: %d %s", a.status, a.body)
		}
	}
}

// TestMigrateFaults: what cannot be migrated is said in a line, without a password.
func TestMigrateFaults(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	newer := server.NewDatabase()
	if _, _, err := runIn(t, nil, "migrate", "up", "--database="+newer); err != nil {
		t.Fatal(err)
	}
	server.Exec(newer, "INSERT INTO wsticket_migrations (version_id, is_applied) VALUES (999, true)")
	secret := "hunter2-canary"
	for url, want := range map[string]string{
		"":                             "database.url",
		"sqlite:":                      "memory",
		"mysql://u:" + secret + "@h/d": "database.url",
		"sqlite:/missing/folder/db":    "/missing/folder/db",
		"postgres://u:" + secret + "@127.0.0.1:1/d?sslmode=disable": "127.0.0.1:1",
		newer: "newer",
	} {
		for _, command := range []string{"up", "status"} {
			_, _, err := runIn(t, []string{"WSTICKET_DATABASE_URL=" + url}, "migrate", command)
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s of %q: %v, want an error with %q", command, url, err, want)
			}
		}
	}
}

// TestMigrateTogether: ten processes that are started at once succeed, and one of them does
// it.
func TestMigrateTogether(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"sqlite:" + filepath.Join(t.TempDir(), "wsticket.db"), testenv.Postgres(t).NewDatabase()} {
		file := test.WriteFile(t, "database.url", url)
		var running sync.WaitGroup
		for range 10 {
			running.Go(func() {
				cmd := command(context.WithoutCancel(t.Context()), t, "migrate", "up")
				cmd.Env = append(cmd.Env, "WSTICKET_DATABASE_URL_FILE="+file)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		running.Wait()
		if out, _, err := runIn(t, nil, "migrate", "status", "--database="+url); err != nil {
			t.Errorf("status: %v\n%s", err, out)
		}
	}
}

// TestServeTogether: ten services that start together make the tables once.
func TestServeTogether(t *testing.T) {
	t.Parallel()
	idp := newProvider(t)
	config := withDatabase(t, idp.config(t, "memory:"), fmt.Sprintf("{url: %q, migrate: true}", testenv.Postgres(t).NewDatabase()))
	var services []*process
	for range 10 {
		services = append(services, launch(t, "serve", "--config", config))
	}
	migrated := 0
	for _, p := range services {
		p.await(t)
		migrated += strings.Count(p.stderr.String(), "the database was migrated")
	}
	if migrated != 1 {
		t.Errorf("%d services have made the tables, want 1", migrated)
	}
}

// TestRevocationsOutlive: who was logged out stays out, though every memory of it is lost:
// Redis is emptied, and the processes are started again. The same without Redis.
func TestRevocationsOutlive(t *testing.T) {
	t.Parallel()
	idp, redis := newProvider(t), testenv.Redis(t)
	for name, store := range map[string]string{"memory": "memory:", "redis": redis.URL()} {
		config, key := idp.withOperator(t, store)
		config = withDatabase(t, config, fmt.Sprintf("{url: %q, migrate: true}", "sqlite:"+filepath.Join(t.TempDir(), "wsticket.db")))
		p := start(t, "serve", "--config", config)
		bearer, bob := idp.bearer(t, "alice"), idp.bearer(t, "bob")
		issue(t, p.public, bearer)
		if _, _, err := runIn(t, nil, "revoke", "--key-file", key, "--url", "http://"+p.internal, "--sub", "alice"); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.cmd.Process.Kill(); err != nil { // it has no time to say goodbye
			t.Fatal(err)
		}
		<-p.exited
		redis.MustAsk("flushall")
		again := start(t, "serve", "--config", config)
		if a := send(t, "POST", "http://"+again.public+"/ws-ticket", bearer, ""); a.status != 401 {
			t.Errorf("%s: the old bearer after a restart: %d, want 401", name, a.status)
		}
		issue(t, again.public, bob)
	}
}

// TestRevocationNotStored: what cannot be stored is 503, and in force here all the same.
func TestRevocationNotStored(t *testing.T) {
	t.Parallel()
	idp, server := newProvider(t), testenv.Postgres(t)
	url := server.NewDatabase()
	config, key := idp.withOperator(t, "memory:")
	config = withDatabase(t, config, fmt.Sprintf("{url: %q, migrate: true}", url))
	p := start(t, "serve", "--config", config)
	bearer := idp.bearer(t, "alice")
	revoke := func() error {
		_, _, err := runIn(t, nil, "revoke", "--key-file", key, "--url", "http://"+p.internal, "--sub", "alice")
		return err
	}
	server.Fill(url)
	if err := revoke(); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("revoke with a full database: %v, want 503", err)
	}
	if a := send(t, "POST", "http://"+p.public+"/ws-ticket", bearer, ""); a.status != 401 {
		t.Errorf("the bearer: %d, want 401", a.status)
	}
	server.Empty(url)
	test.Wait(t, "the revocation is stored", func() bool { return server.Exec(url, "SELECT count(*) FROM revocations") == "1" })
	if err := revoke(); err != nil {
		t.Errorf("revoke: %v", err)
	}
}
