package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"wsticket/audit"
	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/service"
	"wsticket/migrations"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Bring the tables to the version of this program. Several may do so at once: one does it, and the others wait."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations, and when they were applied. It changes nothing. Exit status 1: the service would not start."`
}

// databaseFlags name a database. Nothing else of the configuration has to be valid.
type databaseFlags struct {
	Config   string `short:"c" placeholder:"FILE" help:"Configuration file, for database.url. In the environment: WSTICKET_CONFIG."`
	Database string `placeholder:"URL" help:"Overrides database.url: sqlite:PATH or postgres://host/name. A password in it can be seen in the list of processes: use WSTICKET_DATABASE_URL_FILE for one."`
}

// load reads which database it is, and has check look at it.
func (f databaseFlags) load(env []string, check func(config.Database) error) (config.Database, error) {
	flags := config.Flags{Config: f.Config}
	if f.Database != "" {
		flags.Set = []string{"database.url=" + f.Database}
	}
	cfg, err := flags.Load(env, func(cfg config.Config) error {
		err := config.Only(cfg.Validate(), "database")
		if err == nil {
			err = config.ByKey(check(cfg.Database))
		}
		return err
	})
	return cfg.Database, err
}

// open returns the database, and where it is for messages. The caller closes it.
func (f databaseFlags) open(env []string) (db audit.Store, host string, err error) {
	at, err := f.load(env, func(at config.Database) (err error) {
		faults := config.NewFaults()
		path, file := at.SQLite()
		faults.Check(!at.None(), "database.url", "names no database: sqlite:PATH or postgres://host/name")
		faults.Check(!file || path != "", "database.url", "a database in memory has nothing to migrate")
		if err = faults.Err(); err == nil {
			db, err = service.OpenDatabase(at)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return db, service.DatabaseHost(at, db), nil
}

type migrateUpCmd struct{ databaseFlags }

// Run migrates, and says from which version to which.
func (c *migrateUpCmd) Run(ctx context.Context, w world) error {
	db, host, err := c.open(w.Env)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what counts is done
	before, err := schemaOf(ctx, db)
	if err == nil {
		err = db.Migrate(ctx, slog.New(slog.DiscardHandler))
	}
	if err != nil {
		return fmt.Errorf("migrate: %s: %w", host, err)
	}
	if before.Version == before.Wanted {
		return say(w.Stdout, "%s has version %d already", host, before.Version)
	}
	return say(w.Stdout, "%s was migrated from version %d to %d", host, before.Version, before.Wanted)
}

type migrateStatusCmd struct{ databaseFlags }

// Run prints a table, and returns an error if the service would not start.
func (c *migrateStatusCmd) Run(ctx context.Context, w world) error {
	db, host, err := c.open(w.Env)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // what counts is done
	state, err := schemaOf(ctx, db)
	if err != nil {
		return fmt.Errorf("migrate: %s: %w", host, err)
	}
	table := tabwriter.NewWriter(w.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "VERSION\tAPPLIED\tFILE")
	for _, m := range state.Migrations {
		at := ""
		if !m.AppliedAt.IsZero() {
			at = m.AppliedAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", m.Version, cmp.Or(at, "no"), m.Name)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := state.Err(); err != nil {
		return fmt.Errorf("migrate: %s: %w", host, err)
	}
	return nil
}

// schemaTimeout bounds a question to a database that may not answer.
const schemaTimeout = 15 * time.Second

func schemaOf(ctx context.Context, db audit.Store) (migrations.State, error) {
	ctx, cancel := context.WithTimeout(ctx, schemaTimeout)
	defer cancel()
	return db.Schema(ctx)
}
