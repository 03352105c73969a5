// Package postgres is an [audit.Store] in PostgreSQL 13 or newer.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"wsticket/audit"
	"wsticket/internal/maskurl"
	"wsticket/migrations"
)

// Settings of a connection that the URL does not name itself.
const (
	maxConns       = 8                // pool_max_conns
	connectTimeout = 5 * time.Second  // connect_timeout
	lifetime       = 30 * time.Minute // pool_max_conn_lifetime: after a failover, the old server is left
	// statementTimeout ends what a client that has gone has asked for.
	statementTimeout = "15s" // statement_timeout
)

var _ audit.Store = (*Store)(nil)

// Store is a database in PostgreSQL. Its methods are safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
}

// Open returns the database of a URL, postgres://user:password@host:port/name?…, with the
// parameters of libpq and of pgx, such as sslmode, connect_timeout, statement_timeout,
// search_path, pool_max_conns and default_query_exec_mode. With exec as the latter it works
// behind a PgBouncer that gives a connection away after each transaction. It connects when
// it is used. The error does not have the password.
func Open(ctx context.Context, text string) (*Store, error) {
	config, err := Parse(text)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, audit.Failed("postgres", "open", err)
	}
	return &Store{pool}, nil
}

// Parse reads a URL as [Open] does. The error says what is wrong with it.
func Parse(text string) (*pgxpool.Config, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("not a URL") // which the error would show
	}
	query := u.Query()
	switch {
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return nil, errors.New("must begin with postgres://")
	case strings.Trim(u.Path, "/") == "" && !query.Has("dbname"):
		return nil, errors.New("must name the database: postgres://user:password@host:port/name")
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		// The whole error repeats the URL.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return nil, errors.New(maskurl.HideQuoted(strings.ReplaceAll(err.Error(), text, maskurl.Hide(text))))
	}
	if !query.Has("pool_max_conns") {
		config.MaxConns = maxConns
	}
	if !query.Has("pool_max_conn_lifetime") {
		config.MaxConnLifetime = lifetime
	}
	settings := config.ConnConfig
	if !query.Has("connect_timeout") {
		settings.ConnectTimeout = connectTimeout
	}
	if settings.RuntimeParams["application_name"] == "" {
		settings.RuntimeParams["application_name"] = "wsticket"
	}
	// PgBouncer refuses the parameter, and no other mode works behind it.
	if !query.Has("statement_timeout") && settings.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		settings.RuntimeParams["statement_timeout"] = statementTimeout
	}
	return config, nil
}

// Host returns where the database is, for messages: host:port, and several with a comma.
func (s *Store) Host() string {
	var all []string
	for _, at := range s.addresses() {
		if name := net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port))); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ",")
}

// Verified reports whether all connections that may be made are by TLS, to a server that
// shows a certificate of an authority that we trust. A socket of this machine needs none.
func (s *Store) Verified() bool {
	return !slices.ContainsFunc(s.addresses(), func(at *pgconn.FallbackConfig) bool {
		network, _ := pgconn.NetworkAddress(at.Host, at.Port)
		return network != "unix" && (at.TLSConfig == nil || at.TLSConfig.InsecureSkipVerify && at.TLSConfig.VerifyPeerCertificate == nil)
	})
}

// addresses returns where a connection is tried, one after the other.
func (s *Store) addresses() []*pgconn.FallbackConfig {
	c := s.pool.Config().ConnConfig
	return append([]*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}, c.Fallbacks...)
}

// Migrate implements [audit.Store].
func (s *Store) Migrate(ctx context.Context, log *slog.Logger) error {
	return s.schema(ctx, "migrate", func(db *sql.DB) error { return migrations.Up(ctx, db, migrations.Postgres, log) })
}

// CheckSchema implements [audit.Store].
func (s *Store) CheckSchema(ctx context.Context) error {
	return s.schema(ctx, "check the schema", func(db *sql.DB) error { return migrations.Check(ctx, db, migrations.Postgres) })
}

// Schema implements [audit.Store].
func (s *Store) Schema(ctx context.Context) (state migrations.State, err error) {
	err = s.schema(ctx, "read the schema", func(db *sql.DB) error {
		state, err = migrations.Status(ctx, db, migrations.Postgres)
		return err
	})
	return state, err
}

// schema works on connections without a limit of time: an index takes as long as it takes.
func (s *Store) schema(ctx context.Context, op string, do func(*sql.DB) error) error {
	settings := s.pool.Config().ConnConfig
	delete(settings.RuntimeParams, "statement_timeout")
	db := stdlib.OpenDB(*settings)
	defer db.Close() //nolint:errcheck // what counts is done
	err := checkEncoding(ctx, db)
	if err == nil {
		err = do(db)
	}
	return failed(op, err)
}

// checkEncoding refuses a database that could not hold every name.
func checkEncoding(ctx context.Context, db *sql.DB) error {
	var name string
	err := db.QueryRowContext(ctx, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()").Scan(&name)
	if err == nil && name != "UTF8" {
		err = fmt.Errorf("the database has the encoding %s: make one with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", name)
	}
	return err
}

// Ping implements [audit.Store].
func (s *Store) Ping(ctx context.Context) error { return failed("ping", s.pool.Ping(ctx)) }

// Close implements [audit.Store]. It waits for calls in progress.
func (s *Store) Close() error {
	s.pool.Close()
	return nil
}

func failed(op string, err error) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = oneLine{connect}
	}
	return audit.Failed("postgres", op, err)
}

// oneLine is an error with a line for each attempt to connect, of which many say the same.
type oneLine struct{ error }

// Error returns what the attempts say, each once.
func (e oneLine) Error() string {
	var all []string
	for line := range strings.Lines(e.error.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	return strings.Join(all, " ")
}

// Unwrap returns the error itself.
func (e oneLine) Unwrap() error { return e.error }
