package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"wsticket/cmd/wsticket/internal/config"
	"wsticket/cmd/wsticket/internal/podcheck"
	"wsticket/cmd/wsticket/internal/service"
)

// maxManifest bounds a manifest, in bytes.
const maxManifest = 16 << 20

// podKeys are the settings that a pod depends on.
var podKeys = []string{"health.listen", "internal.listen", "internal.tls.cert_file", "internal.tls.key_file", "ws.drain_window", "ws.upstream"}

// kubernetes says what a pod has to have, or checks a manifest.
func (c *checkConfigCmd) kubernetes(w world) error {
	if c.Online {
		return usageError{errors.New("--online and --kubernetes exclude each other: run check-config twice")}
	}
	if c.Manifest == "" {
		cfg, err := c.Load(w.Env, checkPodKeys)
		if err != nil {
			return err
		}
		return podcheck.Times{Delay: c.Delay, Window: cfg.WS.DrainWindow, Rest: service.RestTimeout}.Print(w.Stdout, healthPort(cfg))
	}
	manifest, err := c.readManifest(w)
	if err != nil {
		return fmt.Errorf("check-config: %s: %w", c.Manifest, err)
	}
	var faults []error
	for i := range manifest.Pods {
		faults = append(faults, c.checkPod(w, manifest, &manifest.Pods[i]))
	}
	return errors.Join(faults...)
}

// checkPod prints the times of a pod, or returns its faults.
func (c *checkConfigCmd) checkPod(w world, manifest podcheck.Manifest, pod *podcheck.Pod) error {
	cfg, err := c.podConfig(w, manifest, pod)
	if err != nil {
		return fmt.Errorf("%s: %w", pod.Name, err)
	}
	result, err := pod.Check(cfg, service.RestTimeout)
	for _, note := range result.Notes {
		_ = say(w.Stderr, "warning: %s", note)
	}
	if err != nil {
		return err
	}
	return say(w.Stdout, "%s is good: %s without readiness, %s to close WebSockets, %s for requests in progress, within %d s", pod.Name,
		result.Times.Delay, result.Times.Window, result.Times.Rest, result.Grace)
}

func checkPodKeys(cfg config.Config) error { return config.Only(cfg.Validate(), podKeys...) }

// healthPort says where probes ask.
func healthPort(cfg config.Config) string {
	ports, why := podcheck.Health(cfg)
	if len(ports) == 0 {
		return "but nothing answers a kubelet: " + why
	}
	return "port " + ports[0] + ": " + why
}

func (c *checkConfigCmd) readManifest(w world) (podcheck.Manifest, error) {
	from := w.Stdin
	if c.Manifest != "-" {
		file, err := os.Open(c.Manifest)
		if err != nil {
			return podcheck.Manifest{}, errors.Unwrap(err)
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	manifest, err := podcheck.Read(io.LimitReader(from, maxManifest))
	if err == nil && len(manifest.Pods) == 0 {
		err = errors.New("no pod in it has a container whose image or name is wsticket")
	}
	return manifest, err
}

// podConfig returns the settings of wsticket in a pod: its ConfigMap or --config, what
// its environment sets, and its arguments.
func (c *checkConfigCmd) podConfig(w world, manifest podcheck.Manifest, pod *podcheck.Pod) (config.Config, error) {
	var inPod cli
	parser, err := kong.New(&inPod, kong.Name("wsticket"), kong.Writers(io.Discard, io.Discard), durations(), kong.Exit(func(int) {}))
	if err != nil {
		return config.Config{}, err
	}
	if len(pod.Args) > 0 {
		if _, err := parser.Parse(pod.Args); err != nil {
			return config.Config{}, fmt.Errorf("args: %w", usageFault(err, parser))
		}
	}
	flags := inPod.Serve.Flags
	flags.Set = append(flags.Set, c.Set...)
	var env []string
	for _, key := range config.Keys() {
		for _, entry := range pod.Env {
			if slices.Contains(podKeys, key.Path) && strings.HasPrefix(entry, key.Env+"=") {
				env = append(env, entry)
			}
		}
	}
	if flags.Config = config.FileName(c.Config, w.Env); flags.Config != "" {
		return flags.Load(env, checkPodKeys)
	}
	if len(manifest.Settings) != 1 {
		return config.Config{}, fmt.Errorf("there are %d ConfigMaps with the key %s: say with --config FILE which settings it has", len(manifest.Settings), podcheck.SettingsKey)
	}
	return flags.LoadText("ConfigMap "+podcheck.SettingsKey, manifest.Settings[0], env, checkPodKeys)
}
