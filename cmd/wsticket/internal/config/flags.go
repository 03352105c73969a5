package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"wsticket/internal/keyfile"
	"wsticket/internal/wspath"
)

// Flags are the flags of the commands that read the configuration.
type Flags struct {
	Config   string   `short:"c" placeholder:"FILE" help:"Configuration file (YAML). In the environment: WSTICKET_CONFIG. Names of files in it are relative to its folder."`
	Public   string   `placeholder:"ADDR" help:"Overrides public.listen. Port 0 picks a free one."`
	Internal string   `placeholder:"ADDR" help:"Overrides internal.listen."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"Sets any key of the configuration, such as ticket.ttl=45s. May be repeated."`
}

// Load reads the configuration: defaults < file < environment < flags. env is
// as from os.Environ.
//
// check finds the faults in what could be read. It is called even if some
// settings could not be read, so that the error names all faults, each by its
// key. It is not called if the file is missing or is not YAML.
func (f Flags) Load(env []string, check func(Config) error) (Config, error) {
	name := FileName(f.Config, env)
	cfg, err := read(name, env, f.settings())
	return checked(name, cfg, err, check)
}

// LoadText is Load with the text of a file that is in another one. Only env and the
// flags override it. Names of files in it have to be absolute.
func (f Flags) LoadText(name, text string, env []string, check func(Config) error) (Config, error) {
	cfg := Default()
	err := cfg.set(layers{fileName: name, file: []byte(text), env: env, set: f.settings()})
	return checked(name, cfg, err, check)
}

// checked adds what check finds to the faults of reading.
func checked(name string, cfg Config, err error, check func(Config) error) (Config, error) {
	if errors.Is(err, errNoFile) {
		return Config{}, err
	}
	if !errors.Is(err, errNotYAML) {
		err = errors.Join(err, withoutFollowing(check(cfg), err))
	}
	switch {
	case err == nil:
		return cfg, nil
	case name == "":
		return Config{}, fmt.Errorf("%w\n(no file was read: name one with --config FILE or %s)", faulty{err}, fileEnv)
	default:
		return Config{}, faulty{err}
	}
}

// LoadFile reads a file over the defaults, and nothing else. With an empty name
// it returns the defaults.
func LoadFile(name string) (Config, error) { return read(name, nil, nil) }

// With returns the settings with others of the form key=value over them.
func (c Config) With(settings []string) (Config, error) {
	if err := c.set(layers{set: settings}); err != nil {
		return c, faulty{err}
	}
	return c, nil
}

// FileName returns the name of the configuration file, empty if there is
// none: that of the flag, else that of the environment.
func FileName(flag string, env []string) string {
	for _, entry := range env {
		if name, ok := strings.CutPrefix(entry, fileEnv+"="); ok && flag == "" {
			return name
		}
	}
	return flag
}

// read puts the layers together. The error joins the faults of what could not
// be read; the result has everything else.
func read(file string, env, set []string) (Config, error) {
	cfg := Default()
	from := layers{fileName: file, env: env, set: set}
	if file != "" {
		text, err := keyfile.Read(file)
		if err != nil {
			return cfg, fmt.Errorf("%w: %w", errNoFile, err)
		}
		from.file, from.dir = text, folderOf(file)
	}
	return cfg, cfg.set(from)
}

// set puts layers over c. Where none of them sets ws.path, it is every path of the
// audiences, if they have any.
func (c *Config) set(from layers) error {
	before := c.WS.Paths
	c.WS.Paths = nil
	err := load(c, from)
	if c.WS.Paths != nil {
		return err
	}
	// Package gate reports what is wrong with the others.
	patterns, _ := wspath.ParseAll(c.Ticket.AudienceOptions().Paths())
	for _, p := range patterns {
		c.WS.Paths = append(c.WS.Paths, p.String())
	}
	if c.WS.Paths == nil {
		c.WS.Paths = before
	}
	return err
}

// errNoFile is wrapped by the error of a file that cannot be read.
var errNoFile = errors.New("configuration")

// folderOf returns the absolute folder of a file. It is empty for a pipe and for
// standard input, which are in no folder of the user's.
func folderOf(file string) string {
	info, err := os.Stat(file)
	whole, fault := filepath.Abs(file)
	// A file that a shell opens (/dev/stdin < FILE) looks like a regular one.
	opened := slices.ContainsFunc([]string{"/dev/stdin", "/dev/fd/", "/proc/"}, func(at string) bool { return strings.HasPrefix(whole, at) })
	if err != nil || fault != nil || opened || !info.Mode().IsRegular() {
		return ""
	}
	return filepath.Dir(whole)
}

// withoutFollowing leaves out the faults that follow from what could not be read:
// those of the same key, of a section that it is in, or of a key in it.
func withoutFollowing(err, read error) error {
	var kept []error
	for _, part := range parts(err) {
		fault, ok := part.(*Fault) //nolint:errorlint // A part itself, not what it wraps.
		if !ok || !slices.ContainsFunc(parts(read), func(part error) bool {
			cause, ok := part.(unread) //nolint:errorlint // As above.
			return ok && cause.key != "" && (within(fault.Key, cause.key) || within(cause.key, fault.Key))
		}) {
			kept = append(kept, part)
		}
	}
	return errors.Join(kept...)
}

// within reports whether a key is section, or in it.
func within(key, section string) bool {
	return key == section || strings.HasPrefix(key, section+".") || strings.HasPrefix(key, section+"[")
}

func (f Flags) settings() []string {
	set := f.Set
	if f.Public != "" {
		set = append(set, "public.listen="+f.Public)
	}
	if f.Internal != "" {
		set = append(set, "internal.listen="+f.Internal)
	}
	return set
}

// faulty puts a heading above the list of faults.
type faulty struct{ error }

// Error returns the heading and a line for each fault.
func (e faulty) Error() string { return "the configuration has faults:\n" + e.error.Error() }

// Unwrap returns the joined faults.
func (e faulty) Unwrap() error { return e.error }
