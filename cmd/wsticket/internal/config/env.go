package config

import (
	"strings"

	"wsticket/internal/keyfile"
	"wsticket/internal/maskurl"
)

func (l *loader) loadEnv(env []string) {
	keys := map[string]field{}
	for _, f := range fields(l.root, "") {
		keys[envName(f.path)] = f
	}
	for _, entry := range env {
		name, text, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || name == fileEnv || name == KeyFileEnv {
			continue
		}
		if f, ok := keys[name]; ok {
			l.setText(name+": ", f.path, f.value, text)
			continue
		}
		f, ok := keys[strings.TrimSuffix(name, "_FILE")]
		if _, secret := f.valueOrNil().(*Secret); ok && secret {
			l.setSecretFile(name, f, text)
			continue
		}
		l.fault("", "%s: no such setting%s", name, suggestEnv(name, keys))
	}
}

// setSecretFile reads a secret from the file that NAME_FILE in the environment
// names.
func (l *loader) setSecretFile(name string, f field, file string) {
	data, err := keyfile.Read(file)
	if err != nil {
		l.fault(f.path, "%s: %w", name, err)
		return
	}
	l.setText(name+": ", f.path, f.value, strings.TrimRight(string(data), "\r\n"))
	if secret, ok := f.valueOrNil().(*Secret); ok {
		secret.file = file
	}
}

func (l *loader) setKey(source, key, text string) {
	all := map[string]field{}
	for _, f := range fields(l.root, "") {
		all[f.path] = f
	}
	f, ok := all[key]
	if !ok {
		l.fault(key, "%s%s: %s", source, maskurl.Hide(key), l.unknownKey("", key))
		return
	}
	l.setText(source, f.path, f.value, text)
}

// keyPart returns the beginning of a setting that looks like a key. What follows
// may be a secret.
func keyPart(setting string) string {
	end := strings.IndexFunc(setting, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '.' })
	if end < 0 {
		return setting
	}
	return setting[:end] + "…"
}
