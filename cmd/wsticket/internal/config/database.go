package config

import (
	"path/filepath"
	"strings"
	"time"

	"wsticket/ticket"
)

// Database is where the trail is, and what was revoked.
type Database struct {
	URL     Secret `yaml:"url" help:"Database of the audit trail, and of what was revoked: sqlite:PATH, a file on this machine that its processes may share; sqlite: alone, in memory, for trials; or postgres://user:password@host:5432/name for several machines. Empty: none, and events are in the log and the webhook alone. The environment variable WSTICKET_DATABASE_URL_FILE names a file that contains it. See docs/audit.md."`
	Migrate bool   `yaml:"migrate" help:"Make and change the tables at the start, which one of several processes does that start together. Otherwise run wsticket migrate up before a new version."`
}

// Audit is how events get into the trail of database.url.
type Audit struct {
	Required  bool          `yaml:"required" help:"Whether nobody is admitted whose admission is not stored: a ticket is redeemed, and a bearer or session accepted, only when its event is in the database, at most 2s later. Otherwise the answer is 503, and the ticket is spent. Needs database.url."`
	WhenFull  string        `yaml:"when_full" help:"What becomes of an event for which queue has no room, because the database is slow or away: drop (it is lost), or block (its request waits, up to 1s, and then it is lost). What is lost is counted, and the trail has a record of how many were."`
	Queue     int           `yaml:"queue" help:"Events that wait for the database at most, up to 262144. 8192 take about 6 MiB."`
	Retention time.Duration `yaml:"retention" help:"How long records are kept, 1h or more. 0s: for ever."`
}

// schemeSQLite begins the URL of a file.
const schemeSQLite = "sqlite:"

// SQLite returns the file of a database in SQLite, "" for one in memory, and whether it is
// one. A relative name is relative to the folder of the configuration file, if the URL
// stands there.
func (d Database) SQLite() (path string, ok bool) {
	path, ok = strings.CutPrefix(d.URL.Reveal(), schemeSQLite)
	if ok && path != "" && !filepath.IsAbs(path) {
		path = filepath.Join(d.URL.Dir(), path)
	}
	return path, ok
}

// None reports whether there is no database.
func (d Database) None() bool { return d.URL.Reveal() == "" }

// Postgres reports whether the URL is that of a PostgreSQL. It does not check it.
func (d Database) Postgres() bool {
	url := d.URL.Reveal()
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func (c Config) validateDatabase(f *ticket.OptionErrors) {
	_, file := c.Database.SQLite()
	f.Check(c.Database.None() || file || c.Database.Postgres(), "database.url", "must begin with sqlite: or postgres://, as in sqlite:trail.db or postgres://localhost/wsticket")
	f.Check(!c.Audit.Required || !c.Database.None(), "audit.required", "needs database.url")
	for _, name := range c.Health.ReadyRequires {
		f.Check(name != RequireDatabase || !c.Database.None(), "health.ready_requires", "database needs database.url")
	}
}
