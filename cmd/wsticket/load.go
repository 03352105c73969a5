package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"wsticket/internal/layered"
)

// configFlags are the flags of the commands that read the configuration.
type configFlags struct {
	Config   string   `short:"c" placeholder:"FILE" help:"Configuration file (YAML). In the environment: WSTICKET_CONFIG."`
	Public   string   `placeholder:"ADDR" help:"Overrides public.listen. Port 0 picks a free one."`
	Internal string   `placeholder:"ADDR" help:"Overrides internal.listen."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"Sets any key of the configuration, such as ticket.ttl=45s. May be repeated."`
}

// load reads and validates the configuration. The error lists every fault.
func (f configFlags) load(w world) (Config, error) { return f.loadFor(w, Config.Validate) }

// loadFor is load for a command that has an opinion of its own on what a fault
// is, for example because it needs a part of the configuration only.
func (f configFlags) loadFor(w world, validate func(Config) error) (Config, error) {
	cfg, err := f.read(w)
	if _, unreadable := errors.AsType[*fs.PathError](err); unreadable {
		return Config{}, err
	}
	// What could be read is validated even where something could not, so that
	// one run names everything that is wrong. Of a file that is no YAML nothing
	// could be read, and everything would be missing.
	if !errors.Is(err, layered.ErrNotYAML) {
		err = errors.Join(err, validate(cfg))
	}
	switch {
	case err == nil:
		return cfg, nil
	case f.fileName(w) == "":
		return Config{}, fmt.Errorf("%w\n(no file was read: name one by --config or %s)", configError{err}, configEnv)
	default:
		return Config{}, configError{err}
	}
}

// fileName is empty where there is no file.
func (f configFlags) fileName(w world) string { return cmp.Or(f.Config, w.getenv(configEnv)) }

// read puts the layers together: defaults < file < environment < flags. The
// error joins what could not be read; the rest is in the answer all the same.
func (f configFlags) read(w world) (Config, error) {
	name := f.fileName(w)
	cfg := defaultConfig()
	src := layered.Sources{
		FileName: name, Env: w.Env, EnvPrefix: envPrefix, Reserved: []string{configEnv},
		Set: f.settings(), ReadFile: os.ReadFile,
	}
	if name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return cfg, fmt.Errorf("configuration: %w", err)
		}
		src.File = text
	}
	return cfg, layered.Load(&cfg, src)
}

func (f configFlags) settings() []string {
	set := f.Set
	if f.Public != "" {
		set = append(set, "public.listen="+f.Public)
	}
	if f.Internal != "" {
		set = append(set, "internal.listen="+f.Internal)
	}
	return set
}

// configError puts a heading above the list of faults.
type configError struct{ error }

// Error returns the heading and a line for each fault.
func (e configError) Error() string {
	return "the configuration has faults:\n" + keyError(e).Error()
}

// Unwrap returns the joined faults.
func (e configError) Unwrap() error { return e.error }

// keyError tells faults by the key of the configuration alone: which package
// has found them is nothing to an operator.
type keyError struct{ error }

func byKey(err error) error { return keyError{err} }

// Error returns a line for each fault.
func (e keyError) Error() string {
	lines := strings.Split(e.error.Error(), "\n")
	for n, line := range lines {
		line = strings.TrimPrefix(line, "auth: ")
		if rest, ok := strings.CutPrefix(line, "redisstore: URL: "); ok {
			line = "store.url: " + rest
		}
		lines[n] = line
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the joined faults.
func (e keyError) Unwrap() error { return e.error }
