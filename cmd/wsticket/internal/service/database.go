package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wsticket/audit"
	"wsticket/audit/postgres"
	"wsticket/audit/sqlite"
	"wsticket/cmd/wsticket/internal/config"
)

// buildDatabase makes the database that database.url names. It connects to nothing yet.
func (s *Service) buildDatabase() (err error) {
	s.database, err = OpenDatabase(s.cfg.Database)
	return err
}

// OpenDatabase returns the database of the settings, nil without one. It connects when it is
// used, and a file is made then. The caller closes it. The error is a fault of the settings.
func OpenDatabase(cfg config.Database) (audit.Store, error) {
	f := config.NewFaults()
	if path, file := cfg.SQLite(); file {
		db, err := sqlite.Open(context.Background(), path)
		if err == nil {
			return db, nil
		}
		f.Add("database.url", err)
	}
	if cfg.Postgres() {
		db, err := postgres.Open(context.Background(), cfg.URL.Reveal())
		if err == nil {
			return db, nil
		}
		f.Add("database.url", err)
	}
	return nil, f.Err() // any other URL is a fault of the settings
}

// DatabaseHost returns where a database is, for messages.
func DatabaseHost(cfg config.Database, db audit.Store) string {
	if db, ok := db.(*postgres.Store); ok {
		return db.Host()
	}
	if path, _ := cfg.SQLite(); path != "" {
		return path
	}
	return "this process"
}

func (s *Service) databaseHost() string { return DatabaseHost(s.cfg.Database, s.database) }

// migrateTimeout bounds the making of the tables, which may take long for a full database.
const migrateTimeout = 10 * time.Minute

// awaitDatabase pings the database until it answers, for the given time at most, and then
// makes or checks its tables.
func (s *Service) awaitDatabase(ctx context.Context, wait time.Duration) error {
	if s.database == nil {
		return nil
	}
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	tick := time.NewTicker(pingInterval)
	defer tick.Stop()
	for waiting := false; ; waiting = true {
		err := s.pingDatabase(ctx)
		if err == nil {
			return s.prepareDatabase(ctx)
		}
		if !waiting && wait > 0 {
			s.log.Warn("the database does not answer: waiting for it", "for", wait.String(), "host", s.databaseHost(), "cause", err.Error())
		}
		select {
		case <-ctx.Done():
			return errors.New("serve: stopped while waiting for the database")
		case <-deadline.C:
			return s.databaseFault(err)
		case <-tick.C:
		}
	}
}

func (s *Service) pingDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	return s.database.Ping(ctx)
}

func (s *Service) prepareDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTimeout)
	defer cancel()
	if s.cfg.Database.Migrate {
		return s.databaseFault(s.database.Migrate(ctx, s.log))
	}
	return s.databaseFault(s.database.CheckSchema(ctx))
}

func (s *Service) databaseFault(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("serve: %w", &config.Fault{Key: "database.url", Err: fmt.Errorf("%s: %w", s.databaseHost(), err)})
}
